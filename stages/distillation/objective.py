"""The loss of knowledge distillation."""

import torch
import torch.nn.functional as F


def distillation_loss(
    student: torch.Tensor, teacher: torch.Tensor, hard: torch.Tensor, *, T: float, alpha: float
) -> torch.Tensor:
    """Return  alpha T^2 KL(teacher / T || student / T) + (1 - alpha) hard.

    student, teacher: logits (batch, classes); hard: the batch mean of the loss on the labels; alpha: weight of the
    teacher's term. T^2 keeps the gradients of both terms at one scale (Hinton et al. 2015, section 2).
    """
    return alpha * T**2 * kl_divergence(student / T, teacher / T) + (1 - alpha) * hard


def kl_divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Return the batch mean of  KL(softmax(teacher) || softmax(student));  both are (batch, classes)."""
    log_student, log_teacher = F.log_softmax(student, dim=1), F.log_softmax(teacher, dim=1)
    return F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
