"""Decode an archive's images into the pack: one memory-mapped array and its manifest."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from stages.foundation.files import read_table, saving, sha256_file, write_csv, write_text, writing
from stages.foundation.pack import DIGEST, MANIFEST, MANIFEST_COLUMNS, PIXELS
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
    reserve(folder / PIXELS)
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
    write_text(folder / DIGEST, sha256_file(folder / MANIFEST) + "\n")


def reserve(path: Path) -> None:
    """Have the system reserve a file's whole size; OSError where the disk has not as much.

    A file made for a memory map holds nothing yet; on a full disk, writing to the map ends the process without a word.
    """
    if hasattr(os, "posix_fallocate"):  # not on macOS and Windows
        with path.open("r+b") as file, saving(path, OSError):
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _decode_all(pool: Executor, paths: list[Path], size: int, limits: Limits) -> Iterator[tuple[np.ndarray, str, str]]:
    for start in range(0, len(paths), CHUNK):  # one map over all would keep every decoded image in memory
        yield from pool.map(lambda path: _decode(path, size, limits), paths[start : start + CHUNK])


def _decode(path: Path, size: int, limits: Limits) -> tuple[np.ndarray, str, str]:
    empty = np.zeros((size, size, 3), np.uint8)
    try:
        source = sha256_file(path)
        return to_square(load_rgb(path, limits), size), source, ""
    except (ValueError, OSError) as error:
        return empty, "", str(error)


def check_sources(manifest: Path, pack: Path) -> None:
    """Compare the images' files with those of an earlier pack, and keep the new manifest; no earlier one is no fault.

    ValueError lists images whose file is another now under the same name: a disk that flips a bit of a JPEG is noticed
    so. DVC forgets an earlier pack; `manifest` is therefore outside what it tracks.
    """
    sources = read_table(pack / MANIFEST).set_index("image_id")["source_sha256"]
    if manifest.is_file():
        before = read_table(manifest).set_index("image_id")["source_sha256"].reindex(sources.index)
        changed = list(sources.index[before.notna() & (before != sources)])
        raise_all(
            f"files that are not those packed before; put them back, or delete {manifest} if they are meant", changed
        )
    with writing(manifest) as (partial,):
        shutil.copy(pack / MANIFEST, partial)
