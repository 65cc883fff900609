"""torchvision's architectures with our head, the weights they start from, and the files they are kept in."""

import hashlib
import json
from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import torch
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from stages.foundation.files import sha256_file
from stages.learning.settings import LocalStart

MEAN = (0.485, 0.456, 0.406)  # ImageNet channel means, RGB, torchvision
STD = (0.229, 0.224, 0.225)  # ImageNet channel deviations, RGB, torchvision
# torch's default. torchvision gives MobileNetV3 and EfficientNet-B5...B7 0.01, meant for runs of a million steps: after
# a few hundred their running statistics still lag (the demo's student: ROC-AUC .83 on val with 0.01, .96 with 0.1).
BN_MOMENTUM = 0.1
HELD = "held"  # metadata key of a weights file: architecture, classes, rotations and digest as JSON


class Classifier(nn.Module):
    """RGB in [0, 1], float32 (batch, 3, size, size), to logits (batch, classes): normalising is part of the model.

    In eval mode the logits are the mean over the image's first `tta_rotations` quarter turns.
    """

    def __init__(self, backbone: nn.Module, tta_rotations: int = 1) -> None:
        super().__init__()
        self.backbone = backbone
        self.tta_rotations = tta_rotations
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        image = (image - self.mean) / self.std
        if self.training or self.tta_rotations == 1:
            return self.backbone(image)
        turned = torch.cat(self._turns(image))
        return self.backbone(turned).unflatten(0, (self.tta_rotations, -1)).mean(dim=0)

    def turn_by_turn(self, image: torch.Tensor) -> torch.Tensor:
        """Return what `forward` returns in eval mode, one quarter turn at a time: a share of its memory."""
        image = (image - self.mean) / self.std
        return torch.stack([self.backbone(turned) for turned in self._turns(image)]).mean(dim=0)

    def _turns(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [torch.rot90(image, turn, (2, 3)) for turn in range(self.tta_rotations)]


def build_model(architecture: str, classes: int, *, dropout: float = 0.0, tta_rotations: int = 1) -> Classifier:
    """Return a randomly initialised classifier (torch's global seed) with dropout before its last layer."""
    backbone = torchvision.models.get_model(architecture, weights=None)
    if architecture.startswith("resnet"):
        backbone.fc = nn.Sequential(nn.Dropout(dropout), nn.Linear(backbone.fc.in_features, classes))
    else:
        *_, drop, linear = backbone.classifier
        drop.p = dropout
        backbone.classifier[-1] = nn.Linear(linear.in_features, classes)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = BN_MOMENTUM
    return Classifier(backbone, tta_rotations)


def load_start(model: Classifier, architecture: str, start: str | LocalStart) -> None:
    """Load the weights a training starts from, all but the last layer; what is asked for and missing is an error."""
    if start == "random":
        return
    if isinstance(start, LocalStart):
        state = _read_local(Path(start.file), start.sha256)
    else:
        state = _download_imagenet(architecture)
    own = model.backbone.state_dict()
    head = [name for name in own if name not in state or own[name].shape != state[name].shape]
    last = {name for name in own if name.rsplit(".", 1)[0] == _last_layer(model.backbone)}
    if not set(head) <= last:
        raise ValueError(f"init.{architecture}: these weights do not fit, for example {sorted(set(head) - last)[0]}")
    model.backbone.load_state_dict(
        {name: state.get(name, own[name]) if name not in last else own[name] for name in own}
    )


def save_weights(path: Path, model: Classifier, *, architecture: str, classes: tuple[str, ...]) -> None:
    """Write safetensors whose metadata names architecture, classes and rotations, and has a digest of all tensors."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.backbone.state_dict().items()}
    held = {
        "architecture": architecture,
        "classes": classes,
        "tta_rotations": model.tta_rotations,
        "sha256": _digest(state),
    }
    save_file(state, path, {HELD: json.dumps(held)})  # one key: safetensors writes several in random order


def load_weights(path: Path, *, architecture: str, classes: tuple[str, ...]) -> Classifier:
    """Return the model a file of `save_weights` holds, in eval mode; ValueError in one line on any other file."""
    metadata, state = _read_safetensors(path)
    facts = json.loads(metadata.get(HELD, '{"architecture": "unnamed weights", "classes": [], "sha256": ""}'))
    held = (facts["architecture"], tuple(facts["classes"]))
    if held != (architecture, classes):
        raise ValueError(
            f"{path}: holds {held[0]} with {len(held[1])} classes, wanted {architecture} with {len(classes)}"
        )
    if "tta_rotations" not in facts:
        _refuse(path, "does not say its test-time rotations, as files of earlier versions")
    if facts["sha256"] != _digest(state):
        _refuse(path, "its tensors differ from its own sha256")
    model = build_model(architecture, len(classes), tta_rotations=facts["tta_rotations"])
    model.backbone.load_state_dict(state)
    return model.eval()


def _last_layer(backbone: nn.Module) -> str:
    return [name for name, module in backbone.named_modules() if isinstance(module, nn.Linear)][-1]


def _read_local(path: Path, sha256: str) -> dict[str, torch.Tensor]:
    if not path.is_file():
        raise ValueError(f"{path}: no such file, named in params.yaml under init")
    found = sha256_file(path)
    if found != sha256:
        raise ValueError(f"{path}: wanted sha256 {sha256}, found {found}")
    return _read_safetensors(path)[1]


def _download_imagenet(architecture: str) -> dict[str, torch.Tensor]:
    weights = torchvision.models.get_model_weights(architecture).DEFAULT
    return read_imagenet(weights.url, architecture)


def read_imagenet(url: str, architecture: str) -> dict[str, torch.Tensor]:
    """Return torchvision's weights from its cache or its server, checked against the hash in the file's name."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    prefix = path.stem.rsplit("-", 1)[-1]  # torchvision names files <model>-<first 8 digits of the sha256>.pth
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise ValueError(
            f"init.{architecture}: imagenet: {url} could not be had ({error}); give a local file instead: "
            f"init.{architecture}: {{file: <path>.safetensors, sha256: <its hash>}}, or random"
        ) from None
    if not sha256_file(path).startswith(prefix):
        raise ValueError(f"{path}: wanted a sha256 that begins with {prefix}; delete the file to have it fetched again")
    state: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.is_file():
        _refuse(path, "no such file")
    if path.read_bytes()[:1] in (b"\x80", b"P"):  # how a pickle and torch's zip of pickles begin
        _refuse(path, "a pickle; only safetensors are read")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        _refuse(path, f"not a whole safetensors file ({error})")


def _refuse(path: Path, why: str) -> NoReturn:
    raise ValueError(f"{path}: {why}; remake it: dvc repro --force --single-item <the stage that writes it>")


def _digest(state: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(state[name].numpy().tobytes())
    return digest.hexdigest()
