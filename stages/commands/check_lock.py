"""Refuse a dvc.lock that does not belong to this code, these parameters and the committed numbers.

    melanoma-kd check_lock

Needs no data: DVC compares what Git holds. With data present a stale lock leaves DVC's exit status at 0, so the
words "Running stage" count as a failure too; and the lock's stages must be dvc.yaml's, since DVC keeps dead ones.
"""

import subprocess
from pathlib import Path

from stages.foundation import command
from stages.foundation.params import read_yaml

LOCK = Path("dvc.lock")


def faults(dry_run: subprocess.CompletedProcess[str], locked: set[str], defined: set[str]) -> list[str]:
    """Return what is wrong, one line each."""
    output = dry_run.stdout + dry_run.stderr
    lines = [line for line in output.splitlines() if line.startswith(("Running stage", "ERROR"))]
    if dry_run.returncode != 0 and not lines:
        lines = output.splitlines()[-1:]
    lines += [f"{name}: in dvc.lock but not in dvc.yaml" for name in sorted(locked - defined)]
    return lines + [f"{name}: in dvc.yaml but not in dvc.lock" for name in sorted(defined - locked)]


def check_lock() -> tuple[int, list[str]]:
    """Return how many stages dvc.lock has, and what is wrong with it."""
    defined = set(command.dvc("stage", "list", "--name-only").stdout.split())
    content = read_yaml(LOCK)
    if "stages" not in content:
        raise ValueError(f"{LOCK}: wanted stages, found {', '.join(content) or 'nothing'}")
    locked = set(content["stages"])
    return len(locked), faults(command.dvc("repro", "--dry", "--allow-missing"), locked, defined)


def main() -> None:
    stages, messages = check_lock()
    if messages:
        raise ValueError("dvc.lock does not match code, parameters or committed numbers:\n" + "\n".join(messages))
    print(f"dvc.lock: {stages} stages match code, parameters and committed numbers")


if __name__ == "__main__":
    command.run(main)
