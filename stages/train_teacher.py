"""Fine-tune one teacher on the training images; its best epoch on val is kept.

    python -m stages.train_teacher resnet18          (resnet18_seed43 for a repeat with another seed)

Reads data/processed/<name>: the pack, train.csv, val.csv. Writes below models/<name>: teachers/<key>.safetensors,
predictions/teachers/<key>.csv (every packed image that is not in train.csv) and its record .json; and
plots/<name>/history/teachers/<key>.csv.
"""

from pathlib import Path

import torch

from stages.dataset.predictions import write_predictions
from stages.dataset.splits import Target
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import parse_teacher
from stages.foundation.params import Data, Section, read_params
from stages.learning.dataset import dataset_files, open_dataset
from stages.learning.device import Compute, open_device
from stages.learning.losses import HardLoss
from stages.learning.models import Start, build_model, load_start, save_weights, start_of
from stages.learning.run import label_loss, train
from stages.learning.training import Schedule
from stages.learning.views import Views


class Teacher(Schedule):
    loss: HardLoss


class Params(Section):
    data: Data
    target: Target
    views: Views
    teacher: Teacher
    init: dict[str, Start]
    compute: Compute


def main(key: str) -> None:
    architecture, seed = parse_teacher(key)
    params = read_params(Params)
    params = params.model_copy(update={"teacher": params.teacher.seeded(seed)})
    start = start_of(params.init, key)
    device = open_device(params.compute)
    processed = Path("data/processed", params.data.name)
    dataset = open_dataset(processed, params.target)
    torch.manual_seed(params.teacher.seed)
    model = build_model(
        architecture,
        len(dataset.classes),
        dropout=params.teacher.dropout,
        tta_rotations=params.teacher.tta_rotations,
    )
    load_start(model, architecture, start)
    loss = label_loss(dataset, params.teacher.loss, device.device)
    trained = train(
        model,
        lambda logits, positions, view: loss(logits, positions),
        dataset,
        views=params.views,
        view_count=params.teacher.epochs,  # a teacher never sees a view twice
        schedule=params.teacher,
        device=device,
        inputs=dataset_files(processed),
        settings={"architecture": architecture, "start": str(start), **params.model_dump(exclude={"init"})},
    )
    models = Path("models", params.data.name)
    with writing(
        models / f"teachers/{key}.safetensors",
        models / f"predictions/teachers/{key}.csv",
        models / f"predictions/teachers/{key}.json",
        Path("plots", params.data.name, f"history/teachers/{key}.csv"),
    ) as (weights, predictions, record, history):
        save_weights(weights, model, architecture=architecture, classes=dataset.classes)
        write_predictions(predictions, dataset.unseen, trained.p_melanoma)
        write_json(record, trained.record)
        write_csv(history, trained.history)


if __name__ == "__main__":
    command.run(main)
