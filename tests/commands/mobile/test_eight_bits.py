"""The ranges that are handed to LiteRT's quantiser: whose they are, and that they are those that were learned."""

from dataclasses import replace

import pytest
import torch

from stages.commands.mobile.eight_bits import Operator, Range, learned_ranges, match
from stages.export.aware import Activation, make_aware, observe, settle
from stages.foundation.names import STUDENT
from stages.networks.models import build_model


@pytest.fixture(scope="module")
def aware():
    torch.manual_seed(0)
    model = make_aware(build_model(STUDENT, 7)).eval()
    observe(model, torch.rand(2, 3, 64, 64))
    settle(model)
    return model.eval()


def operators(ranges):
    """A file of as many operators as there are ranges, after the first convolution."""
    shapes = [(16, 32, 32), *(learned.shape for learned in ranges)]
    return [Operator("CONV_2D", [f"in{i}"], f"out{i}", 2, shape) for i, shape in enumerate(shapes)]


def test_each_rounded_activation_has_a_range_but_those_before_a_relu(aware):
    ranges = learned_ranges(aware, torch.rand(1, 3, 64, 64))
    activations = [module for module in aware.modules() if isinstance(module, Activation)]
    blocks = 3  # of MobileNetV3-Small have ReLU; the first of them has one convolution before it, the others two
    assert len(activations) - len(ranges) == 2 * blocks - 1
    assert ranges[0].shape == (16, 32, 32)
    assert ranges[-1].shape == (576, 2, 2)
    assert all(learned.low <= 0 < learned.high for learned in ranges)


def test_a_range_spans_255_steps_of_the_learned_scale(aware):
    first = next(module for module in aware.modules() if isinstance(module, Activation))
    learned = learned_ranges(aware, torch.rand(1, 3, 64, 64))[0]
    scale, zero_point = first.fixed
    assert learned.high - learned.low == pytest.approx(255 * scale)
    assert -learned.low / scale == pytest.approx(zero_point)


def test_results_are_matched_in_order(aware):
    ranges = learned_ranges(aware, torch.rand(1, 3, 64, 64))
    known = match(operators(ranges), ranges)
    assert list(known.values()) == ranges
    assert list(known) == [f"out{i}" for i in range(1, len(ranges) + 1)]


def test_what_the_student_does_not_round_is_left_out():
    ranges = [Range((8, 4, 4), -1.0, 1.0)]
    found = operators(ranges)
    others = [
        Operator("MUL", ["a", "b"], "by a constant", 1, (8, 4, 4)),
        Operator("CONV_2D", ["a"], "SqueezeExcitation/fc1", 2, (8, 1, 1)),
        Operator("ADD", ["a", "b"], "distance", 0, ()),
        Operator("TRANSPOSE", ["a"], "turned", 1, (8, 4, 4)),
    ]
    assert match([found[0], *others, found[1]], ranges) == {"out1": ranges[0]}


def test_a_file_of_another_network_is_refused(aware):
    ranges = learned_ranges(aware, torch.rand(1, 3, 64, 64))
    wrong = operators(ranges)
    wrong[3] = replace(wrong[3], shape=(1, 1, 1))
    with pytest.raises(ValueError, match="LiteRT's operators give"):
        match(wrong, ranges)
    with pytest.raises(ValueError, match="LiteRT's operators give"):
        match(operators(ranges)[:-1], ranges)
