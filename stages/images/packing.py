"""Decode an archive's images into the pack: one memory-mapped array and its manifest."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from stages.dataset.pack import MANIFEST, MANIFEST_COLUMNS, PIXELS
from stages.foundation.files import sha256_file, write_csv
from stages.foundation.progress import track
from stages.images.archive import raise_all
from stages.images.decoding import load_rgb, to_square
from stages.images.settings import Limits

CHUNK = 256  # images decoded at a time: bounds the memory


def write_pack(sources: dict[str, Path], folder: Path, *, size: int, limits: Limits) -> None:
    """Decode every image into a new folder's pixels.npy and manifest.csv; ValueError lists every unreadable image."""
    folder.mkdir()
    shape = (len(sources), size, size, 3)
    pixels = np.lib.format.open_memmap(folder / PIXELS, mode="w+", dtype=np.uint8, shape=shape)
    names, paths = list(sources), list(sources.values())
    manifest, faults = [], []
    with ThreadPoolExecutor() as pool:
        decoded = track(_decode_all(pool, paths, size, limits), len(paths), "images")
        for row, (image, source, fault) in enumerate(decoded):
            faults += [fault] if fault else []
            pixels[row] = image
            manifest.append((row, names[row], source, hashlib.sha256(image.tobytes()).hexdigest()))
    raise_all("images that cannot be read", faults)
    pixels.flush()
    write_csv(folder / MANIFEST, pd.DataFrame(manifest, columns=MANIFEST_COLUMNS))


def _decode_all(pool: Executor, paths: list[Path], size: int, limits: Limits) -> Iterator[tuple[np.ndarray, str, str]]:
    for start in range(0, len(paths), CHUNK):  # one map over all would keep every decoded image in memory
        yield from pool.map(lambda path: _decode(path, size, limits), paths[start : start + CHUNK])


def _decode(path: Path, size: int, limits: Limits) -> tuple[np.ndarray, str, str]:
    source = sha256_file(path)
    try:
        return to_square(load_rgb(path, limits), size), source, ""
    except ValueError as error:
        return np.zeros((size, size, 3), np.uint8), source, str(error)
