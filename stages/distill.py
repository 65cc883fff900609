"""Train one MobileNetV3-Small on labels and soft labels and keep its best epoch on val.

    python -m stages.distill T1_alpha0.5

Reads data/processed/<name>: pack, train.csv, val.csv; models/<name>/soft_labels of kd.teachers, which are averaged.
Writes models/<name>/students/<key>.safetensors; models/<name>/predictions/students/<key>: predictions.csv (every packed
image that is not in train.csv) and record.json; plots/<name>/history/students/<key>.csv.
alpha 0 is the control: the same student without distillation. T1_alpha0.5_seed43 is a repeat with another seed.
"""

import dataclasses
from pathlib import Path

import torch

from stages.dataset.settings import Target
from stages.distillation.objective import distillation_loss
from stages.distillation.soft_labels import load_soft_labels
from stages.foundation import command
from stages.foundation.names import STUDENT, Student, parse_student
from stages.foundation.params import dump_params, read_params
from stages.foundation.settings import Data, Distilling
from stages.learning.dataset import dataset_files, open_dataset
from stages.learning.device import open_device
from stages.learning.run import label_loss, start_model, train, write_run
from stages.learning.settings import Compute, Distill, HardLoss, Init, Views, start_of
from stages.learning.training import Loss
from stages.learning.views import Examples, TrainImages

CODE = ("distill.py", "foundation", "dataset", "learning", "distillation")


@dataclasses.dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views
    distill: Distill
    kd: Distilling
    init: Init
    compute: Compute


def mean_logits(paths: list[Path], views: int, images: TrainImages) -> torch.Tensor:
    """Return the mean of the teachers' soft labels, float32 (views, images, classes)."""
    shape = (views, len(images.image_ids), len(images.classes))
    return torch.stack([load_soft_labels(path, shape, images.image_ids) for path in paths]).mean(dim=0)


def student_loss(
    images: TrainImages, teacher: torch.Tensor, settings: HardLoss, student: Student, device: torch.device
) -> Loss:
    """Return a student's loss against the teacher's logits (views, images, classes) on the view the student sees."""
    hard_loss, teacher = label_loss(images, settings, device), teacher.to(device)

    def loss(logits: torch.Tensor, positions: torch.Tensor, view: int) -> torch.Tensor:
        hard = hard_loss(logits, positions)
        return distillation_loss(logits, teacher[view, positions], hard, T=student.T, alpha=student.alpha)

    return loss


def main(key: str) -> None:
    student = parse_student(key)
    params = read_params(Params)
    params = dataclasses.replace(params, distill=params.distill.seeded(student.seed))
    start = start_of(params.init, STUDENT)
    device = open_device(params.compute)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    soft_labels = [models / f"soft_labels/{name}.safetensors" for name in params.kd.teachers]
    teacher = mean_logits(soft_labels, params.distill.views, dataset.train)
    run = train(
        start_model(STUDENT, start, len(dataset.train.classes), params.distill, device),
        student_loss(dataset.train, teacher, params.distill.loss, student, device.device),
        dataset,
        examples=Examples(dataset.train, params.views, params.distill.views),
        schedule=params.distill,
        device=device,
        inputs=[*dataset_files(processed), *soft_labels],
        code=CODE,
        settings={"student": key, "start": str(start), **dump_params(params, leave_out="init")},
    )
    write_run(run, dataset, STUDENT, name=params.data.name, kind="students", key=key)


if __name__ == "__main__":
    command.run(main)
