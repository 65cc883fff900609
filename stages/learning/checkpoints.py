"""Checkpoints of a training, so that a killed run goes on where it was.

One lives in .checkpoints/<fingerprint of all that goes into the training>: other parameters, data, code or library
versions never find it. Tensors and numbers only: it is read with weights_only, which unpickles no code.
"""

import hashlib
import io
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from stages.foundation.files import sha256_file, writing
from stages.foundation.record import code_hash

ROOT = Path(".checkpoints")
PACKAGES = ("torch", "torchvision", "numpy")
DIGEST = 64  # bytes at the end of a file: the sha256 of all that stands before


def checkpoint_path(inputs: Iterable[Path], settings: str, code: Iterable[str]) -> Path:
    """Return where the training that these files, settings and units of code define keeps its checkpoint."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    parts = [settings, code_hash(code), *versions, *map(sha256_file, inputs)]
    return ROOT / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] / "checkpoint.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in one step."""
    with writing(path) as (partial,):
        torch.save(state, partial)
        digest = sha256_file(partial)
        with partial.open("ab") as file:
            file.write(digest.encode())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the state of a checkpoint, on the CPU; None where there is none, or a damaged one, which is set aside."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content[:-DIGEST]).hexdigest().encode() != content[-DIGEST:]:
        aside = path.with_suffix(".damaged")
        path.replace(aside)
        print(f"{path}: cut off or altered; kept as {aside.name}, training starts anew", flush=True)
        return None
    stream = io.BytesIO(content[:-DIGEST])
    state: dict[str, Any] = torch.load(stream, map_location="cpu", weights_only=True)
    return state


def forget_checkpoint(path: Path) -> None:
    """Delete a checkpoint whose training has ended, with a damaged one beside it."""
    for name in (path, path.with_suffix(".damaged")):
        name.unlink(missing_ok=True)
    if path.parent.is_dir():
        path.parent.rmdir()
