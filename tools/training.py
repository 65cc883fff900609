"""Measure how near a training comes to its bare step: the same model, optimizer and batch, on data that are in memory.

    python -m tools.training [--size 224] [--batch-size 32] [--models resnet50 ...]

Needs no data: images are random, which speed does not depend on. Reads params.yaml's views and compute; on a GPU, if
compute takes one. Writes build/training_step.csv: images per second of the whole step and of the bare one,
the share of the two, and the share of the step in which views are drawn. The two take turns, epoch by epoch.
"""

import argparse
import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

from stages.commands.options import count
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.names import ARCHITECTURES, STUDENT
from stages.foundation.pack import Pack
from stages.foundation.params import read_params
from stages.foundation.splits import DIAGNOSES
from stages.learning.training import train_epoch
from stages.networks.device import Device, describe_device, open_device
from stages.networks.models import build_model
from stages.networks.settings import Compute, HardLoss, Schedule, Views
from stages.networks.train_images import TrainImages
from stages.networks.views import Batch, Examples

MODELS = (STUDENT, "efficientnet_b0")
BATCHES = 8  # of one epoch


@dataclass(frozen=True)
class Params:
    views: Views
    compute: Compute


def random_examples(count: int, size: int, views: Views) -> Examples:
    """Return images of noise of all classes in turn."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    ids, labels = [f"ISIC_{number}" for number in range(count)], torch.arange(count) % len(DIAGNOSES)
    images = TrainImages(Pack(pixels, ids, []), ids, np.arange(count), labels, np.zeros(count, int), DIAGNOSES)
    return Examples(images, views, 1)


def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return F.cross_entropy(logits, batch.targets)


def bare_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, device: Device) -> None:
    """Run BATCHES steps on one batch that is in memory: forward, loss, backward, optimizer."""
    model.train()
    for _ in range(BATCHES):
        with device.autocast():
            logits = model(batch.images).float()
        optimizer.zero_grad()
        loss(logits, batch).backward()
        optimizer.step()


def seconds_of(block: Callable[[], object], device: Device) -> float:
    """Return how long a block takes, with all that it left a GPU to do."""
    began = time.perf_counter()
    block()
    if device.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measure(
    architecture: str, examples: Examples, schedule: Schedule, device: Device, rounds: int
) -> dict[str, object]:
    """Return the row of one model."""
    whole, bare = (device.place(build_model(architecture, len(DIAGNOSES))) for _ in range(2))
    average = copy.deepcopy(whole).eval().requires_grad_(False)
    optimizer, bare_optimizer = (torch.optim.AdamW(model.parameters(), lr=0.0, fused=True) for model in (whole, bare))
    images = BATCHES * schedule.batch_size
    starts = range(0, images, schedule.batch_size)
    batch = examples.batch(np.arange(schedule.batch_size), 0, device.device)
    blocks: dict[str, Callable[[], object]] = {
        "whole": lambda: train_epoch(
            whole, average, optimizer, loss, examples, epoch=0, schedule=schedule, device=device
        ),
        "bare": lambda: bare_epoch(bare, bare_optimizer, batch, device),
        "views": lambda: [
            examples.batch(np.arange(start, start + schedule.batch_size), 0, device.device) for start in starts
        ],
    }
    seconds: dict[str, list[float]] = {name: [] for name in blocks}
    for number in range(rounds + 1):
        for name, block in blocks.items():
            taken = seconds_of(block, device)
            if number:
                seconds[name].append(taken)
    median = {name: float(np.median(values)) for name, values in seconds.items()}
    return {
        "model": architecture,
        "images_per_second": images / median["whole"],
        "bare_images_per_second": images / median["bare"],
        "share_of_bare": median["bare"] / median["whole"],
        "views_share": median["views"] / median["whole"],
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--size", type=count, default=224, help="side of the images in pixels")
    parser.add_argument("--batch-size", type=count, default=32)
    parser.add_argument("--rounds", type=count, default=3, help="epochs of each kind, after one that only warms up")
    parser.add_argument("--models", nargs="+", choices=list(ARCHITECTURES), default=list(MODELS))


def main(options: argparse.Namespace) -> None:
    params = read_params(Params)
    device = open_device(params.compute)
    schedule = Schedule(
        seed=0, epochs=1, batch_size=options.batch_size, learning_rate=1e-4, weight_decay=0.0, warmup=0.0,
        averaging=0.99, clip_norm=1.0, dropout=0.0, frozen_norm=False, loss=HardLoss(gamma=0.0, melanoma_weight=0.5),
    )  # fmt: skip
    examples = random_examples(BATCHES * options.batch_size, options.size, params.views)
    table = pd.DataFrame([measure(name, examples, schedule, device, options.rounds) for name in options.models])
    table = table.assign(size=options.size, batch_size=options.batch_size, **describe_device(device))
    with writing(Path("build/training_step.csv")) as (partial,):
        write_csv(partial, table, digits=4)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    command.call(sys.modules[__name__], prog="python -m tools.training")
