"""Validate params.yaml before any other stage runs.

    python -m stages.check_params

Reads params.yaml. Writes data/params_checked, a constant marker file, so that it never makes later stages rerun, and
data/teachers/<teacher>.json: each teacher's plan, of teacher, views and init.
"""

import difflib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.distillation.settings import Alterations
from stages.export.settings import Quantize
from stages.foundation import command, files
from stages.foundation.names import ARCHITECTURES, CONTROL, FOLDS, STUDENT, VAL, Teachers, parse_teacher
from stages.foundation.params import PARAMS, read_params, read_yaml
from stages.foundation.record import recipe_hash
from stages.foundation.settings import DEMO, NONE, Baselines, Data, Deciding, Evaluate, Kd, Splits, Target, Tracking
from stages.images.settings import Image
from stages.networks.settings import PLANS, Compute, Distill, Init, Schedule, TeacherSchedule, Views, plan_of, start_of
from stages.pictures.settings import Demo, Stress

MARKER = Path("data/params_checked")
SMALLEST = 75  # pixels a side of what inception_v3 reads: its last maps would be empty


@dataclass(frozen=True)
class Params:
    """Every section of params.yaml."""

    data: Data
    demo: Demo
    splits: Splits
    image: Image
    target: Target
    views: Views
    alterations: Alterations
    teachers: Teachers
    teacher: TeacherSchedule
    kd: Kd
    distill: Distill
    init: Init
    baselines: Baselines
    aware: Schedule
    quantize: Quantize
    evaluate: Evaluate
    decision: Deciding
    stress: Stress
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
    students = [key for key in (*params.kd.grid.students, params.kd.selected) if key != CONTROL]
    if params.kd.repeated not in (students or [CONTROL]):  # where no student distils, the control is repeated
        raise ValueError(f"{PARAMS}: kd.repeated: {params.kd.repeated}: wanted one of {students}")
    if params.teacher.seed in {parse_teacher(key).seed for key in params.teachers}:
        raise ValueError(f"{PARAMS}: teacher.seed: {params.teacher.seed} is a repeat's among the teachers")
    if params.distill.seed in params.kd.seeds:
        raise ValueError(f"{PARAMS}: distill.seed: {params.distill.seed} is a repeat's, among kd.seeds")
    if params.image.size < SMALLEST and "inception_v3" in {parse_teacher(key).architecture for key in params.teachers}:
        raise ValueError(f"{PARAMS}: image.size: inception_v3 wants {SMALLEST} pixels, found {params.image.size}")
    start_of(params.init, STUDENT)


def check_changes(params: Params) -> None:
    """Raise ValueError on changes for a repeat that is not trained, on one of a seed, and on unfit ones."""
    for name in params.teacher.changes:
        if name not in ARCHITECTURES and name not in params.teachers:
            raise ValueError(f"{PARAMS}: teacher.changes.{name}: not among the teachers {params.teachers}")
        if "seed" in (params.teacher.changes[name].model_extra or {}):
            raise ValueError(f"{PARAMS}: teacher.changes.{name}.seed: a teacher's seed stands in its key, as _seed43")
        plan_of(params.teacher, params.views, {name: "random"}, name)


def check_folds(params: Params) -> None:
    """Raise ValueError unless each image of train.csv has a label from as many of kd.teachers as every other."""
    last = params.splits.folds - 1
    if beyond := [key for key in params.teachers if (parse_teacher(key).fold or 0) > last]:
        raise ValueError(f"{PARAMS}: teachers: {beyond[0]}: train has folds from 0 to {last}, by splits.folds")
    folds = Counter(parse_teacher(key).fold for key in params.kd.teachers)
    del folds[None]
    wanted = range(params.splits.folds)
    if folds and (set(folds) != set(wanted) or len(set(folds.values())) > 1):
        raise ValueError(
            f"{PARAMS}: kd.teachers: cross-fitting wants as many teachers of each fold from 0 to {wanted[-1]}, "
            f"found {dict(sorted(folds.items()))}"
        )


def check_archive(name: str) -> None:
    """Raise ValueError that says what to do where there is no such archive; DVC would name a missing folder alone."""
    folder = Path("data/raw", name)
    if name != DEMO and not folder.is_dir():
        raise ValueError(f"{folder}: no such archive; melanoma-kd import SOURCE {name} makes it (docs/train.md)")


def check_decision(table: str, content: dict[str, Any]) -> None:
    """Raise ValueError where the scores that decide are of students of another recipe. content: of params.yaml."""
    if table == VAL:
        return
    path = FOLDS / f"{table}.csv"
    if content["splits"]["fold"] != NONE:
        raise ValueError(f"{PARAMS}: decision.from: {path} holds this fold, the run's holdout, too; set it to {VAL}")
    if set(files.read_table(path).get("recipe", [])) != {recipe_hash(content)}:
        raise ValueError(
            f"{PARAMS}: decision.from: {path} holds students of another recipe; train the folds by this one "
            f"(melanoma-kd compare --keep {table}), or set decision.from to {VAL}"
        )


def main() -> None:
    content = read_yaml(PARAMS)
    check_sections(set(content))
    params = read_params(Params)
    check_archive(params.data.name)
    check_decision(params.decision.table, content)
    check_choices(params)
    check_folds(params)
    check_changes(params)
    if params.kd.repeated != params.kd.selected:  # the report then says of one student what the seeds of another show
        print(f"note: kd.repeated is {params.kd.repeated}, the selected student {params.kd.selected}")
    plans = {key: plan_of(params.teacher, params.views, params.init, key) for key in params.teachers}
    with files.writing(MARKER, PLANS) as (marker, folder):
        files.write_text(marker, "params.yaml is consistent\n")
        folder.mkdir()
        for key, plan in plans.items():
            files.write_json(folder / f"{key}.json", plan.model_dump())


if __name__ == "__main__":
    command.run(main)
