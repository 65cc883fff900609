"""torchvision's architectures with our last layer: building them, loading start weights, saving and loading."""

import hashlib
import json
from pathlib import Path
from typing import Any, NoReturn, cast
from urllib.error import URLError

import torch
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stages.foundation.files import saving, sha256_file
from stages.networks.settings import LocalStart

MEAN = (0.485, 0.456, 0.406)  # ImageNet channel means, RGB, torchvision
STD = (0.229, 0.224, 0.225)  # ImageNet channel standard deviations, RGB, torchvision
# torch's default. torchvision sets 0.01 for MobileNetV3 and EfficientNet-B5...B7, made for a million steps: after a few
# hundred the running statistics still lag behind (the demo's student on val: ROC-AUC .83 with 0.01, .96 with 0.1).
BN_MOMENTUM = 0.1
INCEPTION = "inception_v3"  # without its auxiliary classifier, which the others lack, too
UNNAMED = {"architecture": "unnamed weights", "classes": [], "sha256": ""}
METADATA_KEY = "held"  # in a weights file; its value is JSON: architecture, classes and digest


class Classifier(nn.Module):
    """A network from RGB in [0, 1], float32 (batch, 3, size, size), to logits (batch, classes).

    It normalises its input itself.
    """

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.backbone((image - self.mean) / self.std)
        return logits


def build_model(architecture: str, classes: int, *, dropout: float = 0.0) -> Classifier:
    """Return a classifier with random weights, from torch's global seed, and dropout before its last layer."""
    plain = {"aux_logits": False, "init_weights": False} if architecture == INCEPTION else {}
    backbone = torchvision.models.get_model(architecture, weights=None, **plain)
    if architecture.startswith("resnet"):
        backbone.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(backbone.fc.in_features, classes))
    elif architecture == INCEPTION:
        backbone.dropout.p, backbone.fc = dropout, nn.Linear(backbone.fc.in_features, classes)
    else:
        *_, drop, linear = backbone.classifier
        drop.p = dropout
        backbone.classifier[-1] = nn.Linear(linear.in_features, classes)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = BN_MOMENTUM
    return Classifier(backbone)


def load_start(model: Classifier, architecture: str, start: str | LocalStart) -> None:
    """Load the weights a training starts from into all but the last layer; ValueError when they do not fit.

    start: "random" leaves the model as it is, "imagenet" loads torchvision's weights. From a file of `save_weights`, or
    from an exported student, the last layer is loaded, too, if it has as many classes. Batch norm's counts of batches
    may be missing, as from torchvision's oldest files; nothing here depends on them.
    """
    if start == "random":
        return
    header: dict[str, Any] = {}
    if isinstance(start, LocalStart):
        header, state = _read_local(Path(start.file), start.sha256, model.backbone)
    else:
        state = read_imagenet(torchvision.models.get_model_weights(architecture).DEFAULT.url, architecture)
        if architecture == INCEPTION:
            state = fold_input_scale(state)
    own, counted = model.backbone.state_dict(), ".num_batches_tracked"
    last = [name for name, module in model.backbone.named_modules() if isinstance(module, nn.Linear)][-1]
    bias = f"{last}.bias"
    loads_last = METADATA_KEY in header and bias in state and state[bias].shape == own[bias].shape
    body = {
        name: tensor
        for name, tensor in own.items()
        if (loads_last or name.rpartition(".")[0] != last) and (name in state or not name.endswith(counted))
    }
    misfits = sorted(name for name in body if name not in state or state[name].shape != body[name].shape)
    if misfits:
        raise ValueError(f"init.{architecture}: these weights do not fit, for example {misfits[0]}")
    model.backbone.load_state_dict({name: state[name] for name in body}, strict=False)


