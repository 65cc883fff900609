"""Alterations of an image at five strengths: what cameras, clinics and skin do to it, by family.

Fifteen have the names and parameters of DermaMNIST-C (Di Salvo et al. 2024, "MedMNIST-C"), most of them after Hendrycks
& Dietterich 2019, "Benchmarking neural network robustness to common corruptions and perturbations". The others are what
Maron et al. 2021, "A benchmark for neural network robustness in skin cancer classification", name for dermoscopy.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from stages.pictures import artefacts, optics
from stages.pictures.optics import Alter
from stages.pictures.settings import UNALTERED

STRENGTHS = (1, 2, 3, 4, 5)
MILD = (1, 2, 3)  # those that are quoted first: 4 and 5 of hair are a scribble


@dataclass(frozen=True)
class Alteration:
    """family: alike ones; named: in DermaMNIST-C; seen: views do the like in training (brightness, contrast, zoom)."""

    apply: Alter
    family: str
    named: bool = False
    seen: bool = False


ALTERATIONS = {
    "pixelate": Alteration(optics.pixelate, "file", named=True),
    "jpeg_compression": Alteration(optics.compressed(30, 20, 15, 10, 7), "file", named=True),
    "gaussian_noise": Alteration(optics.gaussian_noise, "noise", named=True),
    "speckle_noise": Alteration(optics.speckle_noise, "noise", named=True),
    "impulse_noise": Alteration(optics.impulse_noise, "noise", named=True),
    "shot_noise": Alteration(optics.shot_noise, "noise", named=True),
    "defocus_blur": Alteration(optics.defocus_blur, "blur", named=True),
    "motion_blur": Alteration(optics.motion_blur, "blur", named=True),
    "zoom_blur": Alteration(optics.zoom_blur, "blur", named=True),
    "brightness_up": Alteration(optics.brightness(1.1, 1.2, 1.3, 1.4, 1.5), "light", named=True, seen=True),
    "brightness_down": Alteration(optics.brightness(0.9, 0.8, 0.7, 0.6, 0.5), "light", named=True, seen=True),
    "contrast_up": Alteration(optics.contrast(1.1, 1.2, 1.3, 1.4, 1.6), "light", named=True, seen=True),
    "contrast_down": Alteration(optics.contrast(0.8, 0.7, 0.6, 0.5, 0.4), "light", named=True, seen=True),
    "black_corner": Alteration(artefacts.black_corner, "artefact", named=True),
    "characters": Alteration(artefacts.characters, "artefact", named=True),
    "blur": Alteration(optics.blur, "blur"),
    "over_exposure": Alteration(optics.brightness(1.15, 1.30, 1.50, 1.75, 2.10), "light", seen=True),
    "colour_cast": Alteration(optics.color_cast, "illuminant"),
    "crop": Alteration(optics.crop, "framing", seen=True),
    "jpeg": Alteration(optics.compressed(60, 40, 25, 15, 8), "file"),
    "hair": Alteration(artefacts.hair, "hair"),
    "hair_bundles": Alteration(artefacts.hair_bundles, "hair"),
    "ruler": Alteration(artefacts.ruler, "artefact"),
    "ink": Alteration(artefacts.ink, "artefact"),
    "bubbles": Alteration(artefacts.bubbles, "artefact"),
}
CASES = [(UNALTERED, 0), *product(ALTERATIONS, STRENGTHS)]  # alteration and strength
FAMILIES = list(dict.fromkeys(each.family for each in ALTERATIONS.values()))
MEANS = {  # what is averaged over, of the alterations
    "all": list(ALTERATIONS),
    "DermaMNIST-C": [name for name, each in ALTERATIONS.items() if each.named],
    "seen in training": [name for name, each in ALTERATIONS.items() if each.seen],
    "not seen": [name for name, each in ALTERATIONS.items() if not each.seen],
    **{family: [name for name, each in ALTERATIONS.items() if each.family == family] for family in FAMILIES},
}


def alter(image: np.ndarray, alteration: str, strength: int, rng: np.random.Generator) -> np.ndarray:
    """Return an image, uint8 (size, size, 3), altered by one of `ALTERATIONS` at a strength from 1 to 5."""
    altered = ALTERATIONS[alteration].apply(image.astype(np.float32) / 255, strength - 1, rng)
    return (altered.clip(0, 1) * 255).round().astype(np.uint8)
