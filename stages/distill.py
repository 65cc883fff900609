"""Train one MobileNetV3-Small on labels and soft labels.

    python -m stages.distill T1_alpha0.5

Reads data/processed/<name>: pack, train.csv, val.csv; models/<name>/soft_labels of kd.teachers, which are averaged.
Writes models/<name>/students/<key>.safetensors; models/<name>/predictions/students/<key>: predictions.csv and
turned.csv (every packed image that is not in train.csv, as it is and over four quarter turns), record.json;
plots/<name>/history/students/<key>.csv. alpha 0 is the control: the same student without distillation.
T1_alpha0.5_seed43 is a repeat with another seed; it is written below repeats.
"""

import dataclasses
from pathlib import Path

import torch

from stages.dataset.settings import Target
from stages.distillation.objective import distillation_loss
from stages.distillation.soft_labels import load_soft_labels
from stages.foundation import command
from stages.foundation.names import STUDENT, Student, parse_student, parse_teacher
from stages.foundation.params import dump_params, read_params
from stages.foundation.settings import Data, Distilling, Divergence
from stages.learning.processes import relaunch
from stages.learning.run import label_loss, start_model, train, write_run
from stages.learning.training import Loss
from stages.networks.dataset import dataset_files, open_dataset
from stages.networks.device import open_device
from stages.networks.settings import Compute, Distill, Init, Views, start_of
from stages.networks.train_images import TrainImages
from stages.networks.views import Batch, Examples

CODE = ("distill.py", "foundation", "dataset", "networks", "learning", "distillation")


@dataclasses.dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    views: Views
    distill: Distill
    kd: Distilling
    init: Init
    compute: Compute


def mean_logits(folder: Path, teachers: list[str], views: int, images: TrainImages) -> torch.Tensor:
    """Return the mean of the teachers' soft labels, float32 (views, images, classes).

    Where a teacher is of a fold, the mean of an image is over the teachers that labelled it.
    """
    total = torch.zeros(views, len(images.image_ids), len(images.classes))
    count = torch.zeros(len(images.image_ids), 1)
    for key in teachers:
        labelled = images.of_fold(parse_teacher(key).fold)
        image_ids = [images.image_ids[i] for i in labelled]
        shape = (views, len(image_ids), len(images.classes))
        total[:, labelled] += load_soft_labels(folder / f"{key}.safetensors", shape, image_ids)
        count[labelled] += 1
    return total / count


def student_loss(hard_loss: Loss, teacher: torch.Tensor, student: Student, divergence: Divergence) -> Loss:
    """Return a student's loss against the teacher's logits (views, images, classes) on the view the student sees."""

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        soft, hard = teacher[batch.view, batch.positions], hard_loss(logits, batch)
        return distillation_loss(logits, soft, hard, T=student.T, alpha=student.alpha, divergence=divergence)

    return loss


def main(key: str) -> None:
    student = parse_student(key)
    params = read_params(Params)
    params = dataclasses.replace(params, distill=params.distill.seeded(student.seed))
    start = start_of(params.init, STUDENT)
    if relaunch("stages.distill", key, params.compute):
        return
    device = open_device(params.compute)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    views, labels = params.distill.view_count, models / "soft_labels"
    teacher = mean_logits(labels, params.kd.teachers, views, dataset.train).to(device.device)
    hard_loss = label_loss(dataset.train, params.distill.loss, device.device)
    run = train(
        start_model(STUDENT, start, len(dataset.train.classes), params.distill, device),
        student_loss(hard_loss, teacher, student, params.kd.loss),
        dataset,
        examples=Examples(dataset.train, params.views, views),
        schedule=params.distill,
        device=device,
        inputs=[*dataset_files(processed), *(labels / f"{name}.safetensors" for name in params.kd.teachers)],
        code=CODE,
        settings={"key": key, "start": str(start), **dump_params(params, leave_out="init")},
    )
    kind = "students" if student.seed is None else "repeats"
    if run:
        write_run(run, dataset, STUDENT, name=params.data.name, kind=kind, key=key)


if __name__ == "__main__":
    command.run(main)
