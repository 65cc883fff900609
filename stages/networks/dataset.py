"""The images a network is trained and validated on, and its predictions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from stages.foundation.pack import open_pack
from stages.foundation.predictions import scored_ids
from stages.foundation.probability import class_probability
from stages.foundation.settings import Target
from stages.foundation.splits import check_classes, check_disjoint, class_indices, classes_of, read_split
from stages.networks.device import Device
from stages.networks.scoring import score_images
from stages.networks.train_images import TrainImages


@dataclass(frozen=True)
class Dataset:
    """The images trained on, all of train.csv's or those outside a fold, and those a model is scored on.

    val_rows: in the pack, int64 (images,); val_melanoma: 0 or 1; scored_ids: all packed images not in train.csv.
    """

    train: TrainImages
    val_rows: np.ndarray
    val_melanoma: np.ndarray
    scored_ids: list[str]


def dataset_files(processed: Path) -> list[Path]:
    """Return the files whose hashes identify a dataset; the manifest holds the hashes of the pack's pixels."""
    return [processed / name for name in ("pack/manifest.csv", "train.csv", "val.csv")]


def open_train(processed: Path, target: Target) -> TrainImages:
    """Return the training images below data/processed/<name>; ValueError on altered pixels."""
    return _train_images(processed, read_split(processed / "train.csv"), target)


def open_dataset(processed: Path, target: Target, without_fold: int | None = None) -> Dataset:
    """Return the dataset below data/processed/<name>; ValueError on overlapping splits and on altered pixels.

    without_fold: a fold of train.csv that is not trained on.
    """
    train_table, val = read_split(processed / "train.csv"), read_split(processed / "val.csv")
    check_disjoint({"train": train_table, "val": val})
    for name, table in {"train.csv": train_table, "val.csv": val}.items():
        check_classes(table, name)
    train = _train_images(processed, train_table, target)
    val_rows = train.pack.rows(list(val["image_id"]))
    ids = scored_ids(train.pack, train.image_ids)
    return Dataset(train.without(without_fold), val_rows, val["melanoma"].to_numpy(), ids)


def _train_images(processed: Path, table: pd.DataFrame, target: Target) -> TrainImages:
    pack = open_pack(processed / "pack")
    pack.verify()
    image_ids, labels = list(table["image_id"]), torch.tensor(class_indices(table, target))
    return TrainImages(
        pack, image_ids, pack.rows(image_ids), labels, table["fold"].to_numpy(), classes_of(target, table)
    )


def validate(model: nn.Module, dataset: Dataset, device: Device) -> dict[str, float]:
    """Return ROC-AUC, average precision and log loss of melanoma on the validation images."""
    logits = score_images(model, dataset.train.pack, dataset.val_rows, device)
    p, labels = class_probability(logits, dataset.train.melanoma), dataset.val_melanoma
    return {f"val_{name}": value for name, value in ranking_and_loss(labels, p).items()}


def ranking_and_loss(labels: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return ROC-AUC, average precision and log loss of labels, 0 or 1, and probabilities, both (images,).

    They are scikit-learn's to rounding, without its import, which takes each training two seconds.
    """
    order = np.argsort(-p, kind="stable")
    last = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))  # of images with one probability
    found = np.cumsum(labels[order])[last]
    alarms = 1 + last - found
    sensitivity, false_positive_rate = (np.append(0, counts) / counts[-1] for counts in (found, alarms))
    clipped = np.clip(np.where(labels == 1, p, 1 - p), np.finfo(float).eps, 1)
    return {
        "roc_auc": float(np.trapezoid(sensitivity, false_positive_rate)),
        "average_precision": float(np.diff(sensitivity) @ (found / (found + alarms))),
        "loss": float(-np.log(clipped).mean()),
    }


def predict(model: nn.Module, dataset: Dataset, device: Device, *, turns: int) -> np.ndarray:
    """Return p_melanoma of `dataset.scored_ids`, float64 (images,), from the mean logits of 1, 2 or 4 quarter turns."""
    train = dataset.train
    logits = score_images(model, train.pack, train.pack.rows(dataset.scored_ids), device, turns=turns)
    return class_probability(logits, train.melanoma)
