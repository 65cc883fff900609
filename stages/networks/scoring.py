"""Compute a trained model's logits on packed images, batch by batch."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from stages.foundation.pack import Pack
from stages.networks.device import Device
from stages.networks.views import Examples, plain_view

BATCH = 64


def score_images(model: nn.Module, pack: Pack, rows: np.ndarray, device: Device, *, turns: int = 1) -> np.ndarray:
    """Return the logits of some rows of the pack, not augmented, float32 (images, classes).

    turns: of 90 degrees, over which the logits are averaged; each costs a pass.
    """

    def load(batch: np.ndarray) -> torch.Tensor:
        return plain_view(torch.from_numpy(pack.pixels[batch]).to(device.device))

    return _score(model, rows, load, device, turns)


def score_view(
    model: nn.Module, examples: Examples, positions: np.ndarray, view: int, device: Device, *, turns: int = 1
) -> np.ndarray:
    """Return the logits of one view of the images at some positions of train.csv, float32 (images, classes)."""
    return _score(model, positions, lambda batch: examples.batch(batch, view, device.device).images, device, turns)


@torch.inference_mode()
def _score(
    model: nn.Module, indices: np.ndarray, load: Callable[[np.ndarray], torch.Tensor], device: Device, turns: int
) -> np.ndarray:
    model.eval()
    logits = []
    for batch in np.array_split(indices, max(1, -(-len(indices) // BATCH))):
        images = load(batch)
        with device.autocast():  # turn by turn: four at once take four times the memory (docs/scale.md)
            passes = [model(torch.rot90(images, turn, (2, 3))).float() for turn in range(turns)]
        logits.append(torch.stack(passes).mean(dim=0).cpu().numpy())
    return np.concatenate(logits)
