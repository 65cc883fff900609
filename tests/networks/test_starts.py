"""A training starts from what it was told to, checked by its hash, and never from something else in silence."""

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from stages.foundation.names import STUDENT
from stages.networks.models import build_model, save_weights
from stages.networks.settings import LocalStart, start_of
from stages.networks.starts import load_start, read_imagenet


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


def test_a_student_of_the_pipeline_starts_another_with_the_classes_that_both_have(tmp_path):
    model, saved = build_model(STUDENT, 2), tmp_path / "student.safetensors"
    save_weights(saved, model, architecture=STUDENT, classes=("other", "mel"))
    start = LocalStart(file=str(saved), sha256=hashlib.sha256(saved.read_bytes()).hexdigest())
    again, more = build_model(STUDENT, 2), build_model(STUDENT, 3)
    again.classes, more.classes = ("other", "mel"), ("bcc", "mel", "nv")
    own = more.backbone.classifier[-1].weight.clone()
    for started in (again, more):
        load_start(started, STUDENT, start)
        assert torch.equal(started.backbone.features[0][0].weight, model.backbone.features[0][0].weight)
    last, of_more = model.backbone.classifier[-1], more.backbone.classifier[-1].weight
    assert torch.equal(again.backbone.classifier[-1].weight, last.weight)
    assert torch.equal(again.backbone.classifier[-1].bias, last.bias)
    assert torch.equal(of_more[1], last.weight[1])
    assert torch.equal(of_more[[0, 2]], own[[0, 2]])  # classes of its own begin anew
    with pytest.raises(ValueError, match=r"init\.resnet18: these weights do not fit"):
        load_start(build_model("resnet18", 2), "resnet18", start)


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
