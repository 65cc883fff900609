"""Answer about image files, however many: some are decoded while others are scored; bad ones are named, not raised."""

import io
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from stages.deployment.deployed import BATCH, Deployed
from stages.deployment.metadata import Frame
from stages.images.decoding import load_rgb, to_square
from stages.images.settings import Limits

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"}  # of the images in a folder
STDIN = "-"  # as a file: one image on standard input
NAN = float("nan")


@dataclass(frozen=True)
class Answer:
    """What a student says of one file: p_melanoma and distance from the training images; or what is wrong with it."""

    file: str
    p_melanoma: float = NAN
    distance: float = NAN
    error: str = ""


def images_in(folder: Path) -> Iterator[Path]:
    """Yield the images in a folder and all folders below it, a folder's own by name, before those of its folders.

    A link to another folder is not followed but yielded, so that it is named where it then cannot be read; a link that
    leads nowhere likewise. OSError where a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders.sort()
        linked = {name for name in folders if Path(parent, name).is_symlink()}
        suffixed = {name for name in names if Path(name).suffix.lower() in SUFFIXES}
        yield from (Path(parent, name) for name in sorted(linked | suffixed))


def answer_files(student: Deployed, files: Iterable[str], threads: int) -> Iterator[Answer]:
    """Yield one answer per file in order.

    Memory is bounded: at most two batches exist, one being decoded and one scored.
    """
    remaining, frame = iter(files), student.metadata.frame
    with ThreadPoolExecutor(threads) as pool:

        def begin() -> list[tuple[str, Future[np.ndarray | str]]]:
            return [(name, pool.submit(_decode, name, frame)) for name in islice(remaining, BATCH)]

        batch = begin()
        while batch:
            following, decoded = begin(), [future.result() for _, future in batch]
            good = [image for image in decoded if isinstance(image, np.ndarray)]
            scored = _scored(student, good)
            for (name, _), image in zip(batch, decoded, strict=True):
                yield Answer(name, error=image) if isinstance(image, str) else _answer(name, *next(scored))
            batch = following


def _decode(name: str, frame: Frame) -> np.ndarray | str:
    """Return the pixels as the student takes them, uint8 (size, size, 3), or what is wrong with the file."""
    limits = Limits(min_side=frame.min_side, max_aspect=frame.max_aspect, max_megapixels=frame.max_megapixels)
    source: Path | BinaryIO = io.BytesIO(sys.stdin.buffer.read()) if name == STDIN else Path(name)
    try:
        return to_square(load_rgb(source, limits), frame.size)
    except ValueError as error:
        return str(error).removeprefix("image: " if name == STDIN else f"{Path(name)}: ")


def _scored(student: Deployed, pixels: list[np.ndarray]) -> Iterator[tuple[float, float]]:
    if pixels:
        answers = student.answers(np.stack(pixels))
        yield from zip(answers.p_melanoma.tolist(), answers.distance.tolist(), strict=True)


def _answer(name: str, p: float, distance: float) -> Answer:
    if not np.isfinite(p):
        return Answer(name, error="the model gives no number for this image")
    return Answer(name, p, distance)
