"""Quantisation-aware training: what is rounded and how, that it learns, and that the files compute the same."""

import numpy as np
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch.nn.utils import parametrize

from stages.deployment.deployed import run_of, score_pixels
from stages.deployment.session import open_session
from stages.export.aware import (
    LEVELS,
    Activation,
    RoundedWeight,
    make_aware,
    observe,
    settle,
)
from stages.export.aware_graph import AWARE, write_integers
from stages.export.graph import export_onnx
from stages.foundation.names import STUDENT
from stages.networks.models import build_model
from stages.networks.views import plain_view

RNG = np.random.default_rng(0)
PIXELS = (RNG.integers(0, 256, (5, 1, 1, 3)) * RNG.uniform(0.5, 1, (5, 64, 64, 3))).astype(np.uint8)  # five colours
IMAGES = plain_view(torch.from_numpy(PIXELS))


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    built = build_model(STUDENT, 7).train()
    optimizer = torch.optim.AdamW(built.parameters(), lr=3e-3)
    for _ in range(40):  # a model that tells the images apart: of a random one all logits are the same
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(built(IMAGES.repeat(3, 1, 1, 1)), torch.arange(15) % 5).backward()
        optimizer.step()
    return built.eval()


@pytest.fixture(scope="module")
def aware(student):
    model = make_aware(student).eval()
    observe(model, IMAGES)
    settle(model)
    return model


@pytest.fixture(scope="module")
def files(aware):
    written = write_integers(export_onnx(aware, 64))
    return {name: change(written) for name, change in AWARE.items()}


def activation(low, high):
    module = Activation()
    module.observing = True
    module(torch.tensor([[low, high]]))
    module.observing = False
    return module


def test_an_activation_is_rounded_to_one_of_256_levels_within_its_range():
    module, x = activation(-1.0, 3.0), torch.linspace(-2, 4, 5001)[None]
    rounded = module(x).detach()
    assert len(rounded.unique()) == LEVELS + 1
    inside = (x >= -1) & (x <= 3)
    assert (rounded - x)[inside].abs().max() <= module.levels()[0].item() * 0.51
    assert rounded.min() == pytest.approx(-1, abs=0.02)
    assert rounded.max() == pytest.approx(3, abs=0.02)
    assert 0 in rounded  # zeros stay zeros


def test_a_fixed_range_gives_what_the_learned_one_gave():
    module, x = activation(-0.4, 6.0), torch.linspace(-1, 7, 999)[None]
    learned = module(x)
    settle(torch.nn.Sequential(module))
    assert torch.equal(module(x), learned)


def test_ranges_and_weights_learn():
    module, convolution = activation(-0.1, 0.1), torch.nn.Conv2d(3, 4, 3)
    parametrize.register_parametrization(convolution, "weight", RoundedWeight())
    (module(convolution(IMAGES)) ** 2).mean().backward()
    gradients = (*module.moved.grad, convolution.parametrizations.weight.original.grad)
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_a_learned_range_moves_by_its_own_size_and_keeps_zero():
    """What Adam does in 100 steps at a rate of 1e-4: .01 of the parameter, whatever the size of the range."""
    for size in (1e-3, 1.0, 100.0):
        module = activation(-size, 3 * size)
        with torch.no_grad():
            module.moved += torch.tensor([-0.01, 0.01])
        scale, zero_point = module.levels()
        low, high = -zero_point * scale, (LEVELS - zero_point) * scale
        assert low.item() == pytest.approx(-size / np.e, rel=1e-3)
        assert high.item() == pytest.approx(3 * size * np.e, rel=1e-3)
        assert module(torch.zeros(1, 5)).abs().max() == 0


