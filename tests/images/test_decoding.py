"""Decoding of good and bad image files, and the eval transform against a golden image (faults 13, 14, 16-20)."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import ODD_EXIF
from PIL import Image

from stages.images.decoding import check_png, load_rgb, to_square
from stages.images.settings import Limits

LIMITS = Limits(min_side=32, max_aspect=4.0, max_megapixels=1.0)
RAMP = np.stack(np.broadcast_arrays(np.arange(64)[:, None] * 4, np.arange(64)[None] * 4, 128), axis=2).astype(np.uint8)


def save(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def test_rgb_comes_through_unchanged(tmp_path):
    assert np.array_equal(np.asarray(load_rgb(save(tmp_path / "a.png", Image.fromarray(RAMP)), LIMITS)), RAMP)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.jpg", b""),
        ("page.jpg", b"<html><body>Not found</body></html>"),
        ("x.jpg", b"\xff\xd8\xff\xe0 nothing more"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        load_rgb(tmp_path / name, LIMITS)


@pytest.mark.parametrize("kept", [0.5, -2])
def test_a_cut_jpeg_is_refused(tmp_path, kept):
    path = save(tmp_path / "cut.jpg", Image.fromarray(RAMP), quality=90)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if kept > 0 else kept])
    with pytest.raises(ValueError, match=r"cut\.jpg"):
        load_rgb(path, LIMITS)


def test_exif_that_cannot_be_written_back_is_refused(tmp_path):
    path = save(tmp_path / "odd.jpg", Image.fromarray(RAMP))
    content = path.read_bytes()
    path.write_bytes(content[:2] + ODD_EXIF + content[2:])
    with pytest.raises(ValueError, match=r"odd\.jpg: metadata that cannot be read"):
        load_rgb(path, LIMITS)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((1, 1), "at least 32"),
        ((31, 64), "at least 32"),
        ((400, 40), "within 1:4"),
        ((1200, 1200), "at most 1 megapixels"),
    ],
)
def test_size_is_refused_from_the_header(tmp_path, size, message, monkeypatch):
    path = save(tmp_path / "size.png", Image.new("L", size))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded before the check"))
    with pytest.raises(ValueError, match=message):
        load_rgb(path, LIMITS)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"bomb\.png"):
        load_rgb(save(tmp_path / "bomb.png", Image.new("L", (64, 64))), LIMITS)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1"])
def test_every_colour_mode_becomes_rgb(tmp_path, mode):
    suffix = "jpg" if mode == "CMYK" else "png"
    path = save(tmp_path / f"mode.{suffix}", Image.fromarray(RAMP).convert("RGB").convert(mode))
    image = load_rgb(path, LIMITS)
    assert (image.mode, image.size) == ("RGB", (64, 64))


def test_grey_and_cmyk_keep_their_brightness(tmp_path):
    grey = np.asarray(load_rgb(save(tmp_path / "g.png", Image.new("L", (64, 64), 100)), LIMITS))
    assert grey.min() == grey.max() == 100
    cmyk = np.asarray(load_rgb(save(tmp_path / "c.jpg", Image.new("CMYK", (64, 64), (0, 0, 0, 155))), LIMITS))
    assert abs(int(cmyk.mean()) - 100) <= 2


def test_transparency_is_laid_on_white(tmp_path):
    clear = np.asarray(load_rgb(save(tmp_path / "t.png", Image.new("RGBA", (64, 64), (10, 20, 30, 0))), LIMITS))
    assert clear.min() == 255


def test_16_bit_grey_is_scaled_not_clipped(tmp_path):
    sixteen = (np.arange(64)[None] * 1040 * np.ones((64, 1))).astype(np.uint16)
    scaled = np.asarray(load_rgb(save(tmp_path / "16.png", Image.fromarray(sixteen)), LIMITS))
    assert np.abs(scaled[0, :, 0].astype(int) - sixteen[0] // 257).max() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    upright = Image.fromarray(RAMP[:40])
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # Image.Transpose that stores it so
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "o.png", stored, exif=exif)
    assert np.array_equal(np.asarray(load_rgb(path, LIMITS)), RAMP[:40])


def test_a_stream_decodes_as_a_file(tmp_path):
    path = save(tmp_path / "a.jpg", Image.fromarray(RAMP))
    stream = np.asarray(load_rgb(io.BytesIO(path.read_bytes()), LIMITS))
    assert np.array_equal(stream, np.asarray(load_rgb(path, LIMITS)))


def test_the_eval_transform_is_the_golden_one():
    y, x = np.mgrid[0:96, 0:128]
    board = (np.stack([(x // 8 + y // 8) % 2, x / 127, y / 95], axis=2) * 255).astype(np.uint8)
    square = to_square(Image.fromarray(board), 32)
    assert square.shape == (32, 32, 3)
    golden = Image.open(Path(__file__).with_name("golden_square.png"))
    assert np.abs(square.astype(int) - np.asarray(golden).astype(int)).max() <= 1


def test_a_square_of_the_right_size_is_left_alone():
    assert np.array_equal(to_square(Image.fromarray(RAMP), 64), RAMP)


def png(path: Path, *, rows: int = 64, palette: bool = False, **options) -> Path:
    """Write a PNG and then cut its pixels to the first rows, in a stream that ends as it should."""
    image = Image.fromarray(RAMP).convert("P") if palette else Image.fromarray(RAMP)
    image.save(path, **options)
    content, position, chunks, pixels = path.read_bytes(), 8, [], b""
    while position < len(content):
        length, kind = struct.unpack(">I4s", content[position : position + 8])
        data = content[position + 8 : position + 8 + length]
        position += length + 12
        pixels += data if kind == b"IDAT" else b""
        chunks += [(kind, data)] if kind not in (b"IDAT", b"PLTE") else []
    width = 64 if palette else 64 * 3
    chunks.insert(-1, (b"IDAT", zlib.compress(zlib.decompress(pixels)[: rows * (1 + width)])))
    path.write_bytes(
        content[:8]
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )
    return path


def test_a_png_whose_data_end_early_is_refused(tmp_path):
    assert np.array_equal(np.asarray(load_rgb(png(tmp_path / "whole.png"), LIMITS)), RAMP)
    for source in (png(tmp_path / "short.png", rows=10), io.BytesIO((tmp_path / "short.png").read_bytes())):
        with pytest.raises(ValueError, match=rf"truncated \({54 * (1 + 64 * 3)} bytes of pixels are missing\)"):
            load_rgb(source, LIMITS)


def test_what_follows_a_pngs_last_row_is_not_expanded(tmp_path):
    rows, zip_stream = b"\0" * (1 + 3 * 64) * 64, zlib.compressobj()
    pixels = zip_stream.compress(rows + b"\0") + zip_stream.flush(zlib.Z_FULL_FLUSH)
    bomb = zip_stream.compress(bytes(200_000_000)) + zip_stream.flush()
    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", pixels), (b"IDAT", bomb), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    tracemalloc.start()
    check_png(io.BytesIO(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_whole_pngs_of_every_kind_pass(tmp_path, mode):
    image = Image.fromarray(np.zeros((45, 37), np.uint16)) if mode == "I;16" else Image.new(mode, (37, 45))
    assert load_rgb(save(tmp_path / "a.png", image), LIMITS).size == (37, 45)


def test_an_interlaced_png_passes(tmp_path):
    passes = [(1, 1), (1, 1), (2, 1), (1, 2), (3, 1)]  # columns and rows of those that are not empty
    rows = b"".join(b"\0" * (1 + 3 * columns) * count for columns, count in passes)
    header = struct.pack(">IIBBBBB", 3, 3, 8, 2, 0, 0, 1)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    limits = Limits(min_side=1, max_aspect=4.0, max_megapixels=1.0)
    assert load_rgb(io.BytesIO(content), limits).size == (3, 3)
    short = content.replace(zlib.compress(rows), zlib.compress(rows[:-1]))
    with pytest.raises(ValueError, match="image"):
        load_rgb(io.BytesIO(short), limits)


def test_a_palette_png_without_its_palette_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"bare\.png"):
        load_rgb(png(tmp_path / "bare.png", palette=True), LIMITS)


def test_formats_that_start_programs_or_crash_are_not_opened(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg: not an image that can be read"):
        load_rgb(tmp_path / "a.jpg", LIMITS)
