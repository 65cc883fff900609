"""Distillation as most scripts write it, to measure ours beside: decode each epoch, teacher in the loop.

It runs in a process of its own, so that nothing that `networks/device.py` sets (memory, algorithms) reaches it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from stages.distillation.objective import distillation_loss
from stages.foundation.names import STUDENT
from stages.learning.losses import focal_loss
from stages.networks.models import Classifier, build_model
from stages.networks.settings import Schedule


class _Files(Dataset[tuple[torch.Tensor, int]]):
    """JPEG files, decoded and augmented anew each time: the transforms of the study (the original student project)."""

    def __init__(self, paths: list[Path], labels: list[int], size: int) -> None:
        self.paths, self.labels = paths, labels
        self.augment = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.RandomRotation(180),
                transforms.ColorJitter(0.08, 0.15),
                transforms.ToTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        with Image.open(self.paths[index]) as image:
            return self.augment(image.convert("RGB")), self.labels[index]


def plain_loader(
    paths: list[Path], labels: list[int], *, size: int, batch_size: int, workers: int
) -> DataLoader[tuple[torch.Tensor, int]]:
    """Return batches of these files, decoded here or by workers, who live as long as the loader.

    Workers are new processes and not forks: a fork of a process whose libraries run threads can break either.
    """
    settings: dict[str, Any] = {"multiprocessing_context": "spawn", "persistent_workers": True} if workers else {}
    return DataLoader(
        _Files(paths, labels, size),
        batch_size=batch_size,
        shuffle=True,
        num_workers=workers,
        drop_last=True,
        **settings,
    )


def plain_epoch(
    student: Classifier, teacher: Classifier, loader: DataLoader[tuple[torch.Tensor, int]], schedule: Schedule
) -> None:
    """Train `student` for one epoch over a loader's files, T 1 and alpha 0.5, the teacher run on every batch."""
    optimizer = torch.optim.AdamW(student.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    weights = torch.ones(_outputs(student))
    student.train()
    teacher.eval()
    for images, targets in loader:
        with torch.no_grad():
            soft = teacher(images)
        logits = student(images)
        hard = focal_loss(logits, F.one_hot(targets, len(weights)), weights=weights, gamma=0.0)
        loss = distillation_loss(logits, soft, hard, T=1, alpha=0.5, divergence="kl")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@contextmanager
def plain_process(
    paths: list[Path], labels: list[int], *, size: int, teacher: str, classes: int, schedule: Schedule, threads: int
) -> Iterator[Callable[[int], None]]:
    """Yield a function that runs one epoch over these files with so many workers, in its own process.

    Weights are random, which speed does not depend on. threads: of PyTorch, and the number of workers where any.
    """
    initializer = partial(
        _open, paths, labels, size=size, teacher=teacher, classes=classes, schedule=schedule, threads=threads
    )
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=initializer) as pool:
        yield lambda workers: pool.submit(_run, workers).result()


_epochs: dict[int, Callable[[], None]] = {}  # in that process: an epoch by its number of workers


def _open(
    paths: list[Path], labels: list[int], *, size: int, teacher: str, classes: int, schedule: Schedule, threads: int
) -> None:
    torch.set_num_threads(threads)
    student = build_model(STUDENT, classes, dropout=schedule.dropout)
    model = build_model(teacher, classes)
    for workers in (0, threads):
        loader = plain_loader(paths, labels, size=size, batch_size=schedule.batch_size, workers=workers)
        _epochs[workers] = partial(plain_epoch, student, model, loader, schedule)


def _run(workers: int) -> None:
    _epochs[workers]()


def _outputs(model: Classifier) -> int:
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1].out_features
