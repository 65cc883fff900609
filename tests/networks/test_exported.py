"""A training may start from an exported student: integers are made float again, batch norms stay what they were."""

import json

import numpy as np
import onnx
import pytest
import torch

from stages.deployment.deployed import run_of
from stages.deployment.session import open_session
from stages.export.graph import export_onnx, serialize, shorten_names
from stages.export.weight_only import quantize_weights
from stages.foundation.files import sha256_file
from stages.foundation.names import LOGITS
from stages.foundation.onnx_file import KEY
from stages.networks.models import build_model
from stages.networks.settings import LocalStart
from stages.networks.starts import load_start

CLASSES = ("bcc", "mel", "nv")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the file of a student whose batch norms have statistics of their own, weight-only int8, and its images."""
    torch.manual_seed(0)
    model = build_model("mobilenet_v3_small", 3).train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(8, 3, 64, 64))
    file = quantize_weights(export_onnx(model.eval(), 64))
    shorten_names(file)
    entry = file.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps({"classes": CLASSES})
    path = tmp_path_factory.mktemp("exported") / "student.onnx"
    path.write_bytes(serialize(file))
    return path


def start(path, architecture="mobilenet_v3_small", classes=CLASSES):
    model = build_model(architecture, len(classes))
    model.classes = classes
    load_start(model, architecture, LocalStart(file=str(path), sha256=sha256_file(path)))
    return model.eval()


def test_it_computes_what_the_file_does(exported):
    images = np.random.default_rng(0).random((4, 3, 64, 64)).astype(np.float32)
    expected = run_of(open_session(exported.read_bytes(), threads=1))(images)[LOGITS]
    with torch.inference_mode():
        actual = start(exported)(torch.from_numpy(images)).numpy()
    assert np.abs(actual - expected).max() < 1e-4
    assert np.ptp(expected) > 1e-2


def test_the_last_layer_of_other_classes_is_new(exported):
    torch.manual_seed(5)
    fresh = build_model("mobilenet_v3_small", 3)
    torch.manual_seed(5)
    model = start(exported, classes=("akiec", "df", "vasc"))
    assert torch.equal(model.backbone.classifier[-1].weight, fresh.backbone.classifier[-1].weight)
    assert not torch.equal(model.backbone.features[0][0].weight, fresh.backbone.features[0][0].weight)


@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v2"])
def test_another_architecture_is_refused(exported, architecture):
    with pytest.raises(ValueError, match="no export of this architecture"):
        start(exported, architecture)


def test_what_is_no_onnx_is_refused(tmp_path):
    (tmp_path / "student.onnx").write_bytes(b"PK\x03\x04 no model")
    with pytest.raises(ValueError, match="not an ONNX model, or a truncated one"):
        start(tmp_path / "student.onnx")


def test_tensors_in_other_files_are_refused(exported, tmp_path):
    model = onnx.load(exported)
    path = tmp_path / "student.onnx"
    onnx.save(model, path, save_as_external_data=True, location="beside.bin", size_threshold=0)
    with pytest.raises(ValueError, match="keeps tensors in other files"):
        start(path)
