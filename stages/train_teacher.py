"""Fine-tune one teacher on the training images and keep its best epoch on val.

    python -m stages.train_teacher resnet18          (resnet18_seed43 for a repeat with another seed)

Reads data/processed/<name>: pack, train.csv, val.csv. Writes models/<name>/teachers/<key>.safetensors;
models/<name>/predictions/teachers/<key>: predictions.csv (every packed image that is not in train.csv) and record.json;
plots/<name>/history/teachers/<key>.csv.
"""

import dataclasses
from pathlib import Path

from stages.dataset.settings import Target
from stages.foundation import command
from stages.foundation.names import parse_teacher
from stages.foundation.params import dump_params, read_params
from stages.foundation.settings import Data
from stages.learning.dataset import dataset_files, open_dataset
from stages.learning.device import open_device
from stages.learning.run import label_loss, start_model, train, write_run
from stages.learning.settings import Compute, Init, Schedule, Views, start_of
from stages.learning.views import Examples

CODE = ("train_teacher.py", "foundation", "dataset", "learning")


@dataclasses.dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views
    teacher: Schedule
    init: Init
    compute: Compute


def main(key: str) -> None:
    architecture, seed = parse_teacher(key)
    params = read_params(Params)
    params = dataclasses.replace(params, teacher=params.teacher.seeded(seed))
    start = start_of(params.init, key)
    device = open_device(params.compute)
    processed = Path("data/processed", params.data.name)
    dataset = open_dataset(processed, params.target)
    loss = label_loss(dataset.train, params.teacher.loss, device.device)
    run = train(
        start_model(architecture, start, len(dataset.train.classes), params.teacher, device),
        lambda logits, positions, view: loss(logits, positions),
        dataset,
        examples=Examples(dataset.train, params.views, params.teacher.epochs),  # a new view each epoch
        schedule=params.teacher,
        device=device,
        inputs=dataset_files(processed),
        code=CODE,
        settings={"architecture": architecture, "start": str(start), **dump_params(params, leave_out="init")},
    )
    write_run(run, dataset, architecture, name=params.data.name, kind="teachers", key=key)


if __name__ == "__main__":
    command.run(main)
