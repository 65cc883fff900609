"""Open and verify the pack: all decoded images of an archive in one memory-mapped array, with a manifest of hashes."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.foundation.files import read_table, sha256_file

PIXELS, MANIFEST = "pixels.npy", "manifest.csv"
DIGEST = "manifest.sha256"  # of the manifest, in hexadecimal
REMAKE = "remake it: dvc repro --force --single-item pack_images"
MANIFEST_COLUMNS = ["row", "image_id", "source_sha256", "pixels_sha256"]


@dataclass(frozen=True)
class Pack:
    """pixels: uint8 (images, size, size, 3), memory-mapped; image_ids and hashes: one per row of pixels."""

    pixels: np.ndarray
    image_ids: list[str]
    hashes: list[str]

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.pixels.shape[1])

    def rows(self, image_ids: list[str]) -> np.ndarray:
        """Return each image's row in `pixels`, int64 (images,); ValueError names one that is not in the pack."""
        index = {name: row for row, name in enumerate(self.image_ids)}
        missing = [name for name in image_ids if name not in index]
        if missing:
            raise ValueError(f"{len(missing)} images are not in the pack, the first is {missing[0]}")
        return np.array([index[name] for name in image_ids], dtype=np.int64)

    def verify(self, rows: np.ndarray | None = None) -> None:
        """Raise ValueError if the pixels of one of the rows, by default all, differ from the manifest's sha256."""
        parts = np.array_split(np.arange(len(self.pixels)) if rows is None else rows, 64)
        with ThreadPoolExecutor() as pool:  # hashing leaves Python's lock to others
            altered = [row for part in pool.map(self._altered, parts) for row in part]
        if altered:
            raise ValueError(
                f"pack: the pixels of {self.image_ids[altered[0]]} differ from the manifest's hash; {REMAKE}"
            )

    def _altered(self, rows: np.ndarray) -> list[int]:
        return [row for row in rows if hashlib.sha256(self.pixels[row].data).hexdigest() != self.hashes[row]]


def open_pack(folder: Path) -> Pack:
    """Return the pack in a folder without verifying its pixels; ValueError when it is not whole, or altered."""
    for name in (PIXELS, MANIFEST, DIGEST):
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name}: no such file; {REMAKE}")
    if sha256_file(folder / MANIFEST) != (folder / DIGEST).read_text(encoding="utf-8").strip():
        raise ValueError(f"{folder / MANIFEST}: differs from the hash in {DIGEST}; {REMAKE}")
    manifest = read_table(folder / MANIFEST)
    try:
        pixels = np.lib.format.open_memmap(folder / PIXELS, mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{folder / PIXELS}: not a whole array ({error}); {REMAKE}") from None
    if list(manifest.columns) != MANIFEST_COLUMNS or pixels.shape[:1] != (len(manifest),):
        raise ValueError(
            f"{folder}: {len(manifest)} rows of {MANIFEST} do not describe pixels of {pixels.shape}; {REMAKE}"
        )
    return Pack(pixels, list(manifest["image_id"]), list(manifest["pixels_sha256"]))
