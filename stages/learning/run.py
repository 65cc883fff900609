"""Train a model and write its weights, history, predictions and record: what both training stages share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stages.dataset.predictions import RECORD, TABLE, write_predictions
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.record import make_record
from stages.learning.checkpoints import PACKAGES, checkpoint_path
from stages.learning.dataset import Dataset, predict, validate
from stages.learning.device import Device, describe_device
from stages.learning.losses import class_weights, focal_loss
from stages.learning.models import Classifier, build_model, load_start, save_weights
from stages.learning.recompute import LARGE, recompute_features
from stages.learning.settings import HardLoss, LocalStart, Schedule
from stages.learning.training import Loss, fit
from stages.learning.views import Examples, TrainImages


@dataclass(frozen=True)
class Run:
    """A trained model. p_melanoma: predictions for the dataset's scored_ids, float64 (images,)."""

    model: Classifier
    history: pd.DataFrame
    p_melanoma: np.ndarray
    record: dict[str, Any]


def start_model(
    architecture: str, start: str | LocalStart, classes: int, schedule: Schedule, device: Device
) -> Classifier:
    """Return a classifier with its start weights; random ones are drawn with the schedule's seed."""
    torch.manual_seed(schedule.seed)
    rotations = schedule.tta_rotations
    model = build_model(architecture, classes, dropout=schedule.dropout, tta_rotations=rotations)
    load_start(model, architecture, start)
    if architecture in LARGE and device.device.type == "cpu":
        recompute_features(model.backbone)
    return model


def label_loss(images: TrainImages, settings: HardLoss, device: torch.device) -> Callable[..., torch.Tensor]:
    """Return the focal loss as a function of logits (batch, classes) and positions in train.csv, int64 (batch,)."""
    labels = images.labels.to(device)
    weights = class_weights(images.classes, images.melanoma, settings).to(device)

    def loss(logits: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        return focal_loss(logits, labels[positions], weights=weights, gamma=settings.gamma)

    return loss


def train(
    model: Classifier,
    loss: Loss,
    dataset: Dataset,
    *,
    examples: Examples,
    schedule: Schedule,
    device: Device,
    inputs: list[Path],
    code: tuple[str, ...],
    settings: dict[str, Any],
) -> Run:
    """Train `model` in place and predict; inputs, code (units of stages/) and settings identify its checkpoint."""
    progress = fit(
        model,
        loss,
        examples,
        validate=partial(validate, dataset=dataset, device=device),
        schedule=schedule,
        device=device,
        checkpoint=checkpoint_path(inputs, repr(settings), code),
    )
    record = make_record(settings, inputs, list(PACKAGES), **describe_device(device), best_epoch=progress.best_epoch)
    return Run(model, pd.DataFrame(progress.history), predict(model, dataset, device), record)


def write_run(run: Run, dataset: Dataset, architecture: str, *, name: str, kind: str, key: str) -> None:
    """Write a teacher's or student's weights, predictions and history below models/<name> and plots/<name>.

    kind: "teachers" or "students".
    """
    models = Path("models", name)
    with writing(
        models / f"{kind}/{key}.safetensors",
        models / f"predictions/{kind}/{key}",
        Path("plots", name, f"history/{kind}/{key}.csv"),
    ) as (weights, predictions, history):
        save_weights(weights, run.model, architecture=architecture, classes=dataset.train.classes)
        predictions.mkdir()
        write_predictions(predictions / TABLE, dataset.scored_ids, run.p_melanoma)
        write_json(predictions / RECORD, run.record)
        write_csv(history, run.history)
