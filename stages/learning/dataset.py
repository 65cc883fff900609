"""What a network learns from and is judged by: the pack, the training images and the validation images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from torch import nn

from stages.dataset.pack import open_pack
from stages.dataset.predictions import scored_ids
from stages.dataset.settings import Target
from stages.dataset.splits import check_classes, check_disjoint, class_indices, classes_of, read_split
from stages.foundation.probability import class_probability
from stages.learning.device import Device
from stages.learning.examples import TrainImages
from stages.learning.scoring import score_images


@dataclass(frozen=True)
class Dataset:
    """scored_ids: every packed image that is not in train.csv; a model's predictions are of these."""

    train: TrainImages
    val_rows: np.ndarray
    val_melanoma: np.ndarray
    scored_ids: list[str]


def dataset_files(processed: Path) -> list[Path]:
    """Return the files a dataset is read from; the manifest stands for the pack, whose pixels it hashes."""
    return [processed / name for name in ("pack/manifest.csv", "train.csv", "val.csv")]


def open_train(processed: Path, target: Target) -> TrainImages:
    """Return the training images below data/processed/<name>; ValueError where packed pixels were altered."""
    pack = open_pack(processed / "pack")
    pack.verify()
    train = read_split(processed / "train.csv")
    image_ids = list(train["image_id"])
    labels = torch.tensor(class_indices(train, target))
    return TrainImages(pack, image_ids, pack.rows(image_ids), labels, classes_of(target))


def open_dataset(processed: Path, target: Target) -> Dataset:
    """Return the dataset below data/processed/<name>; ValueError on overlapping splits and on altered pixels."""
    val = read_split(processed / "val.csv")
    check_disjoint({"train": read_split(processed / "train.csv"), "val": val})
    check_classes(val, "val.csv")
    train = open_train(processed, target)
    val_rows = train.pack.rows(list(val["image_id"]))
    return Dataset(train, val_rows, val["melanoma"].to_numpy(), scored_ids(train.pack, train.image_ids))


def validator(dataset: Dataset, device: Device) -> Callable[[nn.Module], dict[str, float]]:
    """Return what scores a model on the validation images: ROC-AUC, average precision and log loss of melanoma."""

    def validate(model: nn.Module) -> dict[str, float]:
        logits = score_images(model, dataset.train.pack, dataset.val_rows, device)
        p, labels = class_probability(logits, dataset.train.melanoma), dataset.val_melanoma
        return {
            "val_roc_auc": float(roc_auc_score(labels, p)),
            "val_average_precision": float(average_precision_score(labels, p)),
            "val_loss": float(log_loss(labels, p)),
        }

    return validate


def predict(model: nn.Module, dataset: Dataset, device: Device) -> np.ndarray:
    """Return p_melanoma of `dataset.scored_ids`, float64 (images,)."""
    train = dataset.train
    logits = score_images(model, train.pack, train.pack.rows(dataset.scored_ids), device)
    return class_probability(logits, train.melanoma)
