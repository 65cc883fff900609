"""Synthetic dermoscopy: skin, one lesion, hair, ruler and pen marks, gel bubbles and a camera's optics.

How malignant a lesion looks is one latent number; asymmetry, border, colours, network and veil follow it with noise, as
in the ABCD rule (Stolz et al. 1994). Images of one lesion share its form and differ in pose, light, hair and marks.
The pictures mean nothing clinically: they exercise the pipeline.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from stages.pictures.camera import CAMERAS, photograph
from stages.pictures.settings import CameraName

Field = np.ndarray  # float (height, width) or (height, width, 3)

BROWN = np.array([0.48, 0.31, 0.22])
DARK = np.array([0.16, 0.10, 0.09])
PINK = np.array([0.80, 0.50, 0.47])
RED = np.array([0.60, 0.12, 0.16])
BLUE_WHITE = np.array([0.55, 0.60, 0.70])
WHITE = np.array([0.90, 0.82, 0.78])
YELLOW = np.array([0.85, 0.72, 0.50])
GEL = np.array([1.0, 1.0, 1.0])
PURPLE_INK = np.array([0.30, 0.20, 0.45])

# diagnosis -> (colour of the lesion, strength of its pigment patterns, 0 to 1)
BODY = {
    "mel": (BROWN, 1.0),
    "nv": (BROWN, 1.0),
    "bkl": (0.6 * BROWN + 0.4 * YELLOW, 0.8),
    "df": (0.6 * BROWN + 0.4 * PINK, 0.6),
    "akiec": (PINK, 0.5),
    "bcc": (0.8 * PINK + 0.2 * BROWN, 0.5),
    "vasc": (RED, 0.4),
}


@dataclass(frozen=True)
class Lesion:
    """One lesion: diagnosis, latent malignancy, the seed its appearance is drawn from, the camera it is seen by."""

    dx: str
    malignancy: float
    seed: tuple[int, ...]
    camera: CameraName = "standard"


def render(lesion: Lesion, shot: int, *, width: int, height: int) -> np.ndarray:
    """Return image number `shot` of the lesion, uint8 (height, width, 3)."""
    form = np.random.default_rng([*lesion.seed, 1])
    light = np.random.default_rng([*lesion.seed, 2 + shot])
    y, x = _coordinates(width, height, light)
    skin = _skin(form, light, (height, width))
    body, mask = _body(lesion, form, x, y)
    image = skin * (1 - mask[..., None]) + body * mask[..., None]
    image = _hair(image, light)
    image = _marks(image, light)
    image = _bubbles(image, light)
    image = photograph(image, light, CAMERAS[lesion.camera])
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def traits(malignancy: float, rng: np.random.Generator) -> np.ndarray:
    """Return asymmetry, border, colours, network and veil, each in [0, 1]: a logistic of malignancy plus noise."""
    return 1 / (1 + np.exp(-(2.2 * (malignancy - 1.2) + rng.normal(0, 1.0, 5))))


def _coordinates(width: int, height: int, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return y and x of each pixel, centred on the lesion and rotated; the picture's height spans about 2."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = (2 * y - height) / height, (2 * x - width) / height
    y, x = y - rng.normal(0, 0.08), x - rng.normal(0, 0.12)
    angle, zoom = rng.uniform(0, 2 * np.pi), rng.uniform(0.85, 1.2)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    return cos * y - sin * x, sin * y + cos * x


def _smooth(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> Field:
    noise = gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return noise / noise.std()


def _skin(form: np.random.Generator, light: np.random.Generator, shape: tuple[int, int]) -> Field:
    tone = np.array([0.86, 0.68, 0.60]) + form.normal(0, 0.05) + form.normal(0, 0.015, 3)
    texture = 0.012 * _smooth(light, shape, 1.0) + 0.02 * _smooth(light, shape, 9.0)
    return tone + texture[..., None]


def _blob(rng: np.random.Generator, x: Field, y: Field, reach: float, size: float) -> Field:
    angle, distance = rng.uniform(0, 2 * np.pi), reach * np.sqrt(rng.uniform())
    away = np.hypot(x - distance * np.cos(angle), y - distance * np.sin(angle))
    return 1 / (1 + np.exp((away - size) / (0.2 * size)))


def _paint(image: Field, color: np.ndarray, amount: Field) -> Field:
    return image + amount[..., None] * (color - image)


def _body(lesion: Lesion, rng: np.random.Generator, x: Field, y: Field) -> tuple[Field, Field]:
    """Return the lesion's colours (height, width, 3) and its mask with a soft edge (height, width), 0 to 1."""
    asymmetry, border, colors, network, veil = traits(lesion.malignancy, rng)
    color, pattern = BODY[lesion.dx]
    radius = rng.uniform(0.38, 0.62)
    theta, distance = np.arctan2(y, x), np.hypot(x, y)
    edge = 1 + 0.08 * np.cos(2 * theta + rng.uniform(0, 6)) + 0.22 * asymmetry * np.cos(theta + rng.uniform(0, 6))
    for harmonic in range(4, 12):
        edge = edge + 0.09 * border * rng.normal(0, 1) * np.cos(harmonic * theta + rng.uniform(0, 6)) / np.sqrt(
            harmonic - 3
        )
    depth = 1 - distance / (radius * edge)  # 1 at the centre, 0 at the border
    mask = 1 / (1 + np.exp(-depth / rng.uniform(0.04, 0.12)))
    shade = rng.normal(0, 0.06) + 0.10 * (colors + veil - 0.5)  # so that the mean colour does not tell melanoma
    image = np.broadcast_to(color + shade + rng.normal(0, 0.02, 3), (*x.shape, 3))
    tilt = rng.uniform(0, 2 * np.pi)
    image = (
        image
        * (1 - 0.35 * asymmetry * pattern * np.clip((x * np.cos(tilt) + y * np.sin(tilt)) / radius, 0, 1))[..., None]
    )
    image = _pigment_network(image, rng, x, y, regular=1 - network, strength=0.5 * pattern)
    for _ in range(int(rng.poisson(1 + 5 * colors))):
        image = _paint(image, DARK, 0.75 * pattern * _blob(rng, x, y, radius, rng.uniform(0.05, 0.14)))
    image = _paint(image, BLUE_WHITE, min(1.0, 1.1 * veil) * pattern * _blob(rng, x, y, 0.4 * radius, 0.45 * radius))
    return _signature(image, lesion.dx, rng, x, y, radius), mask


