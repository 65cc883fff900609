"""Refuse choices that cannot run before any stage has spent time on them.

    python -m stages.check_params

Reads params.yaml and dvc.yaml; writes data/params_checked, whose content never changes: what stands behind it
reruns only where its own parameters changed.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.foundation import command, files
from stages.foundation.names import CONTROL, GRID, REPEAT_SEEDS, Teacher, check_choices, parse_key, parse_teacher
from stages.foundation.params import PARAMS, Data, Part, Section, read_params, read_yaml

COMMANDS_READ = {"tracking.wandb"}  # by stages/commands/track.py, which is a command and no stage
CHECKED = Path("data/params_checked")


class Distillation(Section):
    teachers: list[Teacher] = Field(min_length=1)
    temperature: int | float
    alpha: int | float
    repeated: str


class Seeded(Part):
    seed: int


class Params(Section):
    data: Data
    target: Literal["dx", "melanoma"]
    teachers: list[Teacher] = Field(min_length=1)
    kd: Distillation
    teacher: Seeded
    distill: Seeded


def leaf_keys(content: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every value that is not itself a mapping."""
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from leaf_keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def declared_keys(pipeline: dict[str, Any]) -> set[str]:
    """Return every key below `params:` of a pipeline's stages, templates such as init.${item} as they stand."""
    stages = (stage.get("do", stage) for name, stage in pipeline["stages"].items() if name != "check_params")
    return {key for stage in stages for key in stage.get("params", [])}


def unread_keys(params: dict[str, Any], declared: set[str]) -> list[str]:
    """Return the keys of params.yaml that no stage declares: misspelt, or left from a stage that is gone."""
    patterns = [re.compile(re.sub(r"\\\$\\\{[^}]*\\\}", r"[^.]+", re.escape(key)) + r"(\..+)?") for key in declared]
    return [key for key in leaf_keys(params) if not any(pattern.fullmatch(key) for pattern in patterns)]


def main() -> None:
    params = read_params(Params)
    declared = declared_keys(read_yaml(Path("dvc.yaml"))) | COMMANDS_READ
    for key in unread_keys(read_yaml(PARAMS), declared):
        close = difflib.get_close_matches(key, declared, n=1)
        raise ValueError(f"{PARAMS}: {key}: no stage reads it" + (f"; did you mean {close[0]}?" if close else ""))
    check_choices(list(params.teachers), list(params.kd.teachers))
    selected = f"T{params.kd.temperature}_alpha{params.kd.alpha}"
    parse_key(selected)
    trained = [*GRID, CONTROL, selected]
    if params.kd.repeated not in trained:
        raise ValueError(f"{PARAMS}: kd.repeated: {params.kd.repeated}: wanted one of {trained}")
    if params.teacher.seed in {parse_teacher(name)[1] for name in params.teachers}:
        raise ValueError(f"{PARAMS}: teacher.seed: {params.teacher.seed} is a repeat's among the teachers")
    if params.distill.seed in REPEAT_SEEDS:
        raise ValueError(f"{PARAMS}: distill.seed: {params.distill.seed} is a repeat's; take one not in {REPEAT_SEEDS}")
    with files.writing(CHECKED) as (checked,):
        files.write_text(checked, "params.yaml is consistent\n")


if __name__ == "__main__":
    command.run(main)
