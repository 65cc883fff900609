"""Compute one teacher's logits on every view of every training image, for all students.

    python -m stages.soft_labels resnet18

A teacher of a fold, such as resnet18_fold0, labels the images of this fold alone, which it was not trained on
(cross-fitting, Dao et al. 2021, "Knowledge distillation as semiparametric inference").
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.distillation.soft_labels import save_soft_labels
from stages.foundation import command
from stages.foundation.files import writing
from stages.foundation.names import parse_teacher
from stages.foundation.params import read_params
from stages.foundation.progress import track
from stages.foundation.settings import Data, Labelling, Target
from stages.networks.dataset import open_train
from stages.networks.device import open_device
from stages.networks.models import load_weights
from stages.networks.scoring import score_view
from stages.networks.settings import Compute, ViewCount, Views
from stages.networks.views import Examples


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views
    distill: ViewCount
    kd: Labelling
    compute: Compute


def main(key: str) -> None:
    name = parse_teacher(key)
    params = read_params(Params)
    device = open_device(params.compute)
    images = open_train(Path("data/processed", params.data.name), params.target)
    labelled, count = images.of_fold(name.fold), params.distill.view_count
    models = Path("models", params.data.name)
    weights = models / f"teachers/{key}.safetensors"
    teacher = load_weights(weights, architecture=name.architecture, classes=images.classes)
    device.place(teacher)
    examples = Examples(images, params.views, count)
    turns = params.kd.label_turns
    logits = [
        score_view(teacher, examples, labelled, view, device, turns=turns)
        for view in track(range(count), count, "views")
    ]
    with writing(models / f"soft_labels/{key}.safetensors") as (target,):
        save_soft_labels(target, np.stack(logits), [images.image_ids[i] for i in labelled])


if __name__ == "__main__":
    command.run(main)
