"""The loss of knowledge distillation, with one of two divergences of a student's logits from its teacher's."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from stages.foundation.settings import Divergence


def distillation_loss(
    student: torch.Tensor, teacher: torch.Tensor, hard: torch.Tensor, *, T: float, alpha: float, divergence: Divergence
) -> torch.Tensor:
    """Return  alpha T^2 divergence(student / T, teacher / T) + (1 - alpha) hard.

    student, teacher: logits (batch, classes); hard: the batch mean of the loss on the labels; alpha: weight of the
    teacher's term. With KL, T^2 keeps the gradients of both terms at one scale (Hinton et al. 2015, section 2). DIST is
    a correlation, which hardly depends on T, so that alpha weighs it about T^2 times as much.
    """
    return alpha * T**2 * DIVERGENCES[divergence](student / T, teacher / T) + (1 - alpha) * hard


def kl_divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return the batch mean of  KL(softmax(teacher) || softmax(student));  both are (batch, classes)."""
    log_student, log_teacher = F.log_softmax(student, dim=1), F.log_softmax(teacher, dim=1)
    return F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def correlation_distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return DIST (Huang et al. 2022, equations 8 to 10, both its weights 1); both are logits (batch, classes).

    It is 1 minus the correlation of the two models' probabilities over the classes of an image, averaged over images,
    plus 1 minus that over the images of a class, averaged over classes: the student need only agree up to scale.
    """
    p_student, p_teacher = F.softmax(student, dim=1), F.softmax(teacher, dim=1)
    between_classes, between_images = (1 - _correlation(p_student, p_teacher, dim).mean() for dim in (1, 0))
    return between_classes + between_images


def _correlation(a: torch.Tensor, b: torch.Tensor, dim: int) -> torch.Tensor:
    """Return Pearson's correlation along a dimension, 0 where one of the two is constant."""
    return F.cosine_similarity(a - a.mean(dim, keepdim=True), b - b.mean(dim, keepdim=True), dim=dim)


DIVERGENCES: dict[Divergence, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "kl": kl_divergence,
    "dist": correlation_distance,
}
