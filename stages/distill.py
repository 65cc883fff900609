"""Train one MobileNetV3-Small on labels and soft labels; its best epoch on val is kept.

    python -m stages.distill T1_alpha0.5

Reads data/processed/<name>: the pack, train.csv, val.csv; models/<name>/soft_labels of kd.teachers, whose mean
logits are the teacher's. Writes below models/<name>: students/<key>.safetensors, predictions/students/<key>.csv
(every packed image that is not in train.csv) and its record .json; and plots/<name>/history/students/<key>.csv.
alpha 0 is the control: the same student without distillation. T1_alpha0.5_seed43 is a repeat with another seed.
"""

from pathlib import Path

import torch
from pydantic import Field

from stages.dataset.predictions import write_predictions
from stages.dataset.splits import Target
from stages.distillation.objective import distillation_loss
from stages.distillation.soft_labels import load_soft_labels
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import STUDENT, Student, Teacher, parse_key
from stages.foundation.params import Data, Part, Section, read_params
from stages.learning.dataset import Dataset, dataset_files, open_dataset
from stages.learning.device import Compute, open_device
from stages.learning.losses import HardLoss
from stages.learning.models import Start, build_model, load_start, save_weights, start_of
from stages.learning.run import label_loss, train
from stages.learning.training import Loss, Schedule
from stages.learning.views import Views


class Distill(Schedule):
    views: int = Field(ge=1)
    loss: HardLoss


class Kd(Part):
    teachers: list[Teacher] = Field(min_length=1)


class Params(Section):
    data: Data
    target: Target
    views: Views
    distill: Distill
    kd: Kd
    init: dict[str, Start]
    compute: Compute


def mean_logits(paths: list[Path], views: int, dataset: Dataset) -> torch.Tensor:
    """Return the mean of the teachers' soft labels, float32 (views, images, classes)."""
    shape = (views, len(dataset.train_ids), len(dataset.classes))
    return torch.stack([load_soft_labels(path, shape, dataset.train_ids) for path in paths]).mean(dim=0)


def student_loss(
    dataset: Dataset, teacher: torch.Tensor, settings: HardLoss, student: Student, device: torch.device
) -> Loss:
    """Return the objective of one student: the teacher's logits are those of the very view the student sees."""
    hard, teacher = label_loss(dataset, settings, device), teacher.to(device)

    def loss(logits: torch.Tensor, positions: torch.Tensor, view: int) -> torch.Tensor:
        labels_term = hard(logits, positions)
        return distillation_loss(logits, teacher[view, positions], labels_term, T=student.T, alpha=student.alpha)

    return loss


def main(key: str) -> None:
    student = parse_key(key)
    params = read_params(Params)
    params = params.model_copy(update={"distill": params.distill.seeded(student.seed)})
    start = start_of(params.init, STUDENT)
    device = open_device(params.compute)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    soft = [models / f"soft_labels/{name}.safetensors" for name in params.kd.teachers]
    teacher = mean_logits(soft, params.distill.views, dataset)
    torch.manual_seed(params.distill.seed)
    model = build_model(
        STUDENT, len(dataset.classes), dropout=params.distill.dropout, tta_rotations=params.distill.tta_rotations
    )
    load_start(model, STUDENT, start)
    trained = train(
        model,
        student_loss(dataset, teacher, params.distill.loss, student, device.device),
        dataset,
        views=params.views,
        view_count=params.distill.views,
        schedule=params.distill,
        device=device,
        inputs=[*dataset_files(processed), *soft],
        settings={"student": key, "start": str(start), **params.model_dump(exclude={"init"})},
    )
    with writing(
        models / f"students/{key}.safetensors",
        models / f"predictions/students/{key}.csv",
        models / f"predictions/students/{key}.json",
        Path("plots", params.data.name, f"history/students/{key}.csv"),
    ) as (weights, predictions, record, history):
        save_weights(weights, model, architecture=STUDENT, classes=dataset.classes)
        write_predictions(predictions, dataset.unseen, trained.p_melanoma)
        write_json(record, trained.record)
        write_csv(history, trained.history)


if __name__ == "__main__":
    command.run(main)
