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
# Views; altered views, which are where alterations.share is above 0; these, but drawn by another code; nothing.
VIEWS, ALTERED, OTHERWISE, NOTHING = LIKE = ("views", "altered views", "altered views drawn otherwise", "nothing")


@dataclass(frozen=True)
class Alteration:
    """family: alike ones; named: in DermaMNIST-C; like: what in training does the like, one of LIKE."""

    apply: Alter
    family: str
    named: bool = False
    like: str = NOTHING


ALTERATIONS = {
    "pixelate": Alteration(optics.pixelate, "file", named=True),
    "jpeg_compression": Alteration(optics.compressed(30, 20, 15, 10, 7), "file", named=True, like=ALTERED),
    "gaussian_noise": Alteration(optics.gaussian_noise, "noise", named=True, like=ALTERED),
    "speckle_noise": Alteration(optics.speckle_noise, "noise", named=True, like=OTHERWISE),
    "impulse_noise": Alteration(optics.impulse_noise, "noise", named=True, like=OTHERWISE),
    "shot_noise": Alteration(optics.shot_noise, "noise", named=True, like=OTHERWISE),
    "defocus_blur": Alteration(optics.defocus_blur, "blur", named=True, like=OTHERWISE),
    "motion_blur": Alteration(optics.motion_blur, "blur", named=True),
    "zoom_blur": Alteration(optics.zoom_blur, "blur", named=True),
    "brightness_up": Alteration(optics.brightness(1.1, 1.2, 1.3, 1.4, 1.5), "light", named=True, like=VIEWS),
    "brightness_down": Alteration(optics.brightness(0.9, 0.8, 0.7, 0.6, 0.5), "light", named=True, like=VIEWS),
    "contrast_up": Alteration(optics.contrast(1.1, 1.2, 1.3, 1.4, 1.6), "light", named=True, like=VIEWS),
    "contrast_down": Alteration(optics.contrast(0.8, 0.7, 0.6, 0.5, 0.4), "light", named=True, like=VIEWS),
    "black_corner": Alteration(artefacts.black_corner, "artefact", named=True, like=ALTERED),
    "characters": Alteration(artefacts.characters, "artefact", named=True),
    "blur": Alteration(optics.blur, "blur", like=ALTERED),
    "over_exposure": Alteration(optics.brightness(1.15, 1.30, 1.50, 1.75, 2.10), "light", like=VIEWS),
    "colour_cast": Alteration(optics.color_cast, "illuminant", like=ALTERED),
    "crop": Alteration(optics.crop, "framing", like=VIEWS),
    "jpeg": Alteration(optics.compressed(60, 40, 25, 15, 8), "file", like=ALTERED),
    "hair": Alteration(artefacts.hair, "hair", like=ALTERED),
    "hair_bundles": Alteration(artefacts.hair_bundles, "hair", like=OTHERWISE),
    "ruler": Alteration(artefacts.ruler, "artefact"),
    "ink": Alteration(artefacts.ink, "artefact"),
    "bubbles": Alteration(artefacts.bubbles, "artefact"),
}
CASES = [(UNALTERED, 0), *product(ALTERATIONS, STRENGTHS)]  # alteration and strength
COMPARED = {(name, strength) for name, each in ALTERATIONS.items() if each.named for strength in MILD}  # of all models
FAMILIES = list(dict.fromkeys(each.family for each in ALTERATIONS.values()))
EVERY = "all"
MEANS = {  # what is averaged over, of the alterations
    EVERY: list(ALTERATIONS),
    "DermaMNIST-C": [name for name, each in ALTERATIONS.items() if each.named],
    **{f"like {like}": [name for name, each in ALTERATIONS.items() if each.like == like] for like in LIKE},
    **{family: [name for name, each in ALTERATIONS.items() if each.family == family] for family in FAMILIES},
}


def alter(image: np.ndarray, alteration: str, strength: int, rng: np.random.Generator) -> np.ndarray:
    """Return an image, uint8 (size, size, 3), altered by one of `ALTERATIONS` at a strength from 1 to 5."""
    altered = ALTERATIONS[alteration].apply(image.astype(np.float32) / 255, strength - 1, rng)
    return (altered.clip(0, 1) * 255).round().astype(np.uint8)