def _pigment_network(
    image: Field, rng: np.random.Generator, x: Field, y: Field, *, regular: float, strength: float
) -> Field:
    """Return the image with a net of dark lines; the less `regular` (0 to 1), the more warped and broken."""
    pitch, angle = rng.uniform(24, 32), rng.uniform(0, np.pi)
    warp = 0.5 + 1.6 * (1 - regular)
    u = pitch * (x * np.cos(angle) - y * np.sin(angle)) + warp * np.sin(7 * y + rng.uniform(0, 6))
    v = pitch * (x * np.sin(angle) + y * np.cos(angle)) + warp * np.sin(8 * x + rng.uniform(0, 6))
    lines = np.maximum(np.cos(u), np.cos(v)).clip(0, 1) ** 4
    gaps = np.clip(1 - (1 - regular) * (1 + np.sin(5 * x + rng.uniform(0, 6)) * np.sin(6 * y)), 0, 1)
    return _paint(image, DARK, strength * lines * gaps)


def _signature(image: Field, dx: str, rng: np.random.Generator, x: Field, y: Field, radius: float) -> Field:
    """Return the image with a typical feature of its diagnosis; nothing for mel and nv."""
    if dx == "bkl":  # milia-like cysts
        for _ in range(12):
            image = _paint(image, WHITE, 0.8 * _blob(rng, x, y, 0.8 * radius, 0.035))
    elif dx == "df":  # central white scar
        image = _paint(image, WHITE, 0.7 * np.exp(-((np.hypot(x, y) / (0.4 * radius)) ** 2)))
    elif dx == "bcc":  # branching vessels, drawn as waves
        for _ in range(3):
            angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6) * radius
            along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
            image = _paint(image, RED, 0.7 * np.exp(-(((across - offset - 0.06 * np.sin(9 * along)) / 0.02) ** 2)))
    elif dx == "akiec":  # scale
        image = _paint(image, WHITE, 0.5 * (_smooth(rng, x.shape, 2.0) > 0.9))
    elif dx == "vasc":  # lacunae
        for _ in range(6):
            image = _paint(image, 0.5 * RED, 0.8 * _blob(rng, x, y, 0.7 * radius, 0.10))
    return image


def _hair(image: Field, rng: np.random.Generator) -> Field:
    height, width, _ = image.shape
    y, x = np.mgrid[0:height, 0:width] / height
    for _ in range(int(rng.poisson(2.5))):
        angle, offset, bend = rng.uniform(0, np.pi), rng.uniform(0, 1.2), rng.normal(0, 0.25)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        distance = across - offset * np.cos(angle) + bend * (along - 0.6) ** 2
        image = _paint(image, DARK, 0.8 * np.exp(-((distance / 0.006) ** 2)))
    return image


def _marks(image: Field, rng: np.random.Generator) -> Field:
    """Return the image with ruler ticks along one edge (one in five) and a pen mark (one in twelve)."""
    height, width, _ = image.shape
    image = image.copy()
    if rng.uniform() < 0.2:
        for number, column in enumerate(range(int(rng.integers(2, 8)), width, max(4, width // 20))):
            length = height // (10 if number % 5 == 0 else 18)
            image[-length:, column] = 0.15
    if rng.uniform() < 1 / 12:
        y, x = np.mgrid[0:height, 0:width] / height
        image = _paint(image, PURPLE_INK, 0.7 * _blob(rng, x - 0.1, y - 0.1, 0.1, 0.08))
    return image


def _bubbles(image: Field, rng: np.random.Generator) -> Field:
    """Return the image with gel bubbles: bright rings."""
    height, width, _ = image.shape
    y, x = np.mgrid[0:height, 0:width] / height
    for _ in range(int(rng.poisson(0.8))):
        distance = np.hypot(x - rng.uniform(0, width / height), y - rng.uniform(0, 1))
        radius = rng.uniform(0.02, 0.06)
        image = _paint(image, GEL, 0.45 * np.exp(-(((distance - radius) / 0.008) ** 2)))
    return image
