"""Soft labels are the teacher's logits on the very views the students train on."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from stages import soft_labels
from stages.foundation.params import read_params
from stages.learning.dataset import open_train
from stages.learning.device import open_device
from stages.learning.models import load_weights
from stages.learning.views import Examples


def test_they_are_the_teachers_logits_on_each_view(tiny):
    params = read_params(soft_labels.Params)
    images = open_train(tiny / "data/processed/demo", params.target)
    logits = load_file(tiny / "models/demo/soft_labels/resnet18.safetensors")["logits"]
    assert logits.shape == (2, len(images.image_ids), 7)
    device = open_device(params.compute)
    teacher = load_weights(
        tiny / "models/demo/teachers/resnet18.safetensors", architecture="resnet18", classes=images.classes
    )
    teacher.tta_rotations = 1  # each view is asked about as it is, whatever the teacher does at test time
    examples = Examples(images, params.views, 2)
    some = np.array([5, 0, 11])
    with torch.inference_mode():
        expected = teacher(examples.view(some, 1, device.device)).numpy()
    assert np.allclose(logits[1, some], expected, atol=1e-4)
    assert not np.allclose(logits[0, some], expected, atol=1e-2)


def test_a_teacher_that_is_not_there_is_named(tiny):
    with pytest.raises(ValueError, match=r"teachers/resnet50\.safetensors: no such file"):
        soft_labels.main("resnet50")


def test_neither_val_nor_the_holdout_is_needed(tiny):
    path = tiny / "models/demo/soft_labels/resnet18.safetensors"
    before = path.read_bytes()
    for name in ("val", "holdout"):
        (tiny / f"data/processed/demo/{name}.csv").unlink()
    soft_labels.main("resnet18")
    assert path.read_bytes() == before
