"""What DVC says of the pipeline: whether dvc.lock belongs to what Git holds, and which models are made."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvc.dvcfile import Lockfile
from dvc.exceptions import DvcException
from dvc.repo import Repo

from stages.foundation import command

LOCK = Path("dvc.lock")
MODELS = (
    "train_teacher", "soft_labels", "distill", "repeat_student", "quantization_aware", "baselines", "quantize",
    "evaluate_holdout",
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Something worth saying of a workspace, and the command that changes it; fault: whether it is wrong."""

    what: str
    remedy: str
    fault: bool = True


def lock(_: object) -> Iterator[Finding]:
    """A dvc.lock that is not this code's and these parameters'."""
    if not LOCK.is_file():
        yield Finding(f"{LOCK}: no such file", "dvc repro")
        return
    try:
        with Repo() as repo:
            locked = set(Lockfile(repo, str(LOCK)).load()["stages"])
    except (DvcException, KeyError):  # DVC writes it in place, and may have been killed
        yield Finding(f"{LOCK} is half-written, as by a dvc that was killed", f"git checkout HEAD -- {LOCK}")
        return
    defined = set(command.dvc("stage", "list", "--name-only").stdout.split())
    faults = lock_faults(command.dvc("repro", "--dry", "--allow-missing"), locked, defined)
    if faults:
        shown = "; ".join(faults[:3])
        yield Finding(f"{LOCK}: {len(faults)} stages to run or forgotten: {shown}", "dvc repro")


def lock_faults(dry_run: subprocess.CompletedProcess[str], locked: set[str], defined: set[str]) -> list[str]:
    """Return what is wrong with a lock, one line each.

    With data present a stale lock leaves DVC's exit status at 0, so the words "Running stage" count as a failure too;
    and the lock's stages must be dvc.yaml's, since DVC keeps dead ones.
    """
    output = dry_run.stdout + dry_run.stderr
    lines = [line for line in output.splitlines() if line.startswith(("Running stage", "ERROR"))]
    if dry_run.returncode != 0 and not lines:
        lines = output.splitlines()[-1:]
    lines += [f"{name}: in dvc.lock but not in dvc.yaml" for name in sorted(locked - defined)]
    return lines + [f"{name}: in dvc.yaml but not in dvc.lock" for name in sorted(defined - locked)]


def models(_: object) -> Iterator[Finding]:
    """Models that are not made yet, or of something that has changed since; no fault."""
    status = command.dvc("status", "--json")
    if status.returncode != 0:
        yield Finding(f"dvc status: {status.stderr.strip()}", "dvc status")
        return
    for stage, changes in json.loads(status.stdout).items():
        if stage.split("@")[0] in MODELS:
            yield Finding(f"{stage}: {model_state(changes)}", f"dvc repro {stage}", fault=False)


def model_state(changes: list[Any]) -> str:
    """Return missing (its outputs are not there) or outdated (something it depends on changed), from DVC's status."""
    outs = [change.get("changed outs", {}) for change in changes if isinstance(change, dict)]
    return "missing" if any("deleted" in change.values() for change in outs) else "outdated"
