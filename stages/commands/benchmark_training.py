"""Measure how fast students are distilled here, beside a plain loop that decodes and asks the teacher each time.

    melanoma-kd benchmark_training

Reads data/raw/<name>, data/processed/<name>: the pack, train.csv, val.csv. Writes metrics/<name>/training_speed.csv:
for each of TEACHERS, images per second of each part, and the hours of the whole grid extrapolated from them. Blocks
of both loops take turns in one run; weights are random, which speed does not depend on. A command and a leaf, like
`benchmark`. Validation, which both loops need alike, and packing, once for all, are left out.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stages.benchmarks.baseline_loop import plain_process
from stages.dataset.settings import Target
from stages.distillation.objective import distillation_loss
from stages.foundation import command
from stages.foundation.files import write_csv, writing
from stages.foundation.names import GRID, STUDENT
from stages.foundation.params import read_params
from stages.foundation.progress import track
from stages.foundation.settings import Data
from stages.images.archive import find_images
from stages.images.settings import Image
from stages.learning.checkpoints import forget_checkpoint
from stages.learning.run import label_loss
from stages.learning.training import fit
from stages.networks.dataset import open_dataset
from stages.networks.device import open_device
from stages.networks.models import build_model
from stages.networks.scoring import score_view
from stages.networks.settings import Compute, Distill, Views
from stages.networks.views import Batch, Examples

TEACHERS = ("resnet18", "efficientnet_b1")  # of the original student project: the fastest, and the one it distilled
BATCHES = 20  # of one block
ROUNDS = 3


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    image: Image
    views: Views
    distill: Distill
    compute: Compute


@contextmanager
def parts(params: Params, teacher_name: str, checkpoint: Path) -> Iterator[dict[str, Callable[[], object]]]:
    """Yield a function for each part, which runs it once over BATCHES batches of training images."""
    device = open_device(params.compute.model_copy(update={"device": "cpu"}))  # where both loops are compared
    schedule = params.distill
    dataset = open_dataset(Path("data/processed", params.data.name), params.target)
    train = dataset.train
    count, classes = min(BATCHES * schedule.batch_size, len(train.image_ids)), len(train.classes)
    block = train.at(np.arange(count))
    examples = Examples(block, params.views, params.distill.view_count)
    files = find_images(Path("data/raw", params.data.name), [*train.image_ids, *dataset.scored_ids])
    paths, labels = [files[name] for name in block.image_ids], train.labels[:count].tolist()
    student = build_model(STUDENT, classes, dropout=schedule.dropout)
    teacher = build_model(teacher_name, classes)
    once = schedule.model_copy(update={"epochs": 1})
    hard, soft = label_loss(train, schedule.loss, device.device), torch.zeros(count, classes)

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        teacher_logits = soft[batch.positions]
        return distillation_loss(logits, teacher_logits, hard(logits, batch), T=1, alpha=0.5, divergence="kl")

    def distill() -> None:
        forget_checkpoint(checkpoint)  # or it would go on after the last epoch
        fit(student, loss, examples, validate=lambda _: {}, schedule=once, device=device, checkpoint=checkpoint)

    with plain_process(
        paths,
        labels,
        size=params.image.size,
        teacher=teacher_name,
        classes=classes,
        schedule=schedule,
        threads=params.compute.threads,
    ) as plain:
        yield {
            "soft labels": lambda: score_view(device.place(teacher), examples, np.arange(count), 0, device),
            "student": distill,
            "plain loop": lambda: plain(0),
            "plain loop, workers": lambda: plain(params.compute.threads),
        }


def speeds(blocks: dict[str, Callable[[], object]], images: int) -> dict[str, float]:
    """Return the median images per second of each part; blocks take turns, and the first round only warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in blocks}
    for number in range(ROUNDS + 1):
        for name, block in blocks.items():
            began = time.perf_counter()
            block()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return {name: images / float(np.median(values)) for name, values in seconds.items()}


def extrapolate(rates: dict[str, float], *, images: int, views: int, epochs: int) -> dict[str, float]:
    """Return the hours of the grid by either loop, and their ratio; the plain loop's are at its faster setting.

    rates: images per second of each part; ours includes computing the soft labels, once per view.
    """
    ours = images * views / rates["soft labels"] + len(GRID) * epochs * images / rates["student"]
    plain = len(GRID) * epochs * images / max(rates["plain loop"], rates["plain loop, workers"])
    return {"hours": ours / 3600, "plain_hours": plain / 3600, "ratio": ours / plain}


def main() -> None:
    params = read_params(Params)
    images = len(pd.read_csv(Path("data/processed", params.data.name, "train.csv")))
    block = min(BATCHES * params.distill.batch_size, images)
    rows: list[dict[str, Any]] = []
    for teacher in track(TEACHERS, len(TEACHERS), "teachers"):
        with (
            tempfile.TemporaryDirectory() as folder,
            parts(params, teacher, Path(folder, "run/checkpoint.pt")) as blocks,
        ):
            rates = speeds(blocks, block)
        grid = extrapolate(rates, images=images, views=params.distill.view_count, epochs=params.distill.epochs)
        columns = {f"{name.replace(',', '').replace(' ', '_')}_per_second": value for name, value in rates.items()}
        rows.append({"teacher": teacher, "image_size": params.image.size, **columns, **grid})
    table = pd.DataFrame(rows)
    with writing(Path("metrics", params.data.name, "training_speed.csv")) as (target,):
        write_csv(target, table, digits=4)
    print(table.to_string(index=False))


if __name__ == "__main__":
    command.run(main)
