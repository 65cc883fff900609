"""The objective of distillation: identities, and values worked out by hand."""

import math

import pytest
import torch

from stages.distillation.objective import distillation_loss

GENERATOR = torch.Generator().manual_seed(0)
STUDENT = torch.randn(6, 7, generator=GENERATOR)
TEACHER = torch.randn(6, 7, generator=GENERATOR)
HARD = torch.tensor(0.7)


def kd(T: float, alpha: float, student=STUDENT, teacher=TEACHER) -> torch.Tensor:
    return distillation_loss(student, teacher, HARD, T=T, alpha=alpha)


def test_without_the_teachers_weight_only_the_labels_count():
    assert kd(2, 0) == HARD


def test_equal_logits_cost_nothing():
    assert kd(3, 1, teacher=STUDENT).abs() < 1e-5


def test_the_loss_is_linear_in_alpha():
    none, half, whole = (kd(2, alpha) for alpha in (0, 0.3, 1))
    assert torch.isclose(half, 0.7 * none + 0.3 * whole, atol=1e-6)


def test_the_divergence_is_of_probabilities_so_that_a_constant_added_to_logits_is_nothing():
    shifted = STUDENT + torch.arange(6.0)[:, None]
    assert torch.isclose(kd(2, 1), kd(2, 1, shifted), atol=1e-5)


def test_a_step_down_the_gradient_brings_the_student_nearer():
    student = STUDENT.clone().requires_grad_()
    before = kd(2, 1, student)
    before.backward()
    assert kd(2, 1, STUDENT - 0.1 * student.grad) < before


def test_kl_by_hand():
    student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[2 * math.log(3), 0.0]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)  # at T = 2 the teacher is (3/4, 1/4)
    assert kd(2, 0.5, student, teacher).item() == pytest.approx(0.5 * 4 * divergence + 0.5 * 0.7, abs=1e-6)


def test_temperature_squared_keeps_the_gradient_in_step():
    norms = []
    for T in (10.0, 20.0):
        student = STUDENT.clone().requires_grad_()
        kd(T, 1, student).backward()
        norms.append(student.grad.norm().item())
    assert norms[0] == pytest.approx(norms[1], rel=0.1)


def test_the_mean_of_kl_is_over_the_batch():
    assert torch.isclose(kd(1, 1, torch.cat([STUDENT, STUDENT]), torch.cat([TEACHER, TEACHER])), kd(1, 1))
