"""Compare ways of training, from experiments: over the folds of train and val, and in clinics that were left out.

    dvc exp run --queue -S splits.fold=range(0,5) distill@T1_alpha0 distill@T1_alpha0.5 repeat_student
    dvc exp run --queue -S splits.leave_out=rosendahl,vidir_modern distill@T1_alpha0 ... repeat_student baselines
    dvc queue start
    melanoma-kd compare                 (or the names of some experiments)

Each experiment trains on all folds but one, or on all sources but one, and is scored on that one; the study's holdout
is opened by none. The stages named are all it needs: the control, kd.repeated, and their seeds. Reads, through dvc.api,
params.yaml, data/processed/<name>/val.csv and holdout.csv, the fold or source, and models/<name>/predictions of the
experiments of this commit, by default of all that set splits.fold or splits.leave_out. Experiments that differ
in more are ways of training of their own: each is compared with its control, and the student of each with that of the
first. Each needs every fold or source once; --partial takes those that all have so far. p values are not corrected for
the number of ways. Writes metrics/<name>/procedures.csv of folds, left_out.csv and left_out_comparisons.csv of sources,
<name> being the experiments' archive; the columns size (pixels) and teachers say what was trained. With --keep NAME
also metrics/folds/NAME.csv, what students say of images that they never saw, by which `decision.from: NAME` chooses
exported files' thresholds.
"""

import argparse
from pathlib import Path
from typing import Any

import dvc.api
import pandas as pd
from dvc.exceptions import DvcException

from stages.commands.comparison.experiments import archive_of, flat, frozen, group, of_this_commit, unit_of
from stages.commands.comparison.left_out import compare_left_out
from stages.commands.comparison.procedures import COLUMNS, Procedure, compare_procedures, score_procedures
from stages.foundation.files import write_csv, writing
from stages.foundation.names import CONTROL, FOLDS
from stages.foundation.record import recipe_hash
from stages.foundation.settings import Evaluate, Kd
from stages.foundation.splits import GROUP
from stages.statistics.folds import COLUMNS as KEPT

PRINTED = ("at", "metric", "difference", "low", "high", "p", "p_holm", "verdict")
Nested = dict[str, dict[str, Any]]  # experiment -> its parameters


def compare(experiments: Nested, path: Path | None = None, *, partial: bool = False, keep: str = "") -> pd.DataFrame:
    """Write the tables of these experiments, all of folds or all of sources, and return that of the tests.

    path: another file than the usual one; keep: the name of the table of their scores that is written, too, if any.
    """
    archive = Path("metrics", archive_of(experiments))
    groups = group({rev: flat(values) for rev, values in experiments.items()}, partial=partial)
    units = list(next(iter(groups.values())))
    of_folds = all(isinstance(unit, int) for unit in units)
    if keep and (partial or len(groups) > 1 or not of_folds):
        raise ValueError("--keep: wanted all folds of one way of training; name its experiments, without --partial")
    first = {way: experiments[next(iter(names.values()))] for way, names in groups.items()}
    ways = {
        way: Procedure(Kd(**first[way]["kd"]), [frozen(name, experiments[name]) for name in names.values()])
        for way, names in groups.items()
    }
    settings = Evaluate(**next(iter(first.values()))["evaluate"])
    path = path or archive / ("procedures.csv" if of_folds else "left_out.csv")
    if of_folds:
        tests = compare_procedures(ways, score_procedures(ways, settings), settings)
        tables = {path: described(tests, first)}
    else:
        metrics, tests = compare_left_out(ways, [str(unit) for unit in units], settings)
        tests_path = path.with_stem(f"{path.stem}_comparisons")
        tables = {path: described(metrics, first), tests_path: described(tests, first)}
    if keep:
        (way,) = ways
        numbers = [int(unit) for unit in units]
        tables[FOLDS / f"{keep}.csv"] = kept(ways[way], numbers, recipe_hash(first[way]))
    with writing(*tables) as written:
        for target, (of, table) in zip(written, tables.items(), strict=True):
            write_csv(target, table, digits=9 if of.parent == FOLDS else 6)
    return tests


def described(table: pd.DataFrame, first: Nested) -> pd.DataFrame:
    """Return a table with the size of the images and the teachers of its ways. first: the parameters of each."""
    sizes = {way: params["image"]["size"] for way, params in first.items()}
    teachers = {way: " ".join(params["kd"]["teachers"]) for way, params in first.items()}
    return table.assign(size=table["changed"].map(sizes), teachers=table["changed"].map(teachers))


def kept(way: Procedure, numbers: list[int], recipe: str) -> pd.DataFrame:
    """Return the scores of each fold's images by the students that never saw them, as metrics/folds has them.

    numbers: of the way's folds. The students are kd.repeated and the control, of the first seed.
    """
    tables = []
    for student in dict.fromkeys((way.kd.repeated, CONTROL)):
        for number, fold in zip(numbers, way.folds, strict=True):
            held = fold[fold["split"] == "holdout"].rename(columns={f"student_{student}": "p_melanoma"})
            held = held.assign(lesion_id=held.get(GROUP, held["lesion_id"]))  # which is drawn together
            tables.append(held.assign(fold=number, student=student, recipe=recipe)[KEPT])
    return pd.concat(tables, ignore_index=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiments", nargs="*", help="names, as dvc exp show lists them; by default of this commit")
    parser.add_argument("--partial", action="store_true", help="compare over the folds or sources that all ways have")
    parser.add_argument("--keep", default="", metavar="NAME", help="write metrics/folds/NAME.csv, for decision.from")
    parser.add_argument("--output", type=Path, help="another file; of sources, the tests' is beside it")


def main(options: argparse.Namespace) -> None:
    try:
        nested = {name: dvc.api.params_show(rev=name) for name in options.experiments or of_this_commit()}
        sources = {name: values for name, values in nested.items() if isinstance(unit_of(flat(values)), str)}
        folds = {name: values for name, values in nested.items() if name not in sources}  # or neither: refused
        if folds and sources and (options.output or options.keep):
            raise ValueError("--output and --keep: name the experiments of folds, or those of sources")
        for experiments in filter(None, (folds, sources)):
            table = compare(experiments, options.output, partial=options.partial, keep=options.keep)
            columns = [name for name in ("left_out", *COLUMNS, *PRINTED) if name in table]
            print(table[columns].round(4).to_string(index=False))
    except DvcException as error:
        raise ValueError(str(error)) from error
