"""Compute one teacher's logits on every view of every training image, once for all students.

    python -m stages.soft_labels resnet18

Reads data/processed/<name>: the pack, train.csv, val.csv; models/<name>/teachers/<key>.safetensors. Writes
models/<name>/soft_labels/<key>.safetensors: float32 (views, training images, classes).
"""

from pathlib import Path

import numpy as np
from pydantic import Field

from stages.dataset.splits import Target
from stages.distillation.soft_labels import save_soft_labels
from stages.foundation import command
from stages.foundation.files import writing
from stages.foundation.names import parse_teacher
from stages.foundation.params import Data, Part, Section, read_params
from stages.foundation.progress import track
from stages.learning.dataset import open_dataset
from stages.learning.device import Compute, open_device
from stages.learning.examples import Examples
from stages.learning.models import load_weights
from stages.learning.scoring import score_view
from stages.learning.views import Views


class Distill(Part):
    views: int = Field(ge=1)


class Params(Section):
    data: Data
    target: Target
    views: Views
    distill: Distill
    compute: Compute


def main(key: str) -> None:
    params = read_params(Params)
    device = open_device(params.compute)
    dataset = open_dataset(Path("data/processed", params.data.name), params.target)
    models = Path("models", params.data.name)
    count = params.distill.views
    weights = models / f"teachers/{key}.safetensors"
    teacher = load_weights(weights, architecture=parse_teacher(key)[0], classes=dataset.classes)
    teacher.tta_rotations = 1  # the views are turned already
    examples = Examples(dataset.pack, dataset.train_ids, dataset.train_rows, params.views, count)
    device.place(teacher)
    logits = np.stack([score_view(teacher, examples, view, device) for view in track(range(count), count, "views")])
    with writing(models / f"soft_labels/{key}.safetensors") as (target,):
        save_soft_labels(target, logits, dataset.train_ids)


if __name__ == "__main__":
    command.run(main)
