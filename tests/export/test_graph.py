"""PyTorch = ONNX fp32 ~ int8; the same model gives the same bytes."""

import numpy as np
import onnx
import pytest
import torch

from stages.deployment.deployed import run_of, score_pixels
from stages.deployment.session import open_session
from stages.export.graph import count_costs, export_onnx, fold_batch_norms, shorten_names
from stages.export.weight_only import largest_value, quantize_weights, round_to_int8
from stages.foundation.names import STUDENT
from stages.networks.models import build_model
from stages.networks.views import plain_view

RNG = np.random.default_rng(0)
PIXELS = (RNG.integers(0, 256, (5, 1, 1, 3)) * RNG.uniform(0.5, 1, (5, 64, 64, 3))).astype(np.uint8)  # five colours
ROWS = np.arange(5)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    built = build_model(STUDENT, 7)
    built.train()
    optimizer = torch.optim.AdamW(built.parameters(), lr=3e-3)
    images, labels = plain_view(torch.from_numpy(PIXELS)).repeat(3, 1, 1, 1), torch.arange(15) % 5
    for _ in range(60):  # a model that tells the images apart: of a random one all logits are the same
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(built(images), labels).backward()
        optimizer.step()
    return built.eval()


@pytest.fixture(scope="module")
def fp32(model):
    return export_onnx(model, 64)


def score(model: onnx.ModelProto) -> np.ndarray:
    return score_pixels(run_of(open_session(model.SerializeToString(), threads=2)), PIXELS, ROWS)["logits"]


def test_onnx_equals_pytorch(model, fp32):
    with torch.inference_mode():
        expected = model(plain_view(torch.from_numpy(PIXELS))).numpy()
    assert np.abs(score(fp32) - expected).max() < 1e-4
    assert expected.std(axis=0).max() > 0.1


def test_int8_stays_near_fp32_and_within_its_size(fp32):
    int8 = quantize_weights(fp32)
    logits = score(fp32)
    assert np.abs(score(int8) - logits).max() < 0.1 * np.abs(logits).max()
    assert len(int8.SerializeToString()) < 1_700_000 < len(fp32.SerializeToString())


def test_short_names_change_the_size_and_nothing_else(fp32):
    model = quantize_weights(fp32)
    before, size = score(model), len(model.SerializeToString())
    shorten_names(model)
    assert np.array_equal(score(model), before)
    assert len(model.SerializeToString()) < 0.99 * size
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["image", "logits"]


def test_the_batch_is_dynamic_and_the_names_are_ours(fp32):
    shape = [dimension.dim_param or dimension.dim_value for dimension in fp32.graph.input[0].type.tensor_type.shape.dim]
    assert (fp32.graph.input[0].name, shape) == ("image", ["batch", 3, 64, 64])
    assert [output.name for output in fp32.graph.output] == ["logits"]


def test_exporting_twice_gives_the_same_bytes(model, fp32):
    assert export_onnx(model, 64).SerializeToString(deterministic=True) == fp32.SerializeToString(deterministic=True)


def test_folding_leaves_the_function_alone(model):
    image = torch.rand(2, 3, 64, 64)
    folded = fold_batch_norms(model)
    assert not [module for module in folded.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    with torch.inference_mode():
        assert torch.allclose(folded(image), model(image), atol=1e-4)


def test_a_scale_maps_the_largest_weight_to_127():
    weights = np.array([[1.0, -2.0], [0.25, 0.0], [0.0, 0.0]], np.float32)
    scales = largest_value(weights)
    values = round_to_int8(weights, scales)
    assert values.tolist() == [[64, -127], [127, 0], [0, 0]]
    assert np.abs(values * scales[:, None] - weights).max() <= scales.max() / 2 + 1e-7


def test_costs_are_the_published_ones():
    costs = count_costs(build_model(STUDENT, 1000), 224)
    assert costs["parameters"] == 2_542_856  # torchvision's documentation
    assert costs["macs"] == pytest.approx(56.5e6, rel=0.05)  # 56.52 M in torchvision's documentation
