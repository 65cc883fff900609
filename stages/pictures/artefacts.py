"""What lies on the skin or in front of it, at five steps: hair, rulers, ink, bubbles, letters, the lens's rim.

Images and steps are as in `optics`. A greater step draws what a smaller one does, and more.
"""

import string
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stages.pictures.optics import Generator, Picture

HAIR = np.array([0.13, 0.09, 0.08])  # RGB, dark brown
HAIRS = ((33, 23, 20), (72, 48, 32), (128, 92, 58), (150, 145, 140))  # black, brown, blond, grey
INK = 0.12  # of a ruler's ticks, grey
PEN = ((92, 50, 130), (30, 60, 120))  # skin markers: violet, blue
FINER = 2  # what is drawn by lines is drawn so many times as large, and made smaller


def hair(image: Picture, step: int, rng: Generator) -> Picture:
    """Covered by 4 to 48 dark hairs: parabolas across the image."""
    size = len(image)
    y, x = (np.mgrid[0:size, 0:size] / size - 0.5).astype(np.float32)
    cover = np.zeros((size, size), np.float32)
    for _ in range((4, 8, 16, 28, 48)[step]):
        angle, offset, bend = rng.uniform(0, np.pi), rng.uniform(-0.6, 0.6), rng.normal(0, 0.4)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        distance = (across - offset + bend * along**2) / rng.uniform(0.003, 0.006)
        cover = np.maximum(cover, 0.85 * np.exp(-(distance**2)))
    return image + cover[..., None] * (HAIR - image)


def hair_bundles(image: Picture, step: int, rng: Generator) -> Picture:
    """Covered by 1 to 10 bundles of hairs that taper from a common root, four colours among them."""

    def draw(picture: ImageDraw.ImageDraw, side: int) -> None:
        for _ in range((1, 2, 4, 6, 10)[step]):
            root, direction = rng.uniform(0, 1, 2), rng.uniform(0, 2 * np.pi)
            color = HAIRS[rng.integers(len(HAIRS))]
            for _ in range(int(rng.integers(2, 7))):
                _strand(picture, side, root + rng.normal(0, 0.02, 2), direction + rng.normal(0, 0.15), color, rng)

    return _drawn_over(image, draw)


def _strand(
    picture: ImageDraw.ImageDraw,
    side: int,
    root: np.ndarray,
    direction: float,
    color: tuple[int, int, int],
    rng: Generator,
) -> None:
    """Draw one hair from its root (x, y in shares of the side) as short lines, each thinner than the one before."""
    length, bend, width = rng.uniform(0.3, 0.9), rng.normal(0, 1.2), rng.uniform(0.006, 0.013) * side
    along = np.linspace(0, 1, 16)
    angles = direction + bend * along
    steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * length / len(along)
    points = (root + np.cumsum(steps, axis=0)) * side
    for number, (start, end) in enumerate(pairwise(points)):
        thickness = max(1, round(width * (1 - 0.8 * number / len(points))))
        picture.line([*start, *end], fill=(*color, 225), width=thickness)


def ruler(image: Picture, step: int, rng: Generator) -> Picture:
    """A ruler's ticks along one edge, 4 to 24 % of the side long, each fifth one longer."""
    size = len(image)
    pitch, length, turns = max(3, size // 28), (0.04, 0.07, 0.11, 0.16, 0.24)[step] * size, int(rng.integers(4))
    turned = np.rot90(image, turns).copy()  # so that the ruler lies along any of the edges
    for number, start in enumerate(range(int(rng.integers(pitch)), size, pitch)):
        turned[-round(length * (1 if number % 5 == 0 else 0.6)) :, start : start + max(1, size // 150)] = INK
    return np.rot90(turned, -turns)


def ink(image: Picture, step: int, rng: Generator) -> Picture:
    """1 to 8 strokes of a skin marker."""
    color = PEN[rng.integers(len(PEN))]

    def draw(picture: ImageDraw.ImageDraw, side: int) -> None:
        for _ in range((1, 2, 3, 5, 8)[step]):
            start, angle, bend = rng.uniform(0, 1, 2), rng.uniform(0, 2 * np.pi), rng.normal(0, 1)
            angles = angle + bend * np.linspace(0, 1, 12)
            steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.15, 0.4) / len(angles)
            points = (start + np.cumsum(steps, axis=0)) * side
            width = max(1, round(rng.uniform(0.015, 0.035) * side))
            picture.line([tuple(point) for point in points], fill=(*color, 190), width=width, joint="curve")

    return _drawn_over(image, draw)


def bubbles(image: Picture, step: int, rng: Generator) -> Picture:
    """3 to 36 bubbles of gel: brighter discs with a bright rim."""

    def draw(picture: ImageDraw.ImageDraw, side: int) -> None:
        for _ in range((3, 6, 12, 20, 36)[step]):
            (x, y), radius = rng.uniform(0, side, 2), rng.uniform(0.015, 0.05) * side
            box = (x - radius, y - radius, x + radius, y + radius)
            picture.ellipse(box, fill=(255, 255, 255, 60), outline=(255, 255, 255, 190), width=max(1, side // 150))

    return _drawn_over(image, draw)


def characters(image: Picture, step: int, rng: Generator) -> Picture:
    """1 to 6 words of 3 to 10 letters in colours drawn for each."""

    def draw(picture: ImageDraw.ImageDraw, side: int) -> None:
        font = ImageFont.load_default(max(6, round(0.05 * side)))
        for _ in range((1, 2, 3, 4, 6)[step]):
            word = "".join(rng.choice(list(string.ascii_lowercase), rng.integers(3, 11)))
            red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
            picture.text(tuple(rng.uniform(0, (0.7 * side, 0.95 * side))), word, fill=(red, green, blue), font=font)

    return _drawn_over(image, draw)


def black_corner(image: Picture, step: int, _: Generator) -> Picture:
    """Black outside a circle with a radius of 110 to 90 % of half the side."""
    y, x = np.mgrid[0 : len(image), 0 : len(image)] + 0.5 - len(image) / 2
    inside = np.hypot(x, y) <= (1.10, 1.05, 1.00, 0.95, 0.90)[step] * len(image) / 2
    return image * inside[..., None]


def _drawn_over(image: Picture, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Picture:
    """Return an image with what `draw` draws, on a transparent square of that side, laid over it."""
    size = len(image)
    layer = Image.new("RGBA", (FINER * size, FINER * size))
    draw(ImageDraw.Draw(layer), FINER * size)
    pixels = np.asarray(layer.resize((size, size), Image.Resampling.BOX), np.float32) / 255
    return image + pixels[..., 3:] * (pixels[..., :3] - image)
