"""Train one MobileNetV3-Small on labels and on the soft labels of kd.teachers, which are averaged.

    python -m stages.distill T1_alpha0.5

alpha 0 is the control: the same student without distillation. T1_alpha0.5_seed43 is a repeat with another seed; it is
written below repeats. Predictions are of every packed image not in train.csv, as it is and over four quarter turns.
"""

import dataclasses
from pathlib import Path

from stages.distillation.alterations import AlteredExamples
from stages.distillation.settings import Alterations
from stages.distillation.teaching import mean_logits, student_loss
from stages.foundation import command
from stages.foundation.names import STUDENT, parse_student
from stages.foundation.params import dump_params, read_params
from stages.foundation.settings import Data, Distilling, Target
from stages.learning.run import label_loss, start_model, train, write_run
from stages.networks.dataset import dataset_files, open_dataset
from stages.networks.device import open_device
from stages.networks.settings import Compute, Distill, Init, Views, start_of

CODE = ("distill.py", "foundation", "networks", "learning", "distillation")


@dataclasses.dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views
    alterations: Alterations
    distill: Distill
    kd: Distilling
    init: Init
    compute: Compute


def main(key: str) -> None:
    student = parse_student(key)
    params = read_params(Params)
    params = dataclasses.replace(params, distill=params.distill.seeded(student.seed))
    start = start_of(params.init, STUDENT)
    device = open_device(params.compute)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    views, labels = params.distill.view_count, models / "soft_labels"
    teacher = mean_logits(labels, params.kd.teachers, views, dataset.train).to(device.device)
    hard_loss = label_loss(dataset.train, params.distill.loss, device.device)
    run = train(
        start_model(STUDENT, start, dataset.train.classes, params.distill, device),
        student_loss(hard_loss, teacher, student),
        dataset,
        examples=AlteredExamples(dataset.train, params.views, views, params.alterations),
        schedule=params.distill,
        device=device,
        inputs=[*dataset_files(processed), *(labels / f"{name}.safetensors" for name in params.kd.teachers)],
        code=CODE,
        settings={"key": key, "start": str(start), **dump_params(params, leave_out="init")},
    )
    kind = "students" if student.seed is None else "repeats"
    write_run(run, dataset, device, STUDENT, name=params.data.name, kind=kind, key=key)


if __name__ == "__main__":
    command.run(main)
