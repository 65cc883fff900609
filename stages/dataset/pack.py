"""Open and verify the pack: all decoded images of an archive in one memory-mapped array, with a manifest of hashes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

PIXELS, MANIFEST = "pixels.npy", "manifest.csv"
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
        for row in range(len(self.pixels)) if rows is None else rows:
            if hashlib.sha256(self.pixels[row].tobytes()).hexdigest() != self.hashes[row]:
                raise ValueError(
                    f"pack: the pixels of {self.image_ids[row]} differ from the manifest's hash; "
                    "remake it: dvc repro --force --single-item pack_images"
                )


def open_pack(folder: Path) -> Pack:
    """Return the pack in a folder without verifying its pixels; ValueError when pixels and manifest do not fit."""
    manifest = pd.read_csv(folder / MANIFEST, dtype=str, keep_default_na=False)
    pixels = np.load(folder / PIXELS, mmap_mode="r", allow_pickle=False)
    if list(manifest.columns) != MANIFEST_COLUMNS or len(manifest) != len(pixels):
        raise ValueError(f"{folder}: {len(manifest)} rows of {MANIFEST} do not describe {len(pixels)} packed images")
    return Pack(pixels, list(manifest["image_id"]), list(manifest["pixels_sha256"]))
