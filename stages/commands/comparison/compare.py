"""Compare ways of training, and distilling with training alone, over the folds of train and val, from experiments.

    dvc exp run --queue -S splits.fold=range(0,5) distill@T1_alpha0 distill@T1_alpha0.5 repeat_student
    dvc queue start
    melanoma-kd compare                 (or the names of some experiments)

Each experiment trains on all folds but one and is scored on that one; the study's holdout is opened by none. The stages
named are all it needs: the control, kd.repeated, and their seeds. Reads, through dvc.api, params.yaml,
data/processed/<name>/val.csv and holdout.csv, which holds the fold, and models/<name>/predictions of the experiments of
this commit, by default of all that set splits.fold. Experiments that differ in more than the fold are ways of training
of their own: each is compared with its control, and the student of each with that of the first. Each needs every fold
once; --partial takes the folds that all have so far. p values are not corrected for the number of ways. Writes
metrics/<name>/procedures.csv, <name> being the experiments' archive; its columns size (pixels) and teachers say what
was trained. With --keep NAME also metrics/folds/NAME.csv, what students say of images that they never saw, by which
`decision.from: NAME` chooses exported files' thresholds.
"""

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import dvc.api
import pandas as pd
from dvc.exceptions import DvcException

from stages.commands.comparison.procedures import COLUMNS, Procedure, compare_procedures
from stages.evaluation.roles import roles_of
from stages.foundation.files import write_csv, writing
from stages.foundation.names import CONTROL, FOLDS
from stages.foundation.predictions import read_predictions
from stages.foundation.record import recipe_hash
from stages.foundation.settings import Baselines, Evaluate, Kd
from stages.foundation.splits import read_split
from stages.statistics.folds import COLUMNS as KEPT

FOLD, OF_FOLDS = "splits.fold", "splits.folds"


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted keys."""
    values: dict[str, Any] = {}
    for key, value in content.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


def of_this_commit() -> list[str]:
    """Return the names of this commit's experiments whose holdout is a fold."""
    names = [row["Experiment"] for row in dvc.api.exp_show() if row["Experiment"] and _is_number(row.get(FOLD))]
    if not names:
        raise ValueError(f"no experiment of this commit sets {FOLD}: dvc exp run --queue -S '{FOLD}=range(0,5)'")
    return names


def _is_number(fold: object) -> bool:
    return isinstance(fold, int | float) and not math.isnan(fold)


def archive_of(nested: dict[str, dict[str, Any]]) -> str:
    """Return the archive of experiments; ValueError where they have several."""
    names = {str(values["data"]["name"]) for values in nested.values()}
    if len(names) > 1:
        raise ValueError(f"experiments on {', '.join(sorted(names))}: name those of one archive")
    return names.pop()


def group(params: dict[str, dict[str, Any]], *, partial: bool = False) -> dict[str, dict[int, str]]:
    """Return way of training -> fold -> experiment, from experiments' flat parameters.

    A way is named by the parameters in which it differs from the others, "-" if there is one. partial: return the folds
    that every way has, instead of all. ValueError when a fold is missing or comes twice.
    """
    ways: dict[str, dict[int, str]] = {}
    others = {
        name: {key: str(value) for key, value in values.items() if key != FOLD} for name, values in params.items()
    }
    keys = sorted({key for values in others.values() for key in values})
    differing = [key for key in keys if len({values.get(key) for values in others.values()}) > 1]
    for name, values in others.items():
        if not _is_number(params[name][FOLD]):
            raise ValueError(f"{name}: its holdout is no fold, {FOLD} is {params[name][FOLD]}")
        way = " ".join(f"{key}={values.get(key)}" for key in differing) or "-"
        folds = ways.setdefault(way, {})
        fold = params[name][FOLD]
        if fold in folds:
            raise ValueError(f"{name}: fold {fold} of {way} is {folds[fold]}'s already; name the experiments you want")
        folds[fold] = name
    common = set.intersection(*(set(folds) for folds in ways.values()))
    wanted = common if partial and common else set(range(next(iter(params.values()))[OF_FOLDS]))
    for way, folds in ways.items():
        if missing := wanted - set(folds):
            raise ValueError(f"{way}: no experiment of the folds {sorted(missing)}, found {sorted(folds)}")
    return {way: {fold: folds[fold] for fold in sorted(wanted)} for way, folds in ways.items()}


