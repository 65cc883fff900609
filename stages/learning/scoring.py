"""Compute a trained model's logits on packed images, batch by batch."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from stages.dataset.pack import Pack
from stages.learning.device import Device
from stages.learning.models import Classifier
from stages.learning.views import Examples, plain_view

BATCH = 64
# Pixels of a batch with all its turns, above which turns are computed one at a time: 256 images of 224 px took
# EfficientNet-B0 5.4 GB, 64 take 2.0 (docs/speed.md). The rule looks at shapes alone, so that bits stay repeatable.
AT_ONCE = 4_000_000


def score_images(model: nn.Module, pack: Pack, rows: np.ndarray, device: Device) -> np.ndarray:
    """Return the logits of some rows of the pack, not augmented, float32 (images, classes)."""
    return _score(model, rows, lambda batch: plain_view(torch.from_numpy(pack.pixels[batch]).to(device.device)), device)


def score_view(model: nn.Module, examples: Examples, view: int, device: Device) -> np.ndarray:
    """Return the logits of one view of every training image, float32 (images, classes)."""
    positions = np.arange(len(examples.images.rows))
    return _score(model, positions, lambda batch: examples.view(batch, view, device.device), device)


@torch.inference_mode()
def _score(
    model: nn.Module, indices: np.ndarray, load: Callable[[np.ndarray], torch.Tensor], device: Device
) -> np.ndarray:
    model.eval()
    logits = []
    for batch in np.array_split(indices, max(1, -(-len(indices) // BATCH))):
        images = load(batch)
        with device.autocast():
            logits.append(_forward(model, images).float().cpu().numpy())
    return np.concatenate(logits)


def _forward(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    if isinstance(model, Classifier) and model.tta_rotations * images[:, 0].numel() > AT_ONCE:
        return model.turn_by_turn(images)
    return model(images)
