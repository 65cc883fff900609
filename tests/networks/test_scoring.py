"""Logits of packed images: over quarter turns, batch by batch."""

import numpy as np
import pytest
import torch

from stages.foundation.pack import Pack
from stages.networks.device import Device
from stages.networks.models import build_model
from stages.networks.scoring import score_images
from stages.networks.views import plain_view

PIXELS = np.random.default_rng(0).integers(0, 256, (70, 48, 48, 3), dtype=np.uint8)
PACK = Pack(PIXELS, [], [])
DEVICE = Device(torch.device("cpu"), mixed=False)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model("resnet18", 3)


def test_logits_over_turns_are_the_mean_of_each_turns(model):
    rows = np.array([3, 0, 69])
    with torch.inference_mode():
        images = plain_view(torch.from_numpy(PIXELS[rows]))
        each = torch.stack([model.eval()(torch.rot90(images, turn, (2, 3))) for turn in range(4)])
    assert not torch.allclose(each[0], each[1], atol=1e-4)
    assert np.allclose(score_images(model, PACK, rows, DEVICE), each[0], atol=1e-5)
    assert np.allclose(score_images(model, PACK, rows, DEVICE, turns=4), each.mean(dim=0), atol=1e-5)


def test_batches_are_small_and_turned_one_at_a_time(model):
    sizes = []
    hook = model.backbone.register_forward_hook(lambda _module, inputs, _out: sizes.append(len(inputs[0])))
    assert score_images(model, PACK, np.arange(70), DEVICE, turns=2).shape == (70, 3)
    hook.remove()
    assert sizes == [35] * 4
