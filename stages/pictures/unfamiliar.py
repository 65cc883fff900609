"""Pictures without a real lesion: photographs that come with packages; noise, colours, textures, text and drawings.

The photographs are scikit-image's, scikit-learn's and matplotlib's sample pictures, free to use by these packages' own
notes on them; each is shown whole and by its quarters. The others are drawn here by a seed, lesions of the demo among
them, which are no photographs either.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from stages.images.decoding import to_rgb, to_square
from stages.pictures.settings import DRAWN_LESION
from stages.pictures.synthesis import BODY, Lesion, render

PHOTOGRAPHS = {  # package -> its files
    "skimage.data": [
        *(f"{name}.png" for name in ("astronaut", "brick", "camera", "cell", "chelsea", "clock_motion", "coffee")),
        *(f"{name}.png" for name in ("coins", "color", "grass", "gravel", "horse", "ihc", "logo", "moon", "page")),
        *(f"{name}.png" for name in ("motorcycle_left", "motorcycle_right", "microaneurysms", "phantom", "text")),
        *(f"{name}.jpg" for name in ("hubble_deep_field", "retina", "rocket")),
    ],
    "sklearn.datasets.images": ["china.jpg", "flower.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
}
DRAWN = 60  # pictures of each kind
LETTERS = list("abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class Picture:
    """kind: photograph, or what was drawn; source: the photograph that it is a part of, or itself; pixels: uint8."""

    name: str
    kind: str
    source: str
    pixels: np.ndarray


def pictures(size: int, seed: int) -> list[Picture]:
    """Return all pictures as squares of `size` pixels a side; seed: of those that are drawn."""
    drawn = [
        Picture(
            f"{kind}_{number}", kind, f"{kind}_{number}", draw(size, np.random.default_rng([seed, position, number]))
        )
        for position, (kind, draw) in enumerate(KINDS.items())
        for number in range(DRAWN)
    ]
    return [*_photographs(size), *drawn]


def _photographs(size: int) -> Iterator[Picture]:
    for package, names in PHOTOGRAPHS.items():
        for name in names:
            with files(package).joinpath(name).open("rb") as file, Image.open(file) as image:
                whole = to_rgb(image)
            for part, box in _parts(*whole.size).items():
                stem = Path(name).stem
                yield Picture(f"{stem}_{part}", "photograph", stem, to_square(whole.crop(box), size))


def _parts(width: int, height: int) -> dict[str, tuple[int, int, int, int]]:
    """Return "whole" and the four quarters as left, upper, right, lower."""
    x, y = width // 2, height // 2
    return {
        "whole": (0, 0, width, height),
        "upper_left": (0, 0, x, y),
        "upper_right": (x, 0, width, y),
        "lower_left": (0, y, x, height),
        "lower_right": (x, y, width, height),
    }


def noise(size: int, rng: np.random.Generator) -> np.ndarray:
    """Coloured or grey noise, from single pixels to clouds."""
    channels = int(rng.choice([1, 3]))
    sigma = float(rng.choice([0, 0.005, 0.02, 0.06, 0.15])) * size
    values = gaussian_filter(rng.normal(size=(size, size, channels)), (sigma, sigma, 0), mode="wrap")
    values = values / values.std() * rng.uniform(0.08, 0.3) + rng.uniform(0.3, 0.7, channels)
    return _as_pixels(np.broadcast_to(values, (size, size, 3)))


def flat(size: int, rng: np.random.Generator) -> np.ndarray:
    """One colour, or two that pass into one another."""
    first, second = rng.uniform(0, 1, (2, 3))
    share = np.linspace(0, 1, size)[:, None, None] * float(rng.choice([0, 1]))
    return np.rot90(
        _as_pixels(np.broadcast_to(first + share * (second - first), (size, size, 3))), int(rng.integers(4))
    )


def texture(size: int, rng: np.random.Generator) -> np.ndarray:
    """Stripes, squares or waves in two colours."""
    y, x = np.mgrid[0:size, 0:size] / size
    angle, pitch = rng.uniform(0, np.pi), 2 * np.pi * rng.uniform(2, 30)
    u, v = pitch * (x * np.cos(angle) + y * np.sin(angle)), pitch * (y * np.cos(angle) - x * np.sin(angle))
    wave = [np.sin(u), np.sin(u) * np.sin(v), np.sin(u + 3 * np.sin(v / 2))][rng.integers(3)]
    share = (wave > 0).astype(float) if rng.uniform() < 0.5 else (1 + wave) / 2
    first, second = rng.uniform(0, 1, (2, 3))
    return _as_pixels(first + share[..., None] * (second - first))


def text(size: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of words in one size, dark on light or light on dark."""
    dark, light = (tuple(int(value) for value in rng.integers(low, low + 80, 3)) for low in (0, 175))
    paper, ink = (light, dark) if rng.uniform() < 0.7 else (dark, light)
    image = Image.new("RGB", (size, size), paper)
    draw, height = ImageDraw.Draw(image), max(6, round(size * rng.uniform(0.04, 0.16)))
    font = ImageFont.load_default(height)
    for top in range(round(height / 2), size, round(1.3 * height)):
        words = ("".join(rng.choice(LETTERS, rng.integers(2, 10))) for _ in range(20))
        draw.text((height / 2, top), " ".join(words), fill=ink, font=font)
    return np.asarray(image)


def drawing(size: int, rng: np.random.Generator) -> np.ndarray:
    """Ellipses, rectangles and lines in flat colours."""
    image = Image.new("RGB", (size, size), _color(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(3, 15))):
        left, right = sorted(rng.uniform(0, size, 2))
        upper, lower = sorted(rng.uniform(0, size, 2))
        box, color = (left, upper, right, lower), _color(rng)
        match rng.integers(3):
            case 0:
                draw.ellipse(box, fill=color)
            case 1:
                draw.rectangle(box, fill=color)
            case _:
                draw.line(box, fill=color, width=max(1, round(size * rng.uniform(0.005, 0.04))))
    return np.asarray(image)


def drawn_lesion(size: int, rng: np.random.Generator) -> np.ndarray:
    """A lesion as the demo archive's, by a camera that it does not know."""
    lesion = Lesion(str(rng.choice(list(BODY))), float(rng.normal(0, 1)), (int(rng.integers(1 << 32)),), "other")
    picture = render(lesion, 0, width=round(4 / 3 * size), height=size)
    return to_square(Image.fromarray(picture), size)


KINDS: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "noise": noise,
    "flat": flat,
    "texture": texture,
    "text": text,
    "drawing": drawing,
    DRAWN_LESION: drawn_lesion,
}


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _as_pixels(values: np.ndarray) -> np.ndarray:
    return (values.clip(0, 1) * 255).round().astype(np.uint8)
