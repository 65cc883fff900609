"""Mutated files, from fixed seeds: images, metadata, tables and models are read, or refused in a sentence."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from stages.deployment.session import open_session
from stages.foundation.splits import COLUMNS, METADATA, PATIENT, SOURCE
from stages.images.archive import read_metadata
from stages.images.decoding import load_rgb
from stages.images.settings import Limits

LIMITS = Limits(min_side=16, max_aspect=4.0, max_megapixels=1.0)
IMAGES = 250  # mutants of each format
TABLES = 400
MODELS = 150


def mutants(content: bytes, count: int, seed: int):
    """Yield copies of some bytes with a few bytes changed, a part left out, doubled, or cut off."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        mutant = bytearray(content)
        for _ in range(rng.integers(1, 6)):
            start, length = rng.integers(0, max(1, len(mutant))), rng.integers(1, 40)
            part = mutant[start : start + length]
            match rng.integers(0, 5):
                case 0:
                    mutant[start : start + 1] = rng.bytes(1)
                case 1:
                    del mutant[start : start + length]
                case 2:
                    mutant[start:start] = part
                case 3:
                    mutant[start : start + length] = rng.bytes(len(part))
                case _:
                    del mutant[max(start, 8) :]
        yield bytes(mutant)


def one_line(error: ValueError, most: int = 1) -> bool:
    return len(str(error)) > 0 and str(error).count("\n") < most


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_a_damaged_image_is_read_or_refused_in_a_line(form):
    rng = np.random.default_rng(0)
    target = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(target, form)
    outcomes = set()
    for mutant in mutants(target.getvalue(), IMAGES, seed=1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, on odd EXIF and TIFF tags
            try:
                image = load_rgb(io.BytesIO(mutant), LIMITS)
                assert image.mode == "RGB"
                outcomes.add("read")
            except ValueError as error:
                assert one_line(error), error
                outcomes.add("refused")
    assert "refused" in outcomes


def test_a_damaged_table_is_read_or_refused_by_name(tmp_path):
    rows = [f"HAM_{number},ISIC_{number},nv,histo,6{number % 10}.0,male,back,rosendahl" for number in range(30)]
    content = ("\n".join([",".join([*COLUMNS, SOURCE]), *rows]) + "\n").encode()
    outcomes = set()
    for mutant in mutants(content, TABLES, seed=2):
        (tmp_path / METADATA).write_bytes(mutant)
        try:
            table = read_metadata(tmp_path)
            assert list(table.columns) == [*COLUMNS, SOURCE, PATIENT]
            outcomes.add("read")
        except ValueError as error:
            assert str(error).startswith(str(tmp_path / METADATA))
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_damaged_model_is_opened_or_refused_in_a_line(finished):
    content = (finished / "models/demo/onnx/student_int8.onnx").read_bytes()
    outcomes = set()
    for mutant in mutants(content, MODELS, seed=3):
        try:
            open_session(mutant, threads=1)
            outcomes.add("opened")
        except ValueError as error:
            assert one_line(error), error
            outcomes.add("refused")
    assert "refused" in outcomes
