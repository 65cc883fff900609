"""The training loop of teachers and students, which differ in the loss passed in."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from stages.learning.checkpoints import load_checkpoint, save_checkpoint
from stages.networks.device import Device
from stages.networks.settings import Schedule
from stages.networks.views import Batch, Examples

Loss = Callable[[torch.Tensor, Batch], torch.Tensor]  # logits (batch, classes) -> scalar
Validate = Callable[[nn.Module], dict[str, float]]


@dataclass
class Progress:
    """The plain values of a checkpoint; epoch: number of finished ones."""

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: nn.Module,
    loss: Loss,
    examples: Examples,
    *,
    validate: Validate,
    schedule: Schedule,
    device: Device,
    checkpoint: Path,
) -> list[dict[str, float]]:
    """Train `model` in place and leave in it the averaged weights of the last epoch; return each epoch's metrics.

    Order and dropout are seeded by (seed, epoch), so that a run resumed from the checkpoint gives the same
    weights. ValueError when the loss is not finite. The last checkpoint stays, for the caller to forget once what was
    trained is saved.
    """
    device.place(model)
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=schedule.weight_decay, fused=True)
    stateful: dict[str, Any] = {"model": model, "average": average, "optimizer": optimizer}
    progress = _resume(checkpoint, stateful)
    while progress.epoch < schedule.epochs:
        train_loss = train_epoch(
            model, average, optimizer, loss, examples, epoch=progress.epoch, schedule=schedule, device=device
        )
        progress.history.append({"epoch": progress.epoch, "train_loss": train_loss, **validate(average)})
        print(" ".join(f"{name} {value:.5g}" for name, value in progress.history[-1].items()), flush=True)
        progress.epoch += 1
        save_checkpoint(
            checkpoint, {name: part.state_dict() for name, part in stateful.items()} | {"progress": vars(progress)}
        )
    model.load_state_dict(average.state_dict())
    return progress.history


def learning_rate(step: int, steps: int, schedule: Schedule) -> float:
    """Return the learning rate of a step: linear to the peak during warm-up, then a cosine to zero."""
    warmup = schedule.warmup * steps
    if step < warmup:
        return schedule.learning_rate * (step + 1) / (warmup + 1)
    return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def train_epoch(
    model: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    examples: Examples,
    *,
    epoch: int,
    schedule: Schedule,
    device: Device,
) -> float:
    """Train for one epoch and return its mean loss."""
    model.train()
    for module in model.modules() if schedule.frozen_norm else ():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    torch.manual_seed(schedule.seed * 100_003 + epoch)  # dropout
    order = np.random.default_rng([schedule.seed, epoch]).permutation(len(examples.images.rows))
    batches = np.array_split(order, math.ceil(len(order) / schedule.batch_size))  # equal sizes: none of one image
    view = epoch % examples.view_count
    averages, values, counts = _averaged(average, model)
    total = 0.0
    for number, positions in enumerate(tqdm(batches, desc=f"epoch {epoch}", leave=False, disable=None)):
        step = epoch * len(batches) + number
        optimizer.param_groups[0]["lr"] = learning_rate(step, schedule.epochs * len(batches), schedule)
        batch = examples.batch(positions, view, device.device)
        with device.autocast():
            logits = model(batch.images).float()
        value = loss(logits, batch)
        if not torch.isfinite(value):
            rate = optimizer.param_groups[0]["lr"]
            raise ValueError(f"loss is {value.item()} at step {step}, learning rate {rate:.3g}; lower learning_rate")
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), schedule.clip_norm)
        optimizer.step()
        decay = min(schedule.averaging, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(averages, values, 1 - decay)  # decay * average + (1 - decay) * value
            for counted, count in counts:
                counted.copy_(count)
        total += value.item() * len(positions)
    return total / len(order)


def _averaged(
    average: nn.Module, model: nn.Module
) -> tuple[list[torch.Tensor], list[torch.Tensor], list[tuple[torch.Tensor, torch.Tensor]]]:
    """Return the averages and the values they follow, of weights and batch-norm statistics, and what is only copied.

    Integer buffers (num_batches_tracked) are copied, not averaged. The lists are built once an epoch: state_dict() is
    slow and returns the live tensors.
    """
    pairs = list(zip(average.state_dict().values(), model.state_dict().values(), strict=True))
    moved = [pair for pair in pairs if pair[0].is_floating_point()]
    counts = [pair for pair in pairs if not pair[0].is_floating_point()]
    return [pair[0] for pair in moved], [pair[1] for pair in moved], counts


def _resume(checkpoint: Path, stateful: dict[str, Any]) -> Progress:
    """Load a checkpoint into model, averages and optimizer and return its progress; a new one without a checkpoint."""
    state = load_checkpoint(checkpoint)
    if state is None:
        return Progress()
    for name, part in stateful.items():
        part.load_state_dict(state[name])
    progress = Progress(**state["progress"])
    print(f"resumed after epoch {progress.epoch - 1} from {checkpoint}", flush=True)
    return progress
