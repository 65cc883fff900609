"""The record that a model's stage leaves beside its predictions: what its bits depend on."""

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stages.foundation.files import sha256_file

STAGES = Path(__file__).parents[1]


def make_record(params: dict[str, Any], inputs: list[Path], packages: list[str], **facts: Any) -> dict[str, Any]:
    """Return parameters, hashes of the inputs, versions and the stage's own facts: no times, hosts or paths outside."""
    return {
        "params": params,
        "inputs": {path.as_posix(): sha256_file(path) for path in inputs},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": platform.machine(),
        **facts,
    }


def code_hash(units: Iterable[str]) -> str:
    """Return one sha256 over units of stages/: modules such as `distill.py`, and all modules of folders."""
    digest = hashlib.sha256()
    for unit in units:
        path = STAGES / unit
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(STAGES).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()
