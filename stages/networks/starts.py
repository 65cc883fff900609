"""What a training starts from: torchvision's weights, a file of another training, or an exported student."""

from pathlib import Path
from typing import cast
from urllib.error import URLError

import torch
import torchvision
from torch import nn

from stages.foundation.files import sha256_file
from stages.networks.models import INCEPTION, MEAN, STD, Classifier, read_held, read_safetensors
from stages.networks.settings import LocalStart

Start = tuple[tuple[str, ...], dict[str, torch.Tensor]]  # classes of the last layer, none where it is not ours; state


def load_start(model: Classifier, architecture: str, start: str | LocalStart) -> None:
    """Load the weights a training starts from; ValueError when they do not fit.

    start: "random" leaves the model as it is, "imagenet" loads torchvision's weights. The last layer stays as it is,
    but for the classes that it shares with a file of `save_weights` or with an exported student, by name. Batch norm's
    counts of batches may be missing, as from torchvision's oldest files; nothing here depends on them.
    """
    if start == "random":
        return
    held: tuple[str, ...] = ()
    if isinstance(start, LocalStart):
        held, state = _read_local(Path(start.file), start.sha256, model.backbone)
    else:
        state = read_imagenet(torchvision.models.get_model_weights(architecture).DEFAULT.url, architecture)
        if architecture == INCEPTION:
            state = fold_input_scale(state)
    own, counted = model.backbone.state_dict(), ".num_batches_tracked"
    last = [name for name, module in model.backbone.named_modules() if isinstance(module, nn.Linear)][-1]
    known = held if f"{last}.bias" in state else ()  # a file of another architecture has no such layer
    shared = {place: known.index(name) for place, name in enumerate(model.classes) if name in known}
    for name in (f"{last}.weight", f"{last}.bias"):
        rows = own[name].clone()
        for place, source in shared.items():
            rows[place] = state[name][source]
        state[name] = rows
    body = [name for name in own if name in state or not name.endswith(counted)]
    misfits = sorted(name for name in body if name not in state or state[name].shape != own[name].shape)
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


def _read_local(path: Path, sha256: str, backbone: nn.Module) -> Start:
    if not path.is_file():
        raise ValueError(f"{path}: no such file, named in params.yaml under init")
    actual = sha256_file(path)
    if actual != sha256:
        raise ValueError(f"{path}: wanted sha256 {sha256}, found {actual}")
    if path.suffix == ".onnx":
        from stages.networks.exported import read_exported  # noqa: PLC0415 - trainings without it start sooner

        return read_exported(path, backbone)
    header, state = read_safetensors(path)
    return read_held(path, header)["classes"], state


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
