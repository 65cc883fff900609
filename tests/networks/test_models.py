"""Weights of another model, altered, truncated or pickled are refused in one line (faults 9-11, 39)."""

import json

import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stages.foundation.names import ARCHITECTURES, STUDENT
from stages.networks.models import build_model, load_weights, save_weights
from stages.networks.starts import fold_input_scale

CLASSES = ("other", "mel")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model(STUDENT, 2).eval()


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "student.safetensors"
    save_weights(path, model, architecture=STUDENT, classes=CLASSES)
    return path


def load(path, architecture=STUDENT, classes=CLASSES):
    return load_weights(path, architecture=architecture, classes=classes)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_gets_our_head(architecture):
    with torch.device("meta"):
        built = build_model(architecture, 7, dropout=0.3)
    linear = [module for module in built.modules() if isinstance(module, torch.nn.Linear)][-1]
    assert linear.out_features == 7
    assert 0.3 in {module.p for module in built.modules() if isinstance(module, torch.nn.Dropout)}


def test_inception_takes_the_others_input_as_its_own():
    torch.manual_seed(0)
    plain = {"aux_logits": False, "init_weights": False}
    theirs = torchvision.models.inception_v3(transform_input=True, **plain).eval()
    ours = build_model("inception_v3", 1000)
    ours.backbone.load_state_dict(fold_input_scale(theirs.state_dict()))
    image = torch.rand(2, 3, 75, 75)
    with torch.inference_mode():
        assert torch.allclose(ours.eval()(image), theirs((image - ours.mean) / ours.std), atol=1e-5)


def test_weights_come_back(model, saved):
    image = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(load(saved)(image), model(image))


def test_a_truncated_file_is_named_with_how_to_remake_it(saved):
    saved.write_bytes(saved.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"student\.safetensors: not a whole safetensors file .*remake it: dvc repro"):
        load(saved)


def test_a_pickle_is_refused(model, tmp_path):
    path = tmp_path / "student.safetensors"
    torch.save(model.state_dict(), path)
    with pytest.raises(ValueError, match="a pickle; only safetensors are read"):
        load(path)


@pytest.mark.parametrize("first", [b"P", b"\x80"])
def test_a_header_whose_length_begins_like_a_pickle_is_read(first, model, saved):
    state = load_file(saved)
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()["held"]
    while saved.read_bytes()[:1] != first:  # eight spaces make the header eight bytes longer, up to every multiple of 8
        metadata += " " * 8
        save_file(state, saved, {"held": metadata})
    image = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(load(saved)(image), model(image))


def test_another_architecture_or_other_classes_are_one_line(saved):
    held = "holds mobilenet_v3_small of other, mel; wanted "
    with pytest.raises(ValueError, match=f"{held}resnet18 of other, mel"):
        load(saved, architecture="resnet18")
    for classes in (("other", "mel", "nv"), ("mel", "other")):
        with pytest.raises(ValueError, match=f"{held}mobilenet_v3_small of {', '.join(classes)}$"):
            load(saved, classes=classes)


def test_a_file_of_an_earlier_version_is_one_line(saved):
    with safe_open(saved, framework="pt") as file:
        metadata = json.loads(file.metadata()["held"])
    metadata["tta_rotations"] = 4
    save_file(load_file(saved), saved, {"held": json.dumps(metadata)})
    with pytest.raises(ValueError, match=r"student\.safetensors: made by an earlier version.*remake it"):
        load(saved)


def test_altered_tensors_are_named(saved):
    state = load_file(saved)
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
    state["classifier.3.bias"][0] += 1e-3
    save_file(state, saved, metadata)
    with pytest.raises(ValueError, match="differ from its own sha256"):
        load(saved)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.safetensors: no such file"):
        load(tmp_path / "none.safetensors")
