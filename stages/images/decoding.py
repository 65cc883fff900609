"""The decoder and the eval transform of packing and `predict`; the web page is tested against them."""

import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.images.settings import Limits

WHITE = (255, 255, 255, 255)  # RGBA, the background of transparent pixels


def load_rgb(source: Path | BinaryIO, limits: Limits) -> Image.Image:
    """Return an image file as upright RGB; ValueError when it is truncated, unreadable or outside the limits.

    EXIF orientation is applied, 16-bit grey is scaled to 8 bits, transparent pixels are blended with white. The limits
    are checked before pixels are decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is checked instead
            with Image.open(source) as image:
                _check_header(image.size, limits)
                image.load()
                return _upright(_to_rgb(image), image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "not an image that can be read" if isinstance(error, UnidentifiedImageError) else error
        raise ValueError(f"{source if isinstance(source, Path) else 'image'}: {reason}") from None


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """Return the image resized to a square, its aspect ignored, antialiased bilinear: uint8 (size, size, 3)."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _check_header(size: tuple[int, int], limits: Limits) -> None:
    short, long = min(size), max(size)
    actual = f"found {size[0]} x {size[1]} pixels"
    if short < limits.min_side:
        raise ValueError(f"wanted at least {limits.min_side} pixels a side, {actual}")
    if long > limits.max_aspect * short:
        raise ValueError(f"wanted sides within 1:{limits.max_aspect:g}, {actual}")
    if short * long > limits.max_megapixels * 1e6:
        raise ValueError(f"wanted at most {limits.max_megapixels:g} megapixels, {actual}")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"wanted 8 or 16 bits a channel, found 32 (mode {image.mode})")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def _upright(rgb: Image.Image, source: Image.Image) -> Image.Image:
    """Return `rgb` with the EXIF orientation of `source` applied."""
    try:
        rgb.info["exif"] = source.getexif().tobytes()  # exif_transpose reads the orientation from here
        return ImageOps.exif_transpose(rgb)
    except (TypeError, struct.error) as error:  # from Pillow, on EXIF that it cannot write back
        raise ValueError(f"metadata that cannot be read ({error})") from None
