"""The loss of knowledge distillation."""

import torch
import torch.nn.functional as F


def distillation_loss(
    student: torch.Tensor, teacher: torch.Tensor, hard: torch.Tensor, *, T: float, alpha: float
) -> torch.Tensor:
    """Return  alpha T^2 KL(teacher_T || student_T) + (1 - alpha) hard,  the KL a mean over the batch.

    student, teacher: logits (batch, classes), of which p_T is softmax(logits / T); hard: the batch mean of the loss on
    the labels; alpha: weight of the teacher's term. T^2 keeps the gradients of both terms at one scale (Hinton et al.
    2015, section 2).
    """
    log_student = F.log_softmax(student / T, dim=1)
    log_teacher = F.log_softmax(teacher / T, dim=1)
    divergence = F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return alpha * T**2 * divergence + (1 - alpha) * hard
