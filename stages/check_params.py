"""Validate params.yaml before any other stage runs.

    python -m stages.check_params

Reads params.yaml. Writes data/params_checked, a constant marker file, so that it never makes later stages rerun.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from stages.dataset.settings import Splits, Target
from stages.demo.settings import Demo
from stages.export.settings import Quantize
from stages.foundation import command, files
from stages.foundation.names import CONTROL, GRID, REPEAT_SEEDS, STUDENT, Teachers, parse_teacher
from stages.foundation.params import PARAMS, read_params, read_yaml
from stages.foundation.settings import Baselines, Data, Evaluate, Kd, Tracking
from stages.images.settings import Image
from stages.learning.settings import Compute, Distill, Init, Schedule, Views, start_of

MARKER = Path("data/params_checked")


@dataclass(frozen=True)
class Params:
    """Every section of params.yaml."""

    data: Data
    demo: Demo
    splits: Splits
    image: Image
    target: Target
    views: Views
    teachers: Teachers
    teacher: Schedule
    kd: Kd
    distill: Distill
    init: Init
    baselines: Baselines
    quantize: Quantize
    evaluate: Evaluate
    tracking: Tracking
    compute: Compute


def check_sections(sections: set[str]) -> None:
    """Raise ValueError that names a section no stage reads, with the most similar one that exists."""
    known = Params.__dataclass_fields__
    for name in sorted(sections - set(known)):
        similar = difflib.get_close_matches(name, known, n=1)
        raise ValueError(f"{PARAMS}: {name}: no stage reads it" + (f"; did you mean {similar[0]}?" if similar else ""))


def check_choices(params: Params) -> None:
    """Raise ValueError on values that are each valid but contradict one another."""
    unknown = [key for key in params.kd.teachers if key not in params.teachers]
    if unknown:
        raise ValueError(f"{PARAMS}: kd.teachers: {unknown} not among the teachers {params.teachers}")
    students = [*GRID, CONTROL, params.kd.selected]
    if params.kd.repeated not in students:
        raise ValueError(f"{PARAMS}: kd.repeated: {params.kd.repeated}: wanted one of {students}")
    if params.teacher.seed in {parse_teacher(key)[1] for key in params.teachers}:
        raise ValueError(f"{PARAMS}: teacher.seed: {params.teacher.seed} is a repeat's among the teachers")
    if params.distill.seed in REPEAT_SEEDS:
        raise ValueError(f"{PARAMS}: distill.seed: {params.distill.seed} is a repeat's; take one not in {REPEAT_SEEDS}")
    for key in (STUDENT, *params.teachers):
        start_of(params.init, key)


def main() -> None:
    check_sections(set(read_yaml(PARAMS)))
    check_choices(read_params(Params))
    with files.writing(MARKER) as (marker,):
        files.write_text(marker, "params.yaml is consistent\n")


if __name__ == "__main__":
    command.run(main)
