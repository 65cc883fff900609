"""What a student is taught: the mean of its teachers' soft labels, and its loss against them."""

from pathlib import Path

import torch

from stages.distillation.objective import distillation_loss
from stages.distillation.soft_labels import load_soft_labels
from stages.foundation.names import Student, parse_teacher
from stages.learning.training import Loss
from stages.networks.train_images import TrainImages
from stages.networks.views import Batch


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


def student_loss(hard_loss: Loss, teacher: torch.Tensor, student: Student) -> Loss:
    """Return a student's loss against the teacher's logits, (views, images, classes), on its unaltered view."""

    def loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        soft, hard = teacher[batch.view, batch.positions], hard_loss(logits, batch)
        return distillation_loss(logits, soft, hard, T=student.T, alpha=student.alpha)

    return loss
