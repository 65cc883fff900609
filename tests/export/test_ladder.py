"""Every method of the ladder gives a whole model near fp32, which knows far from near; no two give the same one."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from stages.deployment.session import open_session
from stages.export.familiarity import Answering, Gaussian, Pooled
from stages.export.graph import export_onnx
from stages.export.ladder import LADDER
from stages.export.mixed import SPARED
from stages.foundation.names import DISTANCE, LOGITS, STUDENT
from stages.networks.models import build_model

RNG = np.random.default_rng(0)
TRAIN = (0.8 * RNG.random((200, 3, 1, 1)) + 0.2 * RNG.random((200, 3, 64, 64))).astype(np.float32)  # of some colour
IMAGES = TRAIN[:64]
NOISE = RNG.integers(0, 2, (16, 3, 64, 64)).astype(np.float32)


@pytest.fixture(scope="module")
def fp32():
    torch.manual_seed(0)
    model = build_model(STUDENT, 7)
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all that is seen
    with torch.no_grad():
        model(torch.from_numpy(TRAIN))  # batch norms that fit: a fresh model's output hardly depends on its input
        _, features = Pooled(model.eval())(torch.from_numpy(TRAIN))
    return export_onnx(Answering(model, Gaussian(features.numpy())), 64, [LOGITS, DISTANCE])


@pytest.fixture(scope="module")
def files(fp32):
    return {name: quantize(fp32, IMAGES).SerializeToString(deterministic=True) for name, quantize in LADDER.items()}


def answers(model: bytes, images: np.ndarray = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    return tuple(open_session(model, threads=2).run([LOGITS, DISTANCE], {"image": images}))


def logits(model: bytes) -> np.ndarray:
    return answers(model)[0]


@pytest.mark.parametrize("name", LADDER)
def test_each_method_gives_one_whole_smaller_file(fp32, files, name):
    content = files[name]
    onnx.checker.check_model(content, full_check=True)
    assert len(content) < 0.4 * len(fp32.SerializeToString())
    expected = logits(fp32.SerializeToString())
    assert np.abs(logits(content) - expected).max() < 0.5 * np.abs(expected).max()


@pytest.mark.parametrize("name", LADDER)
def test_with_each_method_what_is_far_stays_far(files, name):
    """In 8 bits of the training images' range, no distance could be larger than theirs."""
    content = files[name]
    (_, near), (_, far) = answers(content), answers(content, NOISE)
    assert far.min() > 1.5 * near.max()


@pytest.mark.parametrize("name", LADDER)
def test_no_sum_of_two_products_leaves_16_bits(files, name):
    """x86 without VNNI adds them in 16 bits, silently cut off: it would compute other numbers than a phone."""
    model = onnx.load_from_string(files[name])
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    nodes = [[made_by.get(source) for source in node.input] for node in model.graph.node if node.op_type == "Conv"]
    inside = [sources for sources in nodes if sources[0] is not None and sources[0].op_type == "DequantizeLinear"]
    weights = [values[sources[1].input[0]] for sources in inside if values[sources[0].input[2]].itemsize == 1]
    assert (len(weights) == 52) == (name in ("static_u8s8_minmax", "static_s8s8_minmax"))
    assert all(np.abs(weight.astype(int)).max() * 255 * 2 < 2**15 for weight in weights)


def test_no_two_methods_give_the_same_model(files):
    outputs = {name: logits(content).tobytes() for name, content in files.items()}
    assert len(set(outputs.values())) == len(outputs)


def test_what_stays_in_float_is_little_and_brings_the_answers_nearer(fp32, files):
    mixed, rounded = files["weight_only_mixed"], files["weight_only"]
    exact = logits(fp32.SerializeToString())
    errors = [np.mean((logits(content) - exact) ** 2) for content in (mixed, rounded)]
    assert errors[0] < errors[1]
    assert len(rounded) < len(mixed) <= len(rounded) + 3 * SPARED


def test_twice_gives_the_same_bytes(fp32, files):
    for name in ("weight_only_mixed", "static_u8s8_minmax"):
        assert LADDER[name](fp32, IMAGES).SerializeToString(deterministic=True) == files[name], name
