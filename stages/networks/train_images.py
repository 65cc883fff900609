"""The images of train.csv in memory: pixels, labels, folds."""

import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch

from stages.foundation.pack import Pack
from stages.foundation.splits import MELANOMA

COPIED = 4096  # images at a time


@dataclass(frozen=True)
class TrainImages:
    """The images of train.csv.

    rows: of the pack, int64 (images,); labels: indices of classes, int64 (images,); folds: int64 (images,), images of a
    lesion are in one fold.
    """

    pack: Pack
    image_ids: list[str]
    rows: np.ndarray
    labels: torch.Tensor
    folds: np.ndarray
    classes: tuple[str, ...]

    @property
    def melanoma(self) -> int:
        """Index of melanoma among the classes."""
        return self.classes.index(MELANOMA)

    def pixels(self, positions: np.ndarray, device: torch.device) -> torch.Tensor:
        """Return the images at some positions on a device, uint8 (images, size, size, 3)."""
        rows = self.rows[positions]
        if device.type == "cpu" or self._on_gpu is None:
            return torch.from_numpy(self.pack.pixels[rows]).to(device)
        return self._on_gpu[torch.from_numpy(rows).to(device)]

    @cached_property
    def _on_gpu(self) -> torch.Tensor | None:
        """The whole pack in a GPU's memory, None where it would fill more than half of what is free there."""
        free, _ = torch.cuda.mem_get_info()
        return copy_to(self.pack.pixels, torch.device("cuda")) if self.pack.pixels.nbytes < free / 2 else None

    @cached_property
    def hashes(self) -> np.ndarray:
        """Return a hash of each image's name, uint64 (images,)."""
        return np.array([zlib.crc32(name.encode()) for name in self.image_ids], dtype=np.uint64)

    @cached_property
    def members(self) -> dict[int, np.ndarray]:
        """Return fold -> the positions of its images."""
        return {int(fold): np.flatnonzero(self.folds == fold) for fold in np.unique(self.folds)}

    def in_same_fold(self, positions: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Return for each position that of an image of its fold, int64 (images,); share: how far along the fold."""
        members = [self.members[int(fold)] for fold in self.folds[positions]]
        return np.array([group[int(u * len(group))] for group, u in zip(members, share, strict=True)])

    def without(self, fold: int | None) -> Self:
        """Return the images outside a fold, all for None; ValueError on a fold that has no images."""
        if fold is None:
            return self
        return self.at(np.delete(np.arange(len(self.image_ids)), self.of_fold(fold)))

    def at(self, positions: np.ndarray) -> Self:
        """Return the images at some positions, int64 (images,)."""
        image_ids = [self.image_ids[i] for i in positions]
        rows, labels, folds = self.rows[positions], self.labels[positions], self.folds[positions]
        return replace(self, image_ids=image_ids, rows=rows, labels=labels, folds=folds)

    def of_fold(self, fold: int | None) -> np.ndarray:
        """Return the positions of a fold's images, all for None; ValueError on a fold that has no images."""
        if fold is None:
            return np.arange(len(self.image_ids))
        if fold not in self.members:
            raise ValueError(f"train.csv: wanted one of the folds {sorted(self.members)}, found fold {fold}")
        return self.members[fold]


def copy_to(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return a memory-mapped array on a device, uint8; it is read in parts and never whole in main memory."""
    target = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pixels), COPIED):
        target[start : start + COPIED].copy_(torch.from_numpy(pixels[start : start + COPIED].copy()))
    return target
