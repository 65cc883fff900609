"""Checkpoints of a training: tensors by name and a small state, so that a killed run goes on where it was.

They live in .checkpoints/<fingerprint of all that goes into the training>: other parameters, data or code never
find them. Safetensors and JSON: nothing is unpickled.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stages.foundation.files import sha256_file, writing

ROOT = Path(".checkpoints")


def checkpoint_path(inputs: Iterable[Path], settings: str) -> Path:
    """Return where the training that these files, these settings and this code define keeps its checkpoint."""
    digest = hashlib.sha256(settings.encode())
    for path in [*inputs, *sorted(Path("stages").rglob("*.py"))]:
        digest.update(sha256_file(path).encode())
    return ROOT / digest.hexdigest()[:32] / "checkpoint.safetensors"


def save_checkpoint(path: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Replace the checkpoint in one step."""
    with writing(path) as (partial,):
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()},
            partial,
            {"state": json.dumps(state)},
        )


def load_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return the tensors and the state of a checkpoint, or None where there is none."""
    if not path.is_file():
        return None
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["state"])  # noqa: SIM118


def forget_checkpoint(path: Path) -> None:
    """Delete a checkpoint whose training has ended."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        path.parent.rmdir()
