"""The record a model's stage leaves beside its predictions: what its bits depend on."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stages.foundation.files import sha256_file


def make_record(params: dict[str, Any], inputs: list[Path], packages: list[str], **facts: Any) -> dict[str, Any]:
    """Return parameters, hashes of the inputs, versions and the stage's own facts: no times, hosts or paths outside."""
    return {
        "params": params,
        "inputs": {path.as_posix(): sha256_file(path) for path in inputs},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": platform.machine(),
        **facts,
    }
