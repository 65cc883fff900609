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
    forward = model.turn_by_turn if isinstance(model, Classifier) else model
    logits = []
    for batch in np.array_split(indices, max(1, -(-len(indices) // BATCH))):
        images = load(batch)
        with device.autocast():
            logits.append(forward(images).float().cpu().numpy())
    return np.concatenate(logits)
