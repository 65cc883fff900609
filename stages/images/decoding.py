"""One decoder and one eval transform for every picture: packing, `predict` and what the web page is tested against."""

import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.images.settings import Limits

WHITE = (255, 255, 255, 255)  # stands behind transparent pixels


def load_rgb(source: Path | BinaryIO, limits: Limits) -> Image.Image:
    """Return an upright RGB image; ValueError says what is wrong with the source.

    EXIF orientation is applied, 16-bit grey is scaled to 8 bits, transparency is laid on white. The limits are
    checked before a pixel is decoded; a truncated file is an error.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit decides, from the header
            with Image.open(source) as image:
                _check_header(image.size, limits)
                image.load()
                return _upright(_to_rgb(image), image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(_reason(source, error)) from None


def to_square(image: Image.Image, size: int) -> np.ndarray:
    """Return the whole image squashed to a square, antialiased bilinear: uint8 (size, size, 3)."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _check_header(size: tuple[int, int], limits: Limits) -> None:
    short, long = min(size), max(size)
    found = f"found {size[0]} x {size[1]} pixels"
    if short < limits.min_side:
        raise ValueError(f"wanted at least {limits.min_side} pixels a side, {found}")
    if long > limits.max_aspect * short:
        raise ValueError(f"wanted sides within 1:{limits.max_aspect:g}, {found}")
    if short * long > limits.max_megapixels * 1e6:
        raise ValueError(f"wanted at most {limits.max_megapixels:g} megapixels, {found}")


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
    """Return the converted image turned as its source's EXIF says."""
    try:
        rgb.info["exif"] = source.getexif().tobytes()  # exif_transpose reads the orientation from here
        return ImageOps.exif_transpose(rgb)
    except (TypeError, struct.error) as error:  # Pillow's, on EXIF that cannot be written back
        raise ValueError(f"metadata that cannot be read ({error})") from None


def _reason(source: Path | BinaryIO, error: Exception) -> str:
    name = source if isinstance(source, Path) else "image"
    what = "not an image that can be read" if isinstance(error, UnidentifiedImageError) else str(error)
    return f"{name}: {what}"