def frozen(experiment: str, params: dict[str, Any]) -> pd.DataFrame:
    """Return an experiment's val and fold, a row an image, with the probabilities of the students to compare.

    params: the experiment's, nested.
    """
    name = params["data"]["name"]
    roles = roles_of(params["teachers"], Kd(**params["kd"]), Baselines(**params["baselines"]))
    students = [student for group in (roles.repeats | roles.turned_repeats).values() for student in group]
    files, tables = dvc.api.DVCFileSystem(rev=experiment), []
    with tempfile.TemporaryDirectory() as folder:

        def fetched(path: Path) -> Path:
            local = Path(folder, path)
            local.parent.mkdir(parents=True, exist_ok=True)
            files.get_file(path.as_posix(), str(local))
            return local

        for split in ("val", "holdout"):
            table = read_split(fetched(Path("data/processed", name, f"{split}.csv")))
            tables.append(table[["image_id", "lesion_id", "melanoma"]].assign(split=split))
        table = pd.concat(tables, ignore_index=True)
        for model in students:
            path = fetched(Path("models", name, "predictions", model.predictions))
            table[model.name] = read_predictions(path, list(table["image_id"]))
    return table


def compare(experiments: list[str], path: Path | None = None, *, partial: bool = False, keep: str = "") -> pd.DataFrame:
    """Write the table of these experiments, by default of this commit's, and return it. path: another file for it.

    keep: the name of the table of their scores that is written, too, if any.
    """
    nested = {rev: dvc.api.params_show(rev=rev) for rev in experiments or of_this_commit()}
    path = path or Path("metrics", archive_of(nested), "procedures.csv")
    groups = group({rev: flat(values) for rev, values in nested.items()}, partial=partial)
    if keep and (partial or len(groups) > 1):
        raise ValueError("--keep: wanted all folds of one way of training; name its experiments, without --partial")
    first = {way: nested[next(iter(folds.values()))] for way, folds in groups.items()}
    ways = {
        way: Procedure(Kd(**first[way]["kd"]), [frozen(revision, nested[revision]) for revision in folds.values()])
        for way, folds in groups.items()
    }
    table = compare_procedures(ways, Evaluate(**next(iter(first.values()))["evaluate"]))
    table["size"] = table["changed"].map({way: params["image"]["size"] for way, params in first.items()})
    table["teachers"] = table["changed"].map({way: " ".join(params["kd"]["teachers"]) for way, params in first.items()})
    with writing(path) as (written,):
        write_csv(written, table, digits=6)
    if keep:
        (way,) = ways
        with writing(FOLDS / f"{keep}.csv") as (written,):
            write_csv(written, kept(ways[way], list(groups[way]), recipe_hash(first[way])))
    return table


def kept(way: Procedure, numbers: list[int], recipe: str) -> pd.DataFrame:
    """Return the scores of each fold's images by the students that never saw them, as metrics/folds has them.

    numbers: of the way's folds. The students are kd.repeated and the control, of the first seed.
    """
    tables = []
    for student in (way.kd.repeated, CONTROL):
        for number, fold in zip(numbers, way.folds, strict=True):
            held = fold[fold["split"] == "holdout"].rename(columns={f"student_{student}": "p_melanoma"})
            tables.append(held.assign(fold=number, student=student, recipe=recipe)[KEPT])
    return pd.concat(tables, ignore_index=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiments", nargs="*", help="names, as dvc exp show lists them; by default of this commit")
    parser.add_argument("--partial", action="store_true", help="compare over the folds that are finished so far")
    parser.add_argument("--keep", default="", metavar="NAME", help="write metrics/folds/NAME.csv, for decision.from")
    parser.add_argument("--output", type=Path, help="the file to write, by default metrics/<name>/procedures.csv")


def main(options: argparse.Namespace) -> None:
    try:
        table = compare(options.experiments, options.output, partial=options.partial, keep=options.keep)
    except DvcException as error:
        raise ValueError(str(error)) from error
    columns = [*COLUMNS, "at", "metric", "difference", "low", "high", "p", "verdict"]
    print(table[columns].round(4).to_string(index=False))
