"""Gradient checkpointing (Chen et al. 2016): the same results for less memory.

The backward pass computes activations again, one feature stage of the network at a time. Splitting the batch instead
would change the result, as batch norm takes its statistics over the whole batch.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

# At 224 px and batch 32 their training takes 16 and 21 GB without it: docs/scale.md has all architectures.
LARGE = ("efficientnet_b6", "efficientnet_b7")


class Recomputed(nn.Sequential):
    """Feature stages of a network; in training each keeps only its input and runs again in the backward pass."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(images)  # type: ignore[no-untyped-call]
        for stage in self:
            images = checkpoint(stage, images, use_reentrant=False, context_fn=partial(_contexts, stage))
        return images


def recompute_features(backbone: nn.Module) -> None:
    """Make an EfficientNet recompute its feature stages in the backward pass; parameters keep their names."""
    backbone.features = Recomputed(*backbone.get_submodule("features").children())


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return the context managers of the forward pass and of its repetition."""
    return nullcontext(), _frozen_statistics(stage)


@contextmanager
def _frozen_statistics(stage: nn.Module) -> Iterator[None]:
    """Keep batch norms from updating their running statistics, which the first pass has updated."""
    norms = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d)]
    settings = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm, _, batches in settings:
        norm.momentum = 0.0
        norm.num_batches_tracked = None if batches is None else batches.clone()
    try:
        yield
    finally:
        for norm, momentum, batches in settings:
            norm.momentum, norm.num_batches_tracked = momentum, batches
