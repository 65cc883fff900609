"""Activations computed again in the backward pass instead of kept: the same bits, in less than half of the memory.

Gradient checkpointing (Chen et al. 2016), a stage of the network at a time. Splitting the batch would change the
result: batch norm takes its statistics over the whole of it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

# Their training at 224 px and batch 32 would take more than 20 GB, or come near it: docs/speed.md has all thirteen.
LARGE = ("efficientnet_b6", "efficientnet_b7")


class Recomputed(nn.Sequential):
    """A network's feature stages; in training each keeps its input alone and runs again for its gradients."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(images)  # type: ignore[no-untyped-call]
        for stage in self:
            contexts = partial(_contexts, stage)
            images = checkpoint(stage, images, use_reentrant=False, context_fn=contexts)
        return images


def recompute_features(backbone: nn.Module) -> None:
    """Have an EfficientNet recompute the stages of its `features`; parameters keep their names."""
    backbone.features = Recomputed(*backbone.get_submodule("features").children())


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return what the forward pass and its repetition run in."""
    return nullcontext(), _statistics_kept(stage)


@contextmanager
def _statistics_kept(stage: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch norms as they are: the first pass has moved them."""
    norms = [module for module in stage.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm, _, batches in before:
        norm.momentum = 0.0
        norm.num_batches_tracked = None if batches is None else batches.clone()
    try:
        yield
    finally:
        for norm, momentum, batches in before:
            norm.momentum, norm.num_batches_tracked = momentum, batches
