"""Say which models are done, which are not, and the command for each, from DVC's own state.

melanoma-kd summarize
"""

import json
from typing import Any

from stages.foundation import command
from stages.foundation.names import ARCHITECTURES

MODELS = (
    "train_teacher", "soft_labels", "distill", "repeat_student", "quantization_aware", "baselines", "quantize",
    "evaluate_holdout",
)  # fmt: skip


def state(stage: str, status: dict[str, Any]) -> str:
    """Return done, missing (its outputs are not there) or outdated (something it depends on changed)."""
    if stage not in status:
        return "done"
    outs = [change.get("changed outs", {}) for change in status[stage] if isinstance(change, dict)]
    return "missing" if any("deleted" in changes.values() for changes in outs) else "outdated"


def summarize(stages: list[str], status: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (stage, state, command) of every model's stage, and of the teachers that params.yaml leaves out."""
    states = {name: state(name, status) for name in stages if name.split("@")[0] in MODELS}
    lines = [(name, text, "" if text == "done" else f"dvc repro {name}") for name, text in states.items()]
    others = [name for name in ARCHITECTURES if f"train_teacher@{name}" not in stages]
    return lines + [
        (f"train_teacher@{name}", "not listed", f"make train-teacher-single TEACHER_ARCH={name}") for name in others
    ]


def main() -> None:
    names = _dvc("stage", "list", "--name-only").split()
    for name, text, remedy in summarize(names, json.loads(_dvc("status", "--json"))):
        print(f"{name:34}{text:12}{remedy}".rstrip())


def _dvc(*arguments: str) -> str:
    process = command.dvc(*arguments)
    if process.returncode != 0:
        raise ValueError(f"dvc {' '.join(arguments)}: {process.stderr.strip()}")
    return process.stdout


if __name__ == "__main__":
    command.run(main)
