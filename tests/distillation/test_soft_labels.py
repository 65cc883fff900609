"""Soft labels belong to these images, views and classes, or are refused."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from stages.distillation.soft_labels import load_soft_labels, save_soft_labels

IDS = ["a", "b", "c"]
LOGITS = np.random.default_rng(0).normal(size=(2, 3, 7)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    save_soft_labels(tmp_path / "soft.safetensors", LOGITS, IDS)
    return tmp_path / "soft.safetensors"


def test_logits_come_back_within_a_thousandth(path):
    logits = load_soft_labels(path, (2, 3, 7), IDS)
    assert logits.dtype == torch.float32
    assert np.allclose(logits, LOGITS, rtol=1e-3, atol=1e-4)


def test_other_images_views_or_classes_are_refused(path):
    with pytest.raises(ValueError, match="made for other training images"):
        load_soft_labels(path, (2, 3, 7), ["a", "c", "b"])
    with pytest.raises(ValueError, match=r"wanted \(views, images, classes\) \(4, 3, 7\), found \(2, 3, 7\)"):
        load_soft_labels(path, (4, 3, 7), IDS)


def test_cut_altered_and_missing_files_are_refused(path):
    save_file({"logits": LOGITS.astype(np.float16)}, path, {})
    with pytest.raises(ValueError, match="other training images"):
        load_soft_labels(path, (2, 3, 7), IDS)
    save_soft_labels(path, LOGITS, IDS)
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert not np.array_equal(load_file(path)["logits"], LOGITS.astype(np.float16))
    with pytest.raises(ValueError, match="altered, or made for other training images"):
        load_soft_labels(path, (2, 3, 7), IDS)
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match="not a whole file"):
        load_soft_labels(path, (2, 3, 7), IDS)
    path.unlink()
    with pytest.raises(ValueError, match="no such soft labels"):
        load_soft_labels(path, (2, 3, 7), IDS)
