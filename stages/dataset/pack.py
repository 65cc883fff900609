"""The pack: every image of an archive decoded once, in one memory-mapped file, with a manifest to check it by."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

MANIFEST_COLUMNS = ["row", "image_id", "source_sha256", "pixels_sha256"]


@dataclass(frozen=True)
class Pack:
    """pixels: uint8 (images, size, size, 3), memory-mapped; image_ids: one per row of pixels."""

    pixels: np.ndarray
    image_ids: list[str]
    hashes: list[str]

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.pixels.shape[1])

    def rows(self, image_ids: list[str]) -> np.ndarray:
        """Return the row of each image, int64 (images,), after checking its pixels against the manifest."""
        index = {name: row for row, name in enumerate(self.image_ids)}
        strangers = [name for name in image_ids if name not in index]
        if strangers:
            raise ValueError(f"{len(strangers)} images are not in the pack, the first is {strangers[0]}")
        rows = np.array([index[name] for name in image_ids], dtype=np.int64)
        for row in rows:
            if hashlib.sha256(self.pixels[row].tobytes()).hexdigest() != self.hashes[row]:
                raise ValueError(
                    f"pack: the pixels of {self.image_ids[row]} differ from the manifest's hash; "
                    "remake it: dvc repro --force --single-item pack_images"
                )
        return rows


def open_pack(pixels_path: Path, manifest_path: Path) -> Pack:
    """Return the pack that two files hold; ValueError when they do not belong together."""
    manifest = pd.read_csv(manifest_path, dtype=str, keep_default_na=False)
    pixels = np.load(pixels_path, mmap_mode="r", allow_pickle=False)
    if list(manifest.columns) != MANIFEST_COLUMNS or len(manifest) != len(pixels):
        raise ValueError(
            f"{manifest_path}: {len(manifest)} rows do not describe the {len(pixels)} images of {pixels_path}"
        )
    return Pack(pixels, list(manifest["image_id"]), list(manifest["pixels_sha256"]))
