"""What optics, light, sensors and files do to an image, at five steps; the registry is in `alterations`.

Lengths are in shares of the image's side, so that every image size sees the same; where DermaMNIST-C names pixels, they
are of 224. An image is float32 (size, size, 3) in [0, 1], a step is from 0 to 4; what leaves the range, `alter` clips.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

Picture = np.ndarray
Generator = np.random.Generator
Alter = Callable[[Picture, int, Generator], Picture]


def blur(image: Picture, step: int, _: Generator) -> Picture:
    """Out of focus: a Gaussian of 0.3 to 2.4 % of the side."""
    sigma = (0.003, 0.006, 0.010, 0.016, 0.024)[step] * len(image)
    return gaussian_filter(image, (sigma, sigma, 0), mode="reflect")


def defocus_blur(image: Picture, step: int, _: Generator) -> Picture:
    """Out of focus: a disc with a radius of 4 to 8 pixels of 224."""
    y, x, reach = _grid(image, (4, 5, 6, 7, 8)[step])
    return _convolved(image, (reach + 0.5 - np.hypot(x, y)).clip(0, 1))


def motion_blur(image: Picture, step: int, rng: Generator) -> Picture:
    """Moved: trails of 10 to 20 pixels of 224 that fade, up to 45 degrees from the horizontal, either way."""
    length, fading = ((10, 5), (15, 5), (15, 8), (15, 12), (20, 15))[step]
    y, x, reach = _grid(image, length)
    angle = rng.uniform(-np.pi / 4, np.pi / 4)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    fade = np.exp(-((along / reach * length / fading) ** 2) / 2) * (along > -0.5)
    return _convolved(image, fade * (along <= reach) * (1 - np.abs(across)).clip(0, 1))


def zoom_blur(image: Picture, step: int, _: Generator) -> Picture:
    """Zoomed while exposed: the mean of enlargements up to 1.11 to 1.31."""
    end, stride = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[step]
    enlarged = [image, *(_middle(image, 1 / factor) for factor in np.arange(1, end, stride))]
    return np.asarray(np.mean(enlarged, axis=0))


def crop(image: Picture, step: int, _: Generator) -> Picture:
    """Too near: the middle 90 to 50 % of each side, enlarged."""
    return _middle(image, (0.9, 0.8, 0.7, 0.6, 0.5)[step])


def brightness(*factors: float) -> Alter:
    """Return the alteration that makes light so many times as strong, a factor a step; what is too bright is white."""
    return lambda image, step, _: image * factors[step]


def contrast(*factors: float) -> Alter:
    """Return the alteration that brings values so many times as far from the mean grey, a factor a step."""
    return lambda image, step, _: image.mean() + factors[step] * (image - image.mean())


def compressed(*qualities: int) -> Alter:
    """Return the alteration that compresses to JPEG, a quality a step."""

    def compress(image: Picture, step: int, _: Generator) -> Picture:
        file = io.BytesIO()
        _as_image(image).save(file, "JPEG", quality=qualities[step])
        return _as_picture(Image.open(file))

    return compress


def color_cast(image: Picture, step: int, rng: Generator) -> Picture:
    """Another illuminant: white balance that is off by 5 to 30 %, towards a colour drawn for each image."""
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2, 4]) * np.pi / 3
    return image * (1 + (0.05, 0.10, 0.15, 0.20, 0.30)[step] * np.cos(hue))


def gaussian_noise(image: Picture, step: int, rng: Generator) -> Picture:
    """Noise with a standard deviation of 0.04 to 0.26."""
    return image + (0.04, 0.08, 0.12, 0.18, 0.26)[step] * rng.standard_normal(image.shape, np.float32)


def speckle_noise(image: Picture, step: int, rng: Generator) -> Picture:
    """Noise in proportion to the light, with a standard deviation of 0.05 to 0.45 of it."""
    return image * (1 + (0.05, 0.15, 0.20, 0.35, 0.45)[step] * rng.standard_normal(image.shape, np.float32))


def impulse_noise(image: Picture, step: int, rng: Generator) -> Picture:
    """1 to 17 % of the values are 0 or 1, half of them each."""
    amount = (0.01, 0.03, 0.06, 0.09, 0.17)[step]
    luck = rng.random(image.shape, np.float32)
    return np.where(luck < amount / 2, 0.0, np.where(luck > 1 - amount / 2, 1.0, image))


def shot_noise(image: Picture, step: int, rng: Generator) -> Picture:
    """Photons counted: 60 to 5 of them are white."""
    photons = (60, 25, 18, 10, 5)[step]
    return (rng.poisson(image * photons) / photons).astype(np.float32)


def pixelate(image: Picture, step: int, _: Generator) -> Picture:
    """Shrunk to 70 to 25 % of the side and enlarged without smoothing."""
    side = max(1, round((0.7, 0.5, 0.4, 0.3, 0.25)[step] * len(image)))
    small = _as_image(image).resize((side, side), Image.Resampling.BOX)
    return _as_picture(small.resize((len(image), len(image)), Image.Resampling.NEAREST))


def _middle(image: Picture, share: float) -> Picture:
    """Return the middle of an image, this share of each side, as large as the image."""
    size = len(image)
    margin = (1 - share) / 2 * size
    box = (margin, margin, size - margin, size - margin)
    return _as_picture(_as_image(image).resize((size, size), Image.Resampling.BILINEAR, box=box))


def _grid(image: Picture, length: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Return y and x of a kernel that reaches so many pixels of 224 from its middle, and the reach in pixels."""
    reach = length / 224 * len(image)
    side = int(np.ceil(reach))
    y, x = np.mgrid[-side : side + 1, -side : side + 1]
    return y, x, reach


def _convolved(image: Picture, kernel: np.ndarray) -> Picture:
    """Return an image smoothed by a kernel, float (odd side, odd side), mirrored beyond its edges."""
    margin = len(kernel) // 2
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
    weights = (kernel / kernel.sum())[..., None].astype(np.float32)
    return np.asarray(fftconvolve(padded, weights, mode="valid", axes=(0, 1)))


def _as_image(image: Picture) -> Image.Image:
    return Image.fromarray((image * 255).round().astype(np.uint8))


def _as_picture(image: Image.Image) -> Picture:
    return np.asarray(image, np.float32) / 255
