"""Compare distilling with training alone over the folds of train and val, from finished experiments.

    dvc exp run --queue -S splits.fold=range(0,5)
    dvc queue start
    melanoma-kd compare_procedures                 (or the names of some experiments)

Each experiment trains on all folds but one and is scored on that one; the study's holdout is opened by none. Reads,
through dvc.api, params.yaml and metrics/<name>/evaluation/predictions.csv of the experiments of this commit, by default
of all that set splits.fold. Experiments that differ in more than the fold are ways of training of their own, each with
a row per metric; each needs every fold once. Writes metrics/<name>/procedures.csv.
"""

import argparse
import io
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.api
import pandas as pd
from dvc.exceptions import DvcException

from stages.dataset.predictions import IDS
from stages.evaluation.procedures import compare_procedures
from stages.evaluation.scores import stack
from stages.foundation.files import write_csv, writing
from stages.foundation.params import read_params
from stages.foundation.settings import Data, Evaluate, Kd

FOLD, FOLDS = "splits.fold", "splits.folds"


@dataclass(frozen=True)
class Params:
    data: Data
    evaluate: Evaluate


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted keys."""
    values: dict[str, Any] = {}
    for key, value in content.items():
        values |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return values


def of_this_commit(name: str) -> list[str]:
    """Return the names of this commit's experiments on data `name` whose holdout is a fold."""
    rows = dvc.api.exp_show()
    names = [row["Experiment"] for row in rows if row["Experiment"] and _runs_on(row, name)]
    if not names:
        raise ValueError(f"no experiment of this commit sets {FOLD}: dvc exp run --queue -S '{FOLD}=range(0,5)'")
    return names


def _runs_on(row: dict[str, Any], name: str) -> bool:
    fold = row.get(FOLD)
    return row.get("data.name") == name and isinstance(fold, int | float) and not math.isnan(fold)


def group(params: dict[str, dict[str, Any]]) -> dict[str, dict[int, str]]:
    """Return way of training -> fold -> experiment, from experiments' flat parameters.

    A way is named by the parameters in which it differs from the others, "-" if there is one. ValueError when a fold is
    missing or comes twice.
    """
    ways: dict[str, dict[int, str]] = {}
    others = {
        name: {key: str(value) for key, value in values.items() if key != FOLD} for name, values in params.items()
    }
    keys = sorted({key for values in others.values() for key in values})
    differing = [key for key in keys if len({values.get(key) for values in others.values()}) > 1]
    for name, values in others.items():
        way = " ".join(f"{key}={values.get(key)}" for key in differing) or "-"
        folds = ways.setdefault(way, {})
        fold = params[name][FOLD]
        if fold in folds:
            raise ValueError(f"{name}: fold {fold} of {way} is {folds[fold]}'s already; name the experiments you want")
        folds[fold] = name
    for way, folds in ways.items():
        missing = set(range(params[next(iter(folds.values()))][FOLDS])) - set(folds)
        if missing:
            raise ValueError(f"{way}: no experiment of the folds {sorted(missing)}, found {sorted(folds)}")
    return ways


def compare(experiments: list[str]) -> pd.DataFrame:
    """Write the table of these experiments, by default of this commit's, and return it."""
    params = read_params(Params)
    name = params.data.name
    nested = {rev: dvc.api.params_show(rev=rev) for rev in experiments or of_this_commit(name)}
    tables = {}
    for way, folds in group({rev: flat(values) for rev, values in nested.items()}).items():
        path = Path("metrics", name, "evaluation/predictions.csv").as_posix()
        texts = [dvc.api.read(path, rev=folds[fold]) for fold in sorted(folds)]
        frozen = [pd.read_csv(io.StringIO(text), dtype=IDS, keep_default_na=False) for text in texts]
        kd = Kd(**nested[folds[0]]["kd"])
        tables[way] = compare_procedures(frozen, kd, params.evaluate)
    table = stack(tables, "changed")
    with writing(Path("metrics", name, "procedures.csv")) as (partial,):
        write_csv(partial, table, digits=6)
    return table


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="melanoma-kd compare_procedures")
    parser.add_argument("experiments", nargs="*", help="names, as dvc exp show lists them; by default of this commit")
    try:
        table = compare(parser.parse_args(arguments).experiments)
    except (ValueError, OSError, DvcException) as error:
        sys.exit(f"compare_procedures: {error}")
    columns = ["changed", "turns", "at", "metric", "difference", "low", "high", "p_holm", "verdict"]
    print(table[columns].round(4).to_string(index=False))


if __name__ == "__main__":
    main()
