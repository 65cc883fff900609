"""Every method of the ladder gives a whole model near fp32, and no two give the same one."""

import numpy as np
import onnx
import pytest
import torch

from stages.deployment.session import open_session
from stages.export.graph import export_onnx
from stages.export.ladder import LADDER
from stages.foundation.names import STUDENT
from stages.networks.models import build_model

pytestmark = pytest.mark.slow
IMAGES = np.random.default_rng(0).random((16, 3, 64, 64), dtype=np.float32)


@pytest.fixture(scope="module")
def fp32():
    torch.manual_seed(0)
    model = build_model(STUDENT, 7)
    model.train()
    with torch.no_grad():
        for _ in range(20):  # batch norms that fit: a fresh model's output hardly depends on its input
            model(torch.from_numpy(IMAGES))
    return export_onnx(model.eval(), 64)


def logits(model: bytes) -> np.ndarray:
    return open_session(model, threads=2).run(None, {"image": IMAGES})[0]


@pytest.mark.parametrize("name", LADDER)
def test_each_method_gives_one_whole_smaller_file(fp32, name):
    content = LADDER[name](fp32, IMAGES).SerializeToString(deterministic=True)
    onnx.checker.check_model(content, full_check=True)
    assert len(content) < 0.4 * len(fp32.SerializeToString())
    expected = logits(fp32.SerializeToString())
    assert np.abs(logits(content) - expected).max() < 0.5 * np.abs(expected).max()


def test_no_two_methods_give_the_same_model(fp32):
    outputs = {name: logits(LADDER[name](fp32, IMAGES).SerializeToString()).tobytes() for name in LADDER}
    assert len(set(outputs.values())) == len(outputs)


def test_twice_gives_the_same_bytes(fp32):
    for name in ("weight_only_least_squares", "static_u8s8_minmax"):
        first, second = (LADDER[name](fp32, IMAGES).SerializeToString(deterministic=True) for _ in range(2))
        assert first == second, name
