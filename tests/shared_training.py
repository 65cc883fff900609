"""A small training of one or several processes: `torchrun ... shared_training.py OUT KIND EPOCHS`.

KIND: "exact" for a network whose gradients do not depend on how a batch is shared out, and a loss that looks at all of
it; "normed" for one with batch norm and dropout. Writes OUT/history.json and OUT/weights.pt, the first process alone.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stages.dataset.pack import Pack
from stages.distillation.objective import correlation_distance
from stages.learning.training import fit
from stages.networks.device import open_device
from stages.networks.settings import Compute, HardLoss, Schedule, Views
from stages.networks.train_images import TrainImages
from stages.networks.views import Batch, Examples

IMAGES = 45  # three batches of 15: shared out among two, the shares differ by one


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    middle = [nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2)] if kind == "normed" else [nn.ReLU()]
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), *middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))


def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return nn.functional.cross_entropy(logits, batch.targets) + correlation_distance(logits, batch.targets * 4)


def run(folder: Path, kind: str, epochs: int) -> None:
    rng = np.random.default_rng(0)
    labels = torch.arange(IMAGES) % 3
    pixels = rng.integers(0, 256, (IMAGES, 16, 16, 3), dtype=np.uint8) // (1 + labels.numpy()[:, None, None, None])
    ids = [f"ISIC_{number}" for number in range(IMAGES)]
    images = TrainImages(
        Pack(pixels.astype(np.uint8), ids, []), ids, np.arange(IMAGES), labels, np.zeros(IMAGES, int), ("a", "b", "c")
    )
    views = Views(seed=1, rotation=180.0, zoom=1.1, brightness=0.1, contrast=0.1, mixtures=0.5, cutout=0.2)
    schedule = Schedule(
        seed=1, epochs=6, batch_size=16, learning_rate=0.01, weight_decay=0.01, warmup=0.1, averaging=0.9,
        clip_norm=1.0, dropout=0.0, loss=HardLoss(gamma=0.0, melanoma_weight=0.5),
    )  # fmt: skip
    device = open_device(Compute(device="cpu", precision="fp32", threads=1, processes=1, deterministic=True))
    model, epochs_done = network(kind), []

    def validate(_: nn.Module) -> dict[str, float]:
        if len(epochs_done) == epochs:
            raise KeyboardInterrupt  # as when it is killed
        epochs_done.append(True)
        return {}

    history = fit(
        model,
        loss,
        Examples(images, views, 6),
        validate=validate,
        schedule=schedule,
        device=device,
        checkpoint=folder / "checkpoint/checkpoint.pt",
    )
    if device.rank == 0:
        (folder / "history.json").write_text(json.dumps(history))
        torch.save(model.state_dict(), folder / "weights.pt")


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
