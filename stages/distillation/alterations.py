"""Altered views: what cameras, files and skin do to an image, shown to a student and to no teacher.

A student learns what its teachers say of the view as it is, and sees it altered, so that it answers alike (as in "noisy
student", Xie et al. 2020). Alterations are a pure function of (seed, image, view), as views are. Those of the stress
test (stages/pictures) are drawn by other code, and some of them are like nothing in training: motion, enlarging while
exposed, rulers, ink, bubbles, letters, large pixels.
"""

import functools
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

from stages.distillation.settings import Alterations
from stages.networks.views import Batch, Examples, uniform

# What a strength of 1 does. That of 3 is about the stress test's third, of blur about its defocus.
SIGMA = 0.0045  # of blurring, a share of the image's side
NOISE = 0.04  # standard deviation
CAST = 0.05  # of a channel's gain
EXPOSURE = 0.12  # log of the gain of all
QUALITY = 75, 20  # of a JPEG file: at a strength of 0, and how much less at 1
RADIUS = 1.15, 0.05  # of the visible circle, in half sides: likewise
HAIRS = 6  # at most
LIGHT = "light"  # the family that all altered views have
MASKS = 128  # of hairs, drawn once: each is turned and coloured anew
FAIREST = (0.75, 0.60, 0.45)  # RGB of hair


@dataclass(frozen=True)
class AlteredExamples(Examples):
    """The training images with views of which a share is altered."""

    alterations: Alterations

    def batch(self, positions: np.ndarray, view: int, device: torch.device) -> Batch:
        """Return one view of the images at some positions of train.csv, int64 (batch,)."""
        batch = super().batch(positions, view, device)
        return replace(batch, images=alter(batch.images, self.images.hashes[positions], view, self.alterations))


def alter(images: torch.Tensor, hashes: np.ndarray, view: int, settings: Alterations) -> torch.Tensor:
    """Alter settings.share of the images, float32 (images, 3, size, size) in [0, 1], in place, and return them.

    None is altered in the views from settings.until on. hashes: of the images, uint64 (images,). It goes image by
    image: gathering those of a family into a batch and putting them back takes longer than altering them.
    """
    if settings.until != "none" and view >= settings.until:
        return images
    altered, strength, kind, *luck = uniform(settings.seed, ~hashes, view, 9)  # the views' own are of the hashes
    others = [name for name in settings.families if name != LIGHT]
    for at in np.flatnonzero(altered < settings.share):
        image, step = images[at], settings.strength * (1 - float(strength[at]))  # above 0
        chosen = others[int(kind[at] * len(others))] if others else LIGHT
        for name in settings.families:
            if name in (LIGHT, chosen):
                of_its_own = luck[:3] if name == LIGHT else luck[3:]
                image.copy_(APPLY[name](image, step, [float(values[at]) for values in of_its_own], settings))
        image.clamp_(0, 1)
    return images


def light(image: torch.Tensor, step: float, luck: list[float], _: Alterations) -> torch.Tensor:
    """Another illuminant and exposure: a gain for each channel, towards a colour drawn for each image."""
    hue = 2 * math.pi * (luck[0] + torch.arange(3) / 3)
    gain = math.exp(EXPOSURE * step * (2 * luck[1] - 1)) * (1 + CAST * step * luck[2] * torch.cos(hue))
    return image * gain.to(image.device)[:, None, None]


def blur(image: torch.Tensor, step: float, _: list[float], __: Alterations) -> torch.Tensor:
    """Out of focus: a Gaussian."""
    sigma = max(SIGMA * image.shape[-1] * step, 0.05)  # pixels
    reach = math.ceil(2.5 * sigma)
    weights = torch.softmax(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2, dim=0).tolist()
    wider = F.pad(image[None], (reach,) * 4, mode="reflect")[0]
    return _smoothed(_smoothed(wider, weights, 2), weights, 1)


def _smoothed(image: torch.Tensor, weights: list[float], dim: int) -> torch.Tensor:
    """Return the weighted sum of an image's shifts along one side; twice as fast as a convolution on a CPU."""
    length = image.shape[dim] - len(weights) + 1
    total = image.narrow(dim, 0, length) * weights[0]
    for start, weight in enumerate(weights[1:], 1):
        total.add_(image.narrow(dim, start, length), alpha=weight)
    return total


def noise(image: torch.Tensor, step: float, luck: list[float], settings: Alterations) -> torch.Tensor:
    """A sensor's noise: a window of a field that is drawn once."""
    size = image.shape[-1]
    y, x = (int(share * size) for share in luck[:2])
    window = noise_field(settings.seed, size)[:, y : y + size, x : x + size].to(image.device)
    return torch.add(image, window, alpha=NOISE * step)


def compress(image: torch.Tensor, step: float, _: list[float], __: Alterations) -> torch.Tensor:
    """Compressed to a JPEG file."""
    pixels = (image * 255).round().clamp_(0, 255).to(torch.uint8).cpu()
    file = encode_jpeg(pixels, max(5, round(QUALITY[0] - QUALITY[1] * step)))
    return decode_jpeg(file, ImageReadMode.RGB).to(image.device).float() / 255


def hair(image: torch.Tensor, step: float, luck: list[float], settings: Alterations) -> torch.Tensor:
    """Covered by hairs of one colour, from black to fair, each of its own width."""
    masks = hair_masks(settings.seed, image.shape[-1], settings.strength)
    mask = masks[int(luck[0] * len(masks) * step / settings.strength)]  # the later ones have more hairs
    color = torch.tensor(FAIREST)[:, None, None] * luck[2] ** 2
    return torch.lerp(image, color.to(image.device), torch.rot90(mask, int(4 * luck[1])).to(image.device))


def corners(image: torch.Tensor, step: float, _: list[float], __: Alterations) -> torch.Tensor:
    """Black outside a circle, as a dermatoscope's rim leaves it."""
    axis = torch.linspace(-1, 1, image.shape[-1], device=image.device)
    return image * (torch.hypot(axis[:, None], axis) <= RADIUS[0] - RADIUS[1] * step)


@functools.cache
def noise_field(seed: int, size: int) -> torch.Tensor:
    """Return standard normal numbers, float32 (3, 2 size, 2 size)."""
    return torch.randn(3, 2 * size, 2 * size, generator=torch.Generator().manual_seed(seed))


@functools.cache
def hair_masks(seed: int, size: int, strength: float) -> torch.Tensor:
    """Return what hairs hide, float32 (MASKS, size, size): arcs, 1 to HAIRS * strength a mask."""
    rng = np.random.default_rng(seed)
    y, x = torch.meshgrid(*[torch.arange(size) / size] * 2, indexing="ij")
    masks = torch.zeros(MASKS, size, size)
    for number, mask in enumerate(masks):
        hairs = 1 + int(number / MASKS * HAIRS * strength)
        direction, radius = rng.uniform(0, 2 * np.pi, hairs), rng.uniform(0.4, 4, hairs)
        middle = rng.uniform(0, 1, (2, hairs)) + radius * np.stack([np.cos(direction), np.sin(direction)])
        width, opacity = rng.uniform(0.002, 0.008, hairs), rng.uniform(0.6, 0.95, hairs)
        for at_x, at_y, r, w, o in zip(*middle, radius, width, opacity, strict=True):
            away = (torch.hypot(x - at_x, y - at_y) - r) / w
            torch.maximum(mask, o * torch.exp(-away.square()), out=mask)
    return masks


APPLY = {LIGHT: light, "blur": blur, "noise": noise, "file": compress, "hair": hair, "corners": corners}
