"""Weights of another model, altered, truncated or pickled are refused in one line (faults 9-11, 39)."""

import hashlib
import json

import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from stages.foundation.names import ARCHITECTURES, STUDENT
from stages.networks.models import (
    build_model,
    fold_input_scale,
    load_start,
    load_weights,
    read_imagenet,
    save_weights,
)
from stages.networks.settings import LocalStart, start_of

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


def start_file(tmp_path, architecture=STUDENT):
    torch.manual_seed(7)
    state = build_model(architecture, 1000).backbone.state_dict()
    path = tmp_path / "start.safetensors"
    save_file(state, path)
    return path, state


def test_a_local_start_loads_all_but_the_head(tmp_path):
    path, state = start_file(tmp_path)
    start = LocalStart(file=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    model = build_model(STUDENT, 7)
    head = model.backbone.classifier[3].weight.clone()
    load_start(model, STUDENT, start)
    assert torch.equal(model.backbone.features[0][0].weight, state["features.0.0.weight"])
    assert torch.equal(model.backbone.classifier[3].weight, head)


def test_a_start_without_counts_of_batches_fits(tmp_path):
    """torchvision's files of ResNet-18 and 34 are older than these counts."""
    path, state = start_file(tmp_path, "resnet18")
    old = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    assert len(old) == 102
    save_file(old, path)
    start, model = hashlib.sha256(path.read_bytes()).hexdigest(), build_model("resnet18", 7)
    load_start(model, "resnet18", LocalStart(file=str(path), sha256=start))
    assert torch.equal(model.backbone.layer4[1].bn2.weight, state["layer4.1.bn2.weight"])
    assert model.backbone.bn1.num_batches_tracked == 0
    del old["bn1.running_mean"]
    save_file(old, path)
    start = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=r"init\.resnet18: these weights do not fit, for example bn1\.running_mean"):
        load_start(model, "resnet18", LocalStart(file=str(path), sha256=start))


def test_a_local_start_is_checked(tmp_path):
    path, _ = start_file(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(ValueError, match=r"wanted sha256 0{64}, found"):
        load_start(build_model(STUDENT, 7), STUDENT, LocalStart(file=str(path), sha256="0" * 64))
    with pytest.raises(ValueError, match="no such file, named in params"):
        load_start(build_model(STUDENT, 7), STUDENT, LocalStart(file="none.safetensors", sha256=digest))
    with pytest.raises(ValueError, match=r"init\.resnet18: these weights do not fit"):
        load_start(build_model("resnet18", 7), "resnet18", LocalStart(file=str(path), sha256=digest))


def test_a_student_of_the_pipeline_starts_another_with_its_last_layer_too(model, saved):
    start = LocalStart(file=str(saved), sha256=hashlib.sha256(saved.read_bytes()).hexdigest())
    again, other = build_model(STUDENT, 2), build_model(STUDENT, 7)
    head = other.backbone.classifier[-1].weight.clone()
    for started in (again, other):
        load_start(started, STUDENT, start)
        assert torch.equal(started.backbone.features[0][0].weight, model.backbone.features[0][0].weight)
    assert torch.equal(again.backbone.classifier[-1].weight, model.backbone.classifier[-1].weight)
    assert torch.equal(other.backbone.classifier[-1].weight, head)  # of other classes: it begins anew


def test_an_architecture_without_a_start_is_named():
    with pytest.raises(ValueError, match=r"init\.resnet50: missing"):
        start_of({"resnet18": "random"}, "resnet50")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A file:// address in torchvision's naming, and an empty cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    state = {"conv.weight": torch.ones(2)}
    path = tmp_path / "server.pth"
    torch.save(state, path)
    hashed = path.with_name(f"net-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")
    path.rename(hashed)
    return hashed


def test_torchvisions_weights_are_fetched_checked_and_kept(server):
    assert read_imagenet(server.as_uri(), "net")["conv.weight"].tolist() == [1, 1]
    address = server.as_uri()
    server.unlink()
    assert read_imagenet(address, "net")["conv.weight"].tolist() == [1, 1]  # from the cache


def test_unreachable_weights_say_what_to_do_and_are_never_random(server):
    address = server.as_uri()
    server.unlink()
    with pytest.raises(ValueError, match=r"could not be downloaded .*give a local file instead: init\.net: \{file:"):
        read_imagenet(address, "net")


def test_weights_with_another_hash_are_refused(server, tmp_path):
    wrong = server.with_name("net-00000000.pth")
    server.rename(wrong)
    with pytest.raises(ValueError, match="invalid hash value"):
        read_imagenet(wrong.as_uri(), "net")
    cached = tmp_path / "cache/hub/checkpoints/net-11111111.pth"
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(wrong.read_bytes())
    with pytest.raises(ValueError, match="wanted a sha256 that begins with 11111111"):
        read_imagenet((tmp_path / "net-11111111.pth").as_uri(), "net")
