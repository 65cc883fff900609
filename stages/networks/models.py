"""torchvision's architectures with our last layer: building, saving and loading them."""

import hashlib
import json
from pathlib import Path
from typing import Any, NoReturn

import torch
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stages.foundation.files import saving

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

    It normalises its input itself. classes: of the logits, in order; empty where no file of `save_weights` said them.
    """

    classes: tuple[str, ...] = ()

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


def load_weights(path: Path, *, architecture: str, classes: tuple[str, ...] | None = None) -> Classifier:
    """Return the model in a file of `save_weights`, in eval mode; ValueError when it is another one or altered.

    classes: those it has to have, if any.
    """
    header, state = read_safetensors(path)
    metadata = read_held(path, header)
    found = metadata["architecture"], metadata["classes"]
    wanted = architecture, found[1] if classes is None else classes
    if found != wanted:
        raise ValueError(
            f"{path}: holds {found[0]} of {', '.join(found[1])}; wanted {wanted[0]} of {', '.join(wanted[1])}"
        )
    if "tta_rotations" in metadata:
        _refuse(path, "made by an earlier version, whose models turned the image themselves")
    if metadata["sha256"] != _digest(state):
        _refuse(path, "its tensors differ from its own sha256")
    model = build_model(architecture, len(found[1]))
    model.classes = found[1]
    model.backbone.load_state_dict(state)
    return model.eval()


def read_held(path: Path, header: dict[str, str]) -> dict[str, Any]:
    """Return what `save_weights` wrote into a file's metadata, UNNAMED where it wrote nothing."""
    try:
        metadata = UNNAMED | json.loads(header.get(METADATA_KEY, "{}"))
        return metadata | {"classes": tuple(metadata["classes"])}
    except (ValueError, TypeError) as error:
        _refuse(path, f"metadata that cannot be read ({error})")


def read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return a file's metadata and tensors; ValueError where it is another kind of file."""
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
