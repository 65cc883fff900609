"""Alterations of an image at five strengths: what cameras, clinics and skin do to it.

Blur, over-exposure and JPEG follow the corruptions of Hendrycks & Dietterich 2019, "Benchmarking neural network
robustness to common corruptions and perturbations"; hair, rulers, colour and framing are what Maron et al. 2021, "A
benchmark for neural network robustness in skin cancer classification", name for dermoscopy. Steps are in shares of the
image's side, so that every image size sees the same.
"""

import io
from collections.abc import Callable
from itertools import product

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from stages.pictures.settings import UNALTERED

HAIR = np.array([0.13, 0.09, 0.08])  # RGB, dark brown
INK = 0.12  # of a ruler's ticks, grey
STRENGTHS = (1, 2, 3, 4, 5)

Picture = np.ndarray  # float (size, size, 3) in [0, 1]; an alteration may leave the range, `alter` clips


def alter(image: np.ndarray, alteration: str, strength: int, rng: np.random.Generator) -> np.ndarray:
    """Return an image, uint8 (size, size, 3), altered by one of `ALTERATIONS` at a strength from 1 to 5."""
    altered = ALTERATIONS[alteration](image / 255, strength - 1, rng)
    return (altered.clip(0, 1) * 255).round().astype(np.uint8)


def blur(image: Picture, step: int, _: np.random.Generator) -> Picture:
    """Out of focus: a Gaussian of 0.3 to 2.4 % of the side."""
    sigma = (0.003, 0.006, 0.010, 0.016, 0.024)[step] * len(image)
    return gaussian_filter(image, (sigma, sigma, 0), mode="reflect")


def over_exposure(image: Picture, step: int, _: np.random.Generator) -> Picture:
    """More light, 1.15 to 2.1 times as much, so that bright skin becomes white."""
    return image * (1.15, 1.30, 1.50, 1.75, 2.10)[step]


def color_cast(image: Picture, step: int, rng: np.random.Generator) -> Picture:
    """White balance that is off by 5 to 30 %, towards a colour drawn for each image."""
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2, 4]) * np.pi / 3
    return image * (1 + (0.05, 0.10, 0.15, 0.20, 0.30)[step] * np.cos(hue))


def crop(image: Picture, step: int, _: np.random.Generator) -> Picture:
    """Too near: the middle 90 to 50 % of each side, enlarged."""
    size = len(image)
    margin = (1 - (0.9, 0.8, 0.7, 0.6, 0.5)[step]) / 2 * size
    picture = Image.fromarray((image * 255).round().astype(np.uint8))
    box = (margin, margin, size - margin, size - margin)
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=box)) / 255


def jpeg(image: Picture, step: int, _: np.random.Generator) -> Picture:
    """Compressed to JPEG of quality 60 to 8."""
    file = io.BytesIO()
    Image.fromarray((image * 255).round().astype(np.uint8)).save(file, "JPEG", quality=(60, 40, 25, 15, 8)[step])
    return np.asarray(Image.open(file)) / 255


def hair(image: Picture, step: int, rng: np.random.Generator) -> Picture:
    """Covered by 4 to 48 dark hairs: parabolas across the image."""
    size = len(image)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    cover = np.zeros((size, size))
    for _ in range((4, 8, 16, 28, 48)[step]):
        angle, offset, bend = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6), rng.normal(0, 0.4)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        distance = (across - offset + bend * along**2) / rng.uniform(0.003, 0.006)
        cover = np.maximum(cover, 0.85 * np.exp(-(distance**2)))
    return image + cover[..., None] * (HAIR - image)


def ruler(image: Picture, step: int, rng: np.random.Generator) -> Picture:
    """A ruler's ticks along one edge, 4 to 24 % of the side long, each fifth one longer."""
    size = len(image)
    pitch, length, turns = max(3, size // 28), (0.04, 0.07, 0.11, 0.16, 0.24)[step] * size, int(rng.integers(4))
    turned = np.rot90(image, turns).copy()  # so that the ruler lies along any of the edges
    for number, start in enumerate(range(int(rng.integers(pitch)), size, pitch)):
        turned[-round(length * (1 if number % 5 == 0 else 0.6)) :, start : start + max(1, size // 150)] = INK
    return np.rot90(turned, -turns)


ALTERATIONS: dict[str, Callable[[Picture, int, np.random.Generator], Picture]] = {
    "blur": blur,
    "over_exposure": over_exposure,
    "colour_cast": color_cast,
    "crop": crop,
    "jpeg": jpeg,
    "hair": hair,
    "ruler": ruler,
}
CASES = [(UNALTERED, 0), *product(ALTERATIONS, STRENGTHS)]  # alteration and strength
