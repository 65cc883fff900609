"""Fine-tune one teacher on the training images.

    python -m stages.train_teacher resnet18

resnet18_seed43 is a repeat with another seed; resnet18_fold0 is not trained on fold 0 of train.csv. Predictions are of
every packed image not in train.csv, as it is and over four quarter turns.
"""

from dataclasses import dataclass
from pathlib import Path

from stages.foundation import command
from stages.foundation.names import parse_teacher
from stages.foundation.params import dump_params, read_params
from stages.foundation.settings import Data, Target
from stages.learning.run import label_loss, start_model, train, write_run
from stages.networks.dataset import dataset_files, open_dataset
from stages.networks.device import open_device
from stages.networks.settings import Compute, read_plan
from stages.networks.views import Examples

CODE = ("train_teacher.py", "foundation", "networks", "learning")


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    compute: Compute


def main(key: str) -> None:
    name = parse_teacher(key)
    params, plan = read_params(Params), read_plan(key)
    device = open_device(params.compute)
    processed = Path("data/processed", params.data.name)
    dataset = open_dataset(processed, params.target, without_fold=name.fold)
    run = train(
        start_model(name.architecture, plan.start, dataset.train.classes, plan.schedule, device),
        label_loss(dataset.train, plan.schedule.loss, device.device),
        dataset,
        examples=Examples(dataset.train, plan.views, plan.schedule.epochs),  # a new view each epoch
        schedule=plan.schedule,
        device=device,
        inputs=dataset_files(processed),
        code=CODE,
        settings={"key": key, **plan.model_dump(), **dump_params(params)},
    )
    write_run(run, dataset, device, name.architecture, name=params.data.name, kind="teachers", key=key)


if __name__ == "__main__":
    command.run(main)