def fold_input_scale(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return torchvision's Inception-v3 weights for the input of the others.

    They were trained on inputs from -1 to 1, to which torchvision's model first maps what MEAN and STD normalised. The
    first convolution, which has no bias and pads nothing, and its batch norm can hold this exactly.
    """
    kernel, running_mean = "Conv2d_1a_3x3.conv.weight", "Conv2d_1a_3x3.bn.running_mean"
    weight, mean, std = state[kernel], torch.tensor(MEAN), torch.tensor(STD)
    scaled, shift = weight * (std / 0.5).view(1, 3, 1, 1), ((mean - 0.5) / 0.5).view(1, 3, 1, 1)
    return state | {kernel: scaled, running_mean: state[running_mean] - (weight * shift).sum(dim=(1, 2, 3))}


def save_weights(path: Path, model: Classifier, *, architecture: str, classes: tuple[str, ...]) -> None:
    """Write safetensors with metadata: architecture, classes and a digest of all tensors."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.backbone.state_dict().items()}
    metadata = {
        "architecture": architecture,
        "classes": classes,
        "sha256": _digest(state),
    }
    with saving(path, SafetensorError):
        save_file(state, path, {METADATA_KEY: json.dumps(metadata)})  # one key: several would be in random order


def load_weights(path: Path, *, architecture: str, classes: tuple[str, ...]) -> Classifier:
    """Return the model in a file of `save_weights`, in eval mode; ValueError when it is another one or altered."""
    header, state = _read_safetensors(path)
    try:
        metadata = UNNAMED | json.loads(header.get(METADATA_KEY, "{}"))
        found = metadata["architecture"], tuple(metadata["classes"])
    except (ValueError, TypeError) as error:
        _refuse(path, f"metadata that cannot be read ({error})")
    if found != (architecture, classes):
        raise ValueError(
            f"{path}: holds {found[0]} of {', '.join(found[1])}; wanted {architecture} of {', '.join(classes)}"
        )
    if "tta_rotations" in metadata:
        _refuse(path, "made by an earlier version, whose models turned the image themselves")
    if metadata["sha256"] != _digest(state):
        _refuse(path, "its tensors differ from its own sha256")
    model = build_model(architecture, len(classes))
    model.backbone.load_state_dict(state)
    return model.eval()


def _read_local(path: Path, sha256: str, backbone: nn.Module) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file, named in params.yaml under init")
    actual = sha256_file(path)
    if actual != sha256:
        raise ValueError(f"{path}: wanted sha256 {sha256}, found {actual}")
    if path.suffix == ".onnx":
        from stages.networks.exported import read_exported  # noqa: PLC0415 - trainings without it start sooner

        return {METADATA_KEY: ""}, read_exported(path, backbone)
    return _read_safetensors(path)


def read_imagenet(url: str, architecture: str) -> dict[str, torch.Tensor]:
    """Return torchvision's weights from its cache or server; ValueError when their hash is not the name's."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    prefix = path.stem.rsplit("-", 1)[-1]  # torchvision names files <model>-<first 8 digits of the sha256>.pth
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise ValueError(
            f"init.{architecture}: imagenet: {url} could not be downloaded ({error}); give a local file instead: "
            f"init.{architecture}: {{file: <path>.safetensors, sha256: <its hash>}}, or random"
        ) from None
    if not sha256_file(path).startswith(prefix):
        raise ValueError(f"{path}: wanted a sha256 that begins with {prefix}; delete the file to have it fetched again")
    return cast(dict[str, torch.Tensor], torch.load(path, map_location="cpu", weights_only=True))


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.is_file():
        _refuse(path, "no such file")
    with path.open("rb") as file:
        start = file.read(9)
    # A pickle begins with 0x80, torch's zip of pickles with P; so may the length of a safetensors header: "{" tells.
    if start[:1] in (b"\x80", b"P") and start[8:] != b"{":
        _refuse(path, "a pickle; only safetensors are read")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        _refuse(path, f"not a whole safetensors file ({error})")


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ValueError(f"{path}: {reason}; remake it: dvc repro --force --single-item <the stage that writes it>")


def _digest(state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
