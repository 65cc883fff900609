"""The decoder and the eval transform of packing and `predict`; the web page is tested against them."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.images.settings import Limits

WHITE = (255, 255, 255, 255)  # RGBA, the background of transparent pixels
# What is opened, whatever a file's name says: Pillow would start Ghostscript for an EPS, for one.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")


def load_rgb(source: Path | BinaryIO, limits: Limits) -> Image.Image:
    """Return an image file as upright RGB; ValueError when it is truncated, unreadable or outside the limits.

    EXIF orientation is applied, 16-bit grey is scaled to 8 bits, transparent pixels are blended with white. The limits
    are checked before pixels are decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is checked instead
            with Image.open(source, formats=FORMATS) as image:
                _check_header(image.size, limits)
                image.load()
                if image.format == "PNG":
                    check_png(source)
                return _upright(to_rgb(image), image)
    except Exception as error:  # decoders raise whatever they meet in a damaged file: AssertionError, RuntimeError
        reason = "not an image that can be read" if isinstance(error, UnidentifiedImageError) else error
        raise ValueError(f"{source if isinstance(source, Path) else 'image'}: {reason}") from None


def check_png(source: Path | BinaryIO) -> None:
    """Raise ValueError when a PNG's data end before its last row; Pillow leaves the rest black and says nothing.

    Each row is one byte for its filter and then its pixels (PNG specification, 7.2 and 8).
    """
    content = source.read_bytes() if isinstance(source, Path) else _all_bytes(source)
    width, height, bits, color, interlaced = struct.unpack(">IIBB2xB", content[16:29])
    per_pixel = bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    wanted = sum(
        rows * (1 + (columns * per_pixel + 7) // 8)
        for columns, rows in (_passes(width, height) if interlaced else [(width, height)])
        if columns and rows
    )
    stream, actual, position = zlib.decompressobj(), 0, 8
    while position + 8 <= len(content) and actual < wanted:  # what is beyond is not expanded: it may be a bomb
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        if kind == b"IDAT":
            actual += len(stream.decompress(content[position + 8 : position + 8 + length], wanted - actual))
        position += length + 12
    if actual < wanted:
        raise ValueError(f"image file is truncated ({wanted - actual} bytes of pixels are missing)")


def _passes(width: int, height: int) -> list[tuple[int, int]]:
    """Return columns and rows of the seven passes of an interlaced PNG (PNG specification, 8.2)."""
    starts = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    return [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in starts]


def _all_bytes(source: BinaryIO) -> bytes:
    position = source.tell()
    source.seek(0)
    content = source.read()
    source.seek(position)
    return content


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


def to_rgb(image: Image.Image) -> Image.Image:
    """Return any image with 8 bits a channel, transparency laid on white; ValueError where that would be a guess."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and image.palette is None:  # Pillow would take every pixel as black
        raise ValueError("wanted a palette, found none")
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
