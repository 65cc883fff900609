"""From a model, a loss and a dataset to all that a training stage writes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stages.foundation.record import make_record
from stages.learning.checkpoints import checkpoint_path
from stages.learning.dataset import Dataset, score_unseen, validator
from stages.learning.device import Device, describe_device
from stages.learning.examples import Examples
from stages.learning.losses import HardLoss, class_weights, focal_loss
from stages.learning.models import Classifier
from stages.learning.training import Loss, Schedule, fit
from stages.learning.views import Views

PACKAGES = ["torch", "torchvision", "numpy"]


@dataclass(frozen=True)
class Trained:
    """p_melanoma: of every packed image that is not in train.csv, in `Dataset.unseen`'s order."""

    history: pd.DataFrame
    p_melanoma: np.ndarray
    record: dict[str, Any]


def label_loss(dataset: Dataset, settings: HardLoss, device: torch.device) -> Callable[..., torch.Tensor]:
    """Return the loss of (logits, positions in train) against the labels."""
    labels = dataset.labels.to(device)
    weights = class_weights(dataset.classes, dataset.melanoma, settings).to(device)

    def loss(logits: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        return focal_loss(logits, labels[positions], weights=weights, gamma=settings.gamma)

    return loss


def train(
    model: Classifier,
    loss: Loss,
    dataset: Dataset,
    *,
    views: Views,
    view_count: int,
    schedule: Schedule,
    device: Device,
    inputs: list[Path],
    settings: dict[str, Any],
) -> Trained:
    """Fit `model` in place; `inputs` and `settings` are all its result depends on: they name its checkpoint too."""
    progress = fit(
        model,
        loss,
        Examples(dataset.pack, dataset.train_ids, dataset.train_rows, views, view_count),
        validate=validator(dataset, device),
        schedule=schedule,
        device=device,
        checkpoint=checkpoint_path(inputs, repr(settings)),
    )
    facts = {**describe_device(device), "best_epoch": progress.best_epoch}
    record = make_record(settings, inputs, PACKAGES, **facts)
    return Trained(pd.DataFrame(progress.history), score_unseen(model, dataset, device), record)
