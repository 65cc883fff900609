"""Ways of training, compared: differences over the folds of train and val.

One split compares two trained models; the folds compare what trained them, as each fold trains both anew, with several
seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.evaluation.scores import score
from stages.foundation.names import CONTROL
from stages.foundation.settings import Evaluate, Kd
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.intervals import Estimates, draw_sample, mean_over_seeds
from stages.statistics.ranking import thresholds_by, unit_weights

TURNS = {1: "", 4: "_turned"}  # quarter turns -> the ending of a model's name
COLUMNS = ["changed", "folds", "seeds", "turns", "model", "reference_changed", "reference"]  # the table's first


@dataclass(frozen=True)
class Procedure:
    """A way of training: its distillation, and each fold's predictions, in a table as predictions.csv is."""

    kd: Kd
    folds: list[pd.DataFrame]


Scores = dict[tuple[str, str, str], Estimates]  # (procedure's name, student, ending) -> its metrics over all folds


def compare_procedures(procedures: Mapping[str, Procedure], settings: Evaluate) -> pd.DataFrame:
    """Return the paired tests of each one's repeated student against its control, and against the first one's student.

    procedures: by name; the same folds of the same images. ValueError where one has other images, or one image is in
    the holdout of two folds. A metric is its mean over folds (LeDell et al. 2015) and, in each, over seeds; its
    replicates draw the lesions of each fold's holdout and the seeds, and hold the training images of each fold fixed.
    Thresholds are from each run's own val. A single pass and four turns. `changed` and `reference_changed` are the
    names of the two procedures, `reference_value` is the second's.
    """
    first, *others = procedures
    _check_images(procedures)
    scores = {
        (name, student, ending): _mean_over_folds(procedure, student, ending, settings)
        for name, procedure in procedures.items()
        for student in (procedure.kd.repeated, CONTROL)
        for ending in TURNS.values()
    }
    students = {name: (name, procedure.kd.repeated) for name, procedure in procedures.items()}
    pairs = [(student, (name, CONTROL)) for name, student in students.items()]
    pairs += [(students[name], students[first]) for name in others]
    tables = [_compared(procedures[pair[0][0]], scores, *pair, settings) for pair in pairs]
    return pd.concat(tables, ignore_index=True)


def _check_images(procedures: Mapping[str, Procedure]) -> None:
    """Raise ValueError for an image in the holdout of two folds, or a procedure whose folds hold other images."""
    held = {
        name: [list(table.loc[table["split"] == "holdout", "image_id"]) for table in procedure.folds]
        for name, procedure in procedures.items()
    }
    first = next(iter(procedures))
    images = pd.Series([image for fold in held[first] for image in fold])
    if images.duplicated().any():
        raise ValueError(f"{images[images.duplicated()].iloc[0]} is in the holdout of two folds")
    for name, folds in held.items():
        if folds != held[first]:
            raise ValueError(f"{name}: its folds hold other images than those of {first}")


def _compared(
    procedure: Procedure, scores: Scores, model: tuple[str, str], reference: tuple[str, str], settings: Evaluate
) -> pd.DataFrame:
    """Return the tests of a procedure's student against another (procedure's name, student), over both turns."""
    estimates = {
        role + ending: scores[*side, ending]
        for ending in TURNS.values()
        for role, side in {"model": model, "reference": reference}.items()
    }
    pairs = [Pair(str(turns), f"model{ending}", f"reference{ending}") for turns, ending in TURNS.items()]
    sample = draw_sample(procedure.folds[0], replicates=1, seed=settings.seed)  # no test of single models reads it
    table = comparison_table(pairs, lambda name, _: estimates[name], sample, p={}).rename(columns={"family": "turns"})
    keys = zip(table["reference"], table["at"], table["metric"], strict=True)
    table["reference_value"] = [float(estimates[name][at, metric][0]) for name, at, metric in keys]
    names = {"changed": model[0], "model": model[1], "reference_changed": reference[0], "reference": reference[1]}
    table = table.assign(**names, folds=len(procedure.folds), seeds=1 + len(procedure.kd.seeds))
    unused = ["compares", "primary", "low_given", "high_given", "p_obuchowski", "p_holm", "margin", "claim"]
    table = table.drop(columns=unused)  # Holm's is of a family, and here is a pair each
    return table[COLUMNS + [name for name in table.columns if name not in COLUMNS]]


def _mean_over_folds(procedure: Procedure, student: str, ending: str, settings: Evaluate) -> Estimates:
    """Return a student's metrics over all folds; equal seeds and folds have equal draws, so that they are paired."""
    names = [f"student_{student}{seed}{ending}" for seed in ("", *(f"_seed{seed}" for seed in procedure.kd.seeds))]
    folds = procedure.folds
    runs = [_fold(table, names, settings, number, len(folds)) for number, table in enumerate(folds)]
    return {key: np.mean([run[key] for run in runs], axis=0) for key in runs[0]}


def _fold(table: pd.DataFrame, names: list[str], settings: Evaluate, number: int, folds: int) -> Estimates:
    """Return the mean of some models' metrics on one fold's holdout; replicates and seeds differ from fold to fold."""
    val, holdout = (table[table["split"] == split] for split in ("val", "holdout"))
    sample = draw_sample(holdout, replicates=settings.replicates, seed=settings.seed + number)
    labels = val["melanoma"].to_numpy()
    runs = []
    for name in names:
        p, once = val[name].to_numpy(), unit_weights(labels)
        threshold = float(thresholds_by(settings, labels, p, once)[0])
        runs.append(score(sample, holdout[name].to_numpy(), threshold))
    return mean_over_seeds(runs, np.random.default_rng([settings.seed, number]), groups=folds)
