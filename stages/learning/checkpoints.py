"""Checkpoints of a training, from which a killed run resumes.

A checkpoint is in .checkpoints/<hash of parameters, data, code and library versions>: a run with others never finds it.
It holds tensors and numbers only and is read with weights_only, which executes no code.
"""

import hashlib
import io
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch

from stages.foundation.command import CHECKPOINTS
from stages.foundation.files import saving, sha256_file, writing
from stages.foundation.record import code_hash

PACKAGES = ("torch", "torchvision", "numpy")
DIGEST = 64  # last bytes of a file: the hexadecimal sha256 of the bytes before


def checkpoint_path(inputs: Iterable[Path], settings: str, code: Iterable[str]) -> Path:
    """Return the path of the checkpoint of a training with these input files, settings and units of code."""
    versions = [f"{name} {version(name)}" for name in PACKAGES]
    parts = [settings, code_hash(code), *versions, *map(sha256_file, inputs)]
    return CHECKPOINTS / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] / "checkpoint.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint and its digest, in place of an older one."""
    with writing(path) as (partial,), saving(partial, RuntimeError):  # torch's on a full disk
        torch.save(state, partial)
        digest = sha256_file(partial)
        with partial.open("ab") as file:
            file.write(digest.encode())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return a checkpoint's state on the CPU; None without a checkpoint or for a damaged one, which is renamed."""
    if not path.is_file():
        return None
    content = path.read_bytes()
    if hashlib.sha256(content[:-DIGEST]).hexdigest().encode() != content[-DIGEST:]:
        damaged = path.with_suffix(".damaged")
        path.replace(damaged)
        print(f"{path}: cut off or altered; kept as {damaged.name}, training starts anew", flush=True)
        return None
    stream = io.BytesIO(content[:-DIGEST])
    return cast(dict[str, Any], torch.load(stream, map_location="cpu", weights_only=True))


def forget_checkpoint(path: Path) -> None:
    """Delete the checkpoint of a finished training, with a damaged one beside it."""
    for file in (path, path.with_suffix(".damaged")):
        file.unlink(missing_ok=True)
    if path.parent.is_dir():
        path.parent.rmdir()
