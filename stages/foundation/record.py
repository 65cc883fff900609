"""The record of a run, kept beside its predictions: all that can change the bits of the result."""

import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stages.foundation.files import sha256_file

STAGES = Path(__file__).parents[1]
USES = ("quantize", "evaluate", "decision", "stress", "tracking", "compute")  # sections that train no student


def make_record(params: dict[str, Any], inputs: list[Path], packages: list[str], **details: Any) -> dict[str, Any]:
    """Return parameters, hashes of inputs, versions and details; no times, so equal runs give equal records."""
    return {
        "params": params,
        "inputs": {path.as_posix(): sha256_file(path) for path in inputs},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "machine": platform.machine(),
        **details,
    }


def recipe_hash(params: dict[str, Any]) -> str:
    """Return a hash of the parameters, nested, by which students are trained: all but which of them is used, and how.

    So students of one recipe have one hash, whatever the fold, the temperature, alpha, and the machine's threads.
    """
    sections = {name: section for name, section in params.items() if name not in USES}
    for section, keys in (("splits", ("fold",)), ("kd", ("temperature", "alpha"))):
        sections[section] = {key: value for key, value in params[section].items() if key not in keys}
    return hashlib.sha256(json.dumps(sections, sort_keys=True).encode()).hexdigest()[:16]


def code_hash(units: Iterable[str]) -> str:
    """Return the sha256 of some modules of stages/ (`distill.py`) and of all modules in some folders (`learning`)."""
    digest = hashlib.sha256()
    for unit in units:
        path = STAGES / unit
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(STAGES).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()
