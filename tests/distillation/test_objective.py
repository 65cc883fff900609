"""The objective of distillation, with either divergence: identities, and values worked out by hand."""

import math

import pytest
import torch

from stages.distillation.objective import correlation_distance, distillation_loss

GENERATOR = torch.Generator().manual_seed(0)
STUDENT = torch.randn(6, 7, generator=GENERATOR)
TEACHER = torch.randn(6, 7, generator=GENERATOR)
HARD = torch.tensor(0.7)


either = pytest.mark.parametrize("divergence", ["kl", "dist"])


def kd(T: float, alpha: float, student=STUDENT, teacher=TEACHER, divergence="kl") -> torch.Tensor:
    return distillation_loss(student, teacher, HARD, T=T, alpha=alpha, divergence=divergence)


@either
def test_without_the_teachers_weight_only_the_labels_count(divergence):
    assert kd(2, 0, divergence=divergence) == HARD


@either
def test_equal_logits_cost_nothing(divergence):
    assert kd(3, 1, teacher=STUDENT, divergence=divergence).abs() < 1e-5


@either
def test_the_loss_is_linear_in_alpha(divergence):
    none, half, whole = (kd(2, alpha, divergence=divergence) for alpha in (0, 0.3, 1))
    assert torch.isclose(half, 0.7 * none + 0.3 * whole, atol=1e-6)


@either
def test_the_divergence_is_of_probabilities_so_that_a_constant_added_to_logits_is_nothing(divergence):
    shifted = STUDENT + torch.arange(6.0)[:, None]
    assert torch.isclose(kd(2, 1, divergence=divergence), kd(2, 1, shifted, divergence=divergence), atol=1e-5)


@either
def test_a_step_down_the_gradient_brings_the_student_nearer(divergence):
    student = STUDENT.clone().requires_grad_()
    before = kd(2, 1, student, divergence=divergence)
    before.backward()
    assert kd(2, 1, STUDENT - 0.1 * student.grad, divergence=divergence) < before


def test_correlation_by_hand():
    """Probabilities (1/4, 3/4) and (1/2, 1/2) of the student, (1/4, 3/4) and (3/4, 1/4) of the teacher.

    Over the classes the first image correlates fully, the second not at all, as the student's are constant; over the
    images either class of the student rises where the teacher's does: correlation 1.
    """
    student = torch.log(torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    teacher = torch.log(torch.tensor([[0.25, 0.75], [0.75, 0.25]]))
    assert correlation_distance(student, teacher).item() == pytest.approx((0 + 1) / 2 + 0, abs=1e-6)
    assert correlation_distance(student, teacher.flip(0)).item() == pytest.approx((2 + 1) / 2 + 2, abs=1e-6)


def test_a_student_that_agrees_up_to_scale_costs_nothing_in_correlation():
    p = torch.tensor([[0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    nearer_half = 0.5 + 0.5 * (p - 0.5)
    assert correlation_distance(torch.log(nearer_half), torch.log(p)).item() == pytest.approx(0, abs=1e-6)
    assert kd(1, 1, torch.log(nearer_half), torch.log(p)) > 0.01


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