def test_weights_are_rounded_by_channel_symmetrically():
    weight = torch.randn(8, 4, 3, 3) * torch.logspace(-3, 1, 8).view(-1, 1, 1, 1)
    assert RoundedWeight()(torch.full((1, 4, 3, 3), 9e-5)).abs().max() == 0  # a channel without a larger one
    rounded = RoundedWeight()(weight)
    steps = rounded / (weight.abs().flatten(1).amax(dim=1) / 64).view(-1, 1, 1, 1)
    assert (steps - steps.round()).abs().max() < 1e-3
    assert (steps.abs().flatten(1).amax(dim=1) - 64).abs().max() < 1e-3
    assert RoundedWeight()(torch.zeros(2, 1, 3, 3)).abs().max() == 0


def test_before_training_it_is_near_the_student(student, aware):
    with torch.inference_mode():
        expected, rounded = student(IMAGES), aware(IMAGES)
    assert 0 < (rounded - expected).abs().max() < 0.35 * expected.abs().max()
    assert not torch.equal(student(IMAGES).argmax(1), torch.zeros(5, dtype=torch.long))


def test_the_student_itself_is_left_alone(student):
    before = {name: value.clone() for name, value in student.state_dict().items()}
    observe(make_aware(student), IMAGES)
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_the_file_computes_what_the_model_does(aware, files):
    with torch.inference_mode():
        expected = aware(IMAGES).numpy()
    found = logits(files["aware_u8s8"])
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected).max()  # a level more or less where sums round apart
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999


def logits(model):
    return score_pixels(run_of(open_session(model.SerializeToString(), threads=1)), PIXELS, np.arange(5))["logits"]


def test_every_block_convolution_computes_on_integers(files):
    graph = files["aware_u8s8"].graph
    made_by = {node.output[0]: node for node in graph.node}
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inside = [node for node in graph.node if node.op_type == "Conv" and node.input[0] in made_by]
    inside = [node for node in inside if made_by[node.input[0]].op_type == "DequantizeLinear"]
    assert len(inside) == 33  # 11 blocks of two or three convolutions, and the last one
    for node in inside:
        sources = [made_by[name] for name in node.input]
        assert [source.op_type for source in sources] == ["DequantizeLinear"] * 3
        assert kinds[sources[1].input[0]] == TensorProto.INT8
        assert kinds[sources[2].input[0]] == TensorProto.INT32
        assert np.abs(values[sources[1].input[0]].astype(int)).max() <= 64  # of test_ladder's sums of 16 bits


def test_signed_activations_give_the_same_numbers(files):
    assert logits(files["aware_s8s8"]) == pytest.approx(logits(files["aware_u8s8"]), abs=1e-4)
    assert zero_point_types(files["aware_s8s8"]) == {TensorProto.INT8}
    assert zero_point_types(files["aware_u8s8"]) == {TensorProto.UINT8}


def zero_point_types(model):
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    return {kinds[node.input[2]] for node in nodes}


def test_biases_have_the_scale_of_their_input_times_their_weight(files):
    assert bias_scales_fit(files["aware_u8s8"]) == 33


def bias_scales_fit(model):
    """Return how many convolutions have a bias whose scale is that of their input times that of their weight."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {node.output[0]: node for node in model.graph.node}
    nodes = [node for node in model.graph.node if node.op_type == "Conv" and len(node.input) == 3]
    sources = [[made_by.get(name) for name in node.input] for node in nodes]
    inside = [found for found in sources if found[0] is not None and found[0].op_type == "DequantizeLinear"]
    scales = [[values[source.input[1]] for source in found] for found in inside]
    return sum(np.allclose(bias, image * weight, rtol=1e-5) for image, weight, bias in scales)


def test_a_range_that_was_learned_to_nothing_can_still_be_exported(student):
    model = make_aware(student).eval()
    observe(model, IMAGES)
    first = next(module for module in model.modules() if isinstance(module, Activation))
    with torch.no_grad():
        first.moved.fill_(-1.0)
    settle(model)
    exported = write_integers(export_onnx(model, 64))
    biases = [numpy_helper.to_array(tensor) for tensor in exported.graph.initializer if tensor.name.endswith("_int32")]
    assert biases
    assert all(np.abs(bias.astype(np.int64)).max() < 2**31 - 1 for bias in biases)
