"""Train a model and write its weights, history, predictions and record: what both training stages share."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stages.dataset.predictions import RECORD, TABLE, TURNED, write_predictions
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
    """A trained model. p_melanoma: predictions for the dataset's scored_ids by name of their table."""

    model: Classifier
    history: pd.DataFrame
    p_melanoma: dict[str, np.ndarray]
    record: dict[str, Any]


def start_model(
    architecture: str, start: str | LocalStart, classes: int, schedule: Schedule, device: Device
) -> Classifier:
    """Return a classifier with its start weights; random ones are drawn with the schedule's seed."""
    torch.manual_seed(schedule.seed)
    model = build_model(architecture, classes, dropout=schedule.dropout)
    load_start(model, architecture, start)
    if architecture in LARGE and device.device.type == "cpu":
        recompute_features(model.backbone)
    return model


def label_loss(images: TrainImages, settings: HardLoss, device: torch.device) -> Loss:
    """Return the focal loss of logits (batch, classes) on a batch's labels."""
    weights = class_weights(images.classes, images.melanoma, settings).to(device)
    return lambda logits, batch: focal_loss(logits, batch.targets, weights=weights, gamma=settings.gamma)


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
    history = fit(
        model,
        loss,
        examples,
        validate=partial(validate, dataset=dataset, device=device),
        schedule=schedule,
        device=device,
        checkpoint=checkpoint_path(inputs, repr(settings), code),
    )
    record = make_record(settings, inputs, list(PACKAGES), **describe_device(device), epochs=len(history))
    p = {name: predict(model, dataset, device, turns=turns) for name, turns in {TABLE: 1, TURNED: 4}.items()}
    return Run(model, pd.DataFrame(history), p, record)


def write_run(run: Run, dataset: Dataset, architecture: str, *, name: str, kind: str, key: str) -> None:
    """Write a teacher's or student's weights, predictions and history below models/<name> and plots/<name>.

    kind: "teachers", "students" or "repeats".
    """
    models = Path("models", name)
    with writing(
        models / f"{kind}/{key}.safetensors",
        models / f"predictions/{kind}/{key}",
        Path("plots", name, f"history/{kind}/{key}.csv"),
    ) as (weights, predictions, history):
        save_weights(weights, run.model, architecture=architecture, classes=dataset.train.classes)
        predictions.mkdir()
        for table, p in run.p_melanoma.items():
            write_predictions(predictions / table, dataset.scored_ids, p)
        write_json(predictions / RECORD, run.record)
        write_csv(history, run.history)
