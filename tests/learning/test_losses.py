"""The loss on the labels: cross-entropy as a case of it, and a value worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from stages.learning.losses import class_weights, focal_loss
from stages.networks.settings import HardLoss

GENERATOR = torch.Generator().manual_seed(0)
STUDENT = torch.randn(6, 7, generator=GENERATOR)
LABELS = torch.tensor([0, 1, 2, 3, 4, 4])
TARGETS = F.one_hot(LABELS, 7)


def test_gamma_0_and_even_weights_are_cross_entropy():
    weights = class_weights(tuple("abcdefg"), 4, HardLoss(gamma=0.0, melanoma_weight=0.5))
    assert weights.tolist() == [1.0] * 7
    assert torch.isclose(focal_loss(STUDENT, TARGETS, weights=weights, gamma=0.0), F.cross_entropy(STUDENT, LABELS))


def test_focal_loss_by_hand():
    logits = torch.tensor([[math.log(3), 0.0]])  # p = (3/4, 1/4)
    weights = class_weights(("mel", "other"), 0, HardLoss(gamma=2.0, melanoma_weight=0.75))
    assert weights.tolist() == [1.5, 0.5]
    loss = focal_loss(logits, torch.tensor([[1, 0]]), weights=weights, gamma=2.0).item()
    assert loss == pytest.approx(-1.5 * 0.25**2 * math.log(0.75), abs=1e-6)


def test_the_loss_of_a_mixture_is_the_mixture_of_its_images_losses():
    weights = class_weights(tuple("abcdefg"), 4, HardLoss(gamma=2.0, melanoma_weight=0.75))
    own, other = (focal_loss(STUDENT, targets, weights=weights, gamma=2.0) for targets in (TARGETS, TARGETS.flip(0)))
    mixture = 0.7 * TARGETS + 0.3 * TARGETS.flip(0)
    assert torch.isclose(focal_loss(STUDENT, mixture, weights=weights, gamma=2.0), 0.7 * own + 0.3 * other)
