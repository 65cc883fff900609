"""What a training stage learns from and is judged by: the pack, the training and the validation images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from torch import nn

from stages.dataset.pack import Pack, open_pack
from stages.dataset.splits import MELANOMA, Target, check_disjoint, class_indices, classes_of, read_split
from stages.foundation.probability import class_probability
from stages.learning.device import Device
from stages.learning.scoring import score_images


@dataclass(frozen=True)
class Dataset:
    """labels: class of each training image, int64 (images,); unseen: every packed image that is not in train.csv."""

    pack: Pack
    train_ids: list[str]
    train_rows: np.ndarray
    labels: torch.Tensor
    val_rows: np.ndarray
    val_melanoma: np.ndarray
    unseen: list[str]
    classes: tuple[str, ...]

    @property
    def melanoma(self) -> int:
        """Index of melanoma among the classes."""
        return self.classes.index(MELANOMA)


def dataset_files(processed: Path) -> list[Path]:
    """Return the files a dataset is read from; the manifest stands for the pack, whose pixels it hashes."""
    return [processed / name for name in ("pack_manifest.csv", "train.csv", "val.csv")]


def open_dataset(processed: Path, target: Target) -> Dataset:
    """Return the dataset below data/processed/<name>; ValueError on overlapping splits and on altered pixels."""
    manifest, train_path, val_path = dataset_files(processed)
    pack = open_pack(processed / "pack.npy", manifest)
    train, val = read_split(train_path), read_split(val_path)
    check_disjoint({"train": train, "val": val})
    train_ids = list(train["image_id"])
    seen = set(train_ids)
    return Dataset(
        pack=pack,
        train_ids=train_ids,
        train_rows=pack.rows(train_ids),
        labels=torch.tensor(class_indices(train, target)),
        val_rows=pack.rows(list(val["image_id"])),
        val_melanoma=_both_classes(val, val_path),
        unseen=[name for name in pack.image_ids if name not in seen],
        classes=classes_of(target),
    )


def validator(dataset: Dataset, device: Device) -> Callable[[nn.Module], dict[str, float]]:
    """Return what scores a model on the validation images: ROC-AUC, average precision and log loss of melanoma."""

    def validate(model: nn.Module) -> dict[str, float]:
        logits = score_images(model, dataset.pack, dataset.val_rows, device)
        p, y = class_probability(logits, dataset.melanoma), dataset.val_melanoma
        return {
            "val_roc_auc": float(roc_auc_score(y, p)),
            "val_average_precision": float(average_precision_score(y, p)),
            "val_loss": float(log_loss(y, p)),
        }

    return validate


def score_unseen(model: nn.Module, dataset: Dataset, device: Device) -> np.ndarray:
    """Return p_melanoma of every packed image that is not in train.csv, float64 (images,)."""
    logits = score_images(model, dataset.pack, dataset.pack.rows(dataset.unseen), device)
    return class_probability(logits, dataset.melanoma)


def _both_classes(val: pd.DataFrame, path: Path) -> np.ndarray:
    if val["melanoma"].nunique() < 2:
        raise ValueError(
            f"{path}: wanted melanomas and other lesions, found {val['melanoma'].sum()} of {len(val)} melanomas"
        )
    return val["melanoma"].to_numpy()
