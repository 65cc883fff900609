"""Train a model and write its weights, history, predictions and record: what both training stages share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import TABLE, TURNED
from stages.foundation.predictions import RECORD, write_predictions
from stages.foundation.record import make_record
from stages.learning.checkpoints import PACKAGES, checkpoint_path, forget_checkpoint
from stages.learning.losses import class_weights, focal_loss
from stages.learning.training import Loss, fit
from stages.networks.dataset import Dataset, predict, validate
from stages.networks.device import Device, describe_device
from stages.networks.models import Classifier, build_model, save_weights
from stages.networks.recompute import LARGE, recompute_features
from stages.networks.settings import HardLoss, LocalStart, Schedule
from stages.networks.starts import load_start
from stages.networks.train_images import TrainImages
from stages.networks.views import Examples


@dataclass(frozen=True)
class Run:
    """A trained model, the metrics of each epoch, what it was made from, and the checkpoint to forget in the end."""

    model: Classifier
    history: pd.DataFrame
    record: dict[str, Any]
    checkpoint: Path


def start_model(
    architecture: str, start: str | LocalStart, classes: tuple[str, ...], schedule: Schedule, device: Device
) -> Classifier:
    """Return a classifier with its start weights; random ones are drawn with the schedule's seed."""
    torch.manual_seed(schedule.seed)
    model = build_model(architecture, len(classes), dropout=schedule.dropout)
    model.classes = classes
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
    """Train `model` in place; inputs, code (units of stages/) and settings identify its checkpoint."""
    described = describe_device(device)
    checkpoint = checkpoint_path(inputs, repr([settings, described]), code)
    with naming_memory(schedule):
        history = fit(
            model,
            loss,
            examples,
            validate=partial(validate, dataset=dataset, device=device),
            schedule=schedule,
            device=device,
            checkpoint=checkpoint,
        )
    record = make_record(settings, inputs, list(PACKAGES), **described, epochs=len(history))
    return Run(model, pd.DataFrame(history), record, checkpoint)


@contextmanager
def naming_memory(schedule: Schedule) -> Iterator[None]:
    """Raise what torch says of exhausted memory as a ValueError that names the parameters to lower."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        raise ValueError(
            f"out of memory: lower batch_size, now {schedule.batch_size}, of teacher or distill, or image.size"
        ) from None


def write_run(run: Run, dataset: Dataset, device: Device, architecture: str, *, name: str, kind: str, key: str) -> None:
    """Write a teacher's or student's weights, predictions and history below models/<name> and plots/<name>.

    kind: "teachers", "students" or "repeats". Predicted are all scored_ids, as they are and over four turns.
    """
    models, turns = Path("models", name), {TABLE: 1, TURNED: 4}
    p_melanoma = {table: predict(run.model, dataset, device, turns=count) for table, count in turns.items()}
    with writing(
        models / f"{kind}/{key}.safetensors",
        models / f"predictions/{kind}/{key}",
        Path("plots", name, f"history/{kind}/{key}.csv"),
    ) as (weights, predictions, history):
        save_weights(weights, run.model, architecture=architecture, classes=dataset.train.classes)
        predictions.mkdir()
        for table, p in p_melanoma.items():
            write_predictions(predictions / table, dataset.scored_ids, p)
        write_json(predictions / RECORD, run.record)
        write_csv(history, run.history)
    forget_checkpoint(run.checkpoint)
