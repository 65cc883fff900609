"""Logits of a trained model on packed images, batch by batch."""

import numpy as np
import torch
from torch import nn

from stages.dataset.pack import Pack
from stages.learning.device import Device
from stages.learning.examples import Examples
from stages.learning.models import Classifier
from stages.learning.views import plain_view

BATCH = 64


@torch.inference_mode()
def score_images(model: nn.Module, pack: Pack, rows: np.ndarray, device: Device) -> np.ndarray:
    """Return the logits of these rows as they are packed, float32 (images, classes)."""
    model.eval()
    batches = np.array_split(rows, max(1, -(-len(rows) // BATCH)))
    logits = [
        _forward(model, plain_view(torch.from_numpy(pack.pixels[batch]).to(device.device)), device) for batch in batches
    ]
    return np.concatenate(logits)


@torch.inference_mode()
def score_view(model: nn.Module, examples: Examples, view: int, device: Device) -> np.ndarray:
    """Return the logits of one view of every training image, float32 (images, classes)."""
    model.eval()
    positions = np.arange(len(examples.images.rows))
    batches = np.array_split(positions, -(-len(positions) // BATCH))
    return np.concatenate([_forward(model, examples.view(batch, view, device.device), device) for batch in batches])


def _forward(model: nn.Module, images: torch.Tensor, device: Device) -> np.ndarray:
    forward = model.turn_by_turn if isinstance(model, Classifier) else model
    with device.autocast():
        return forward(images).float().cpu().numpy()
