"""The real graph with stages that do nothing: each out is a hash of what dvc.yaml says its stage reads, code apart."""

import shlex
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT

SCRIPT = """
import hashlib, sys
from pathlib import Path
import yaml

outs, deps, params = (part.split() for part in " ".join(sys.argv[1:]).split("--"))
digest = hashlib.sha256()
for dep in deps:
    for file in sorted(Path(dep).rglob("*")) if Path(dep).is_dir() else [Path(dep)]:
        if file.is_file() and file.name != ".gitignore":
            digest.update(str(file).encode() + file.read_bytes())
content = yaml.safe_load(Path("params.yaml").read_text())
for name in params:
    value = content
    for key in name.split("."):
        value = value[key]
    digest.update(repr((name, value)).encode())
for out in outs:
    path = Path(out) if Path(out).suffix else Path(out, "content")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"hash": "%s"}' % digest.hexdigest() if path.suffix == ".json" else digest.hexdigest())
"""
REAL = {"check_params"}  # decides what the others read


def paths(stage: dict[str, Any], *keys: str) -> list[str]:
    """Return the paths that a stage of dvc.yaml lists under some keys."""
    entries = [entry for key in keys for entry in stage.get(key, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def stubbed() -> dict[str, Any]:
    """Return dvc.yaml with the commands of all stages but REAL replaced."""
    pipeline: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    stages = {name: entry.get("do", entry) for name, entry in pipeline["stages"].items()}
    read = {dep for stage in stages.values() for dep in paths(stage, "deps")}
    for name, stage in stages.items():
        if name not in REAL:
            deps = [dep for dep in paths(stage, "deps") if not dep.startswith("stages/")]
            outs = paths(stage, "outs", "metrics", "plots")
            outs += sorted(dep for dep in read if any(dep.startswith(f"{out}/") for out in outs))  # files in a folder
            parts = [outs, ["--"], deps, ["--"], stage.get("params", [])]
            stage["cmd"] = shlex.join(["python", "stub.py"]) + " " + " ".join(word for part in parts for word in part)
    return pipeline


def write_stubs(folder: Path) -> None:
    """Write the script and dvc.yaml into a copy of the project."""
    (folder / "stub.py").write_text(SCRIPT)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(stubbed(), sort_keys=False, width=1000))
