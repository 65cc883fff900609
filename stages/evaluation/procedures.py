"""Distilling against training alone, as ways of training: differences over the folds of train and val.

One split compares two trained models; the folds compare what trained them, as each fold trains both anew, with several
seeds.
"""

import numpy as np
import pandas as pd

from stages.evaluation.scores import score
from stages.foundation.names import CONTROL
from stages.foundation.settings import Evaluate, Kd
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.intervals import Estimates, draw_sample, mean_over_seeds
from stages.statistics.metrics import threshold_at_sensitivity

TURNS = {1: "", 4: "_turned"}  # quarter turns -> the ending of a model's name


def compare_procedures(folds: list[pd.DataFrame], kd: Kd, settings: Evaluate) -> pd.DataFrame:
    """Return the paired tests of the repeated student against the control, single pass and over four turns.

    folds: each fold's predictions, in a table as predictions.csv is; ValueError where an image is in the holdout of
    two. A metric is its mean over folds (LeDell et al. 2015) and, in each, over seeds; its replicates draw the lesions
    of each fold's holdout and the seeds, and hold the training images of each fold fixed. Thresholds are from each
    run's own val. `reference_value`: the control's.
    """
    images = pd.concat([table.loc[table["split"] == "holdout", "image_id"] for table in folds])
    if images.duplicated().any():
        raise ValueError(f"{images[images.duplicated()].iloc[0]} is in the holdout of two folds")
    estimates = {}
    for student in (kd.repeated, CONTROL):
        for ending in TURNS.values():
            names = [f"student_{key}{ending}" for key in (student, *(f"{student}_seed{seed}" for seed in kd.seeds))]
            runs = [_fold(table, names, settings, number) for number, table in enumerate(folds)]
            estimates[student + ending] = {key: np.mean([run[key] for run in runs], axis=0) for key in runs[0]}
    pairs = [Pair(str(turns), kd.repeated + ending, CONTROL + ending) for turns, ending in TURNS.items()]
    sample = draw_sample(folds[0], replicates=1, seed=settings.seed)  # no test of single models reads it
    table = comparison_table(pairs, estimates, sample, p={}).rename(columns={"family": "turns"})
    keys = zip(table["reference"], table["at"], table["metric"], strict=True)
    table["reference_value"] = [float(estimates[name][at, metric][0]) for name, at, metric in keys]
    table["model"], table["reference"] = kd.repeated, CONTROL
    table.insert(0, "seeds", 1 + len(kd.seeds))
    table.insert(0, "folds", len(folds))
    return table.drop(columns=["compares", "p_obuchowski", "p_holm", "margin", "claim"])  # Holm's: a pair each


def _fold(table: pd.DataFrame, names: list[str], settings: Evaluate, number: int) -> Estimates:
    """Return the mean of some models' metrics on one fold's holdout; replicates and seeds differ from fold to fold."""
    val, holdout = (table[table["split"] == split] for split in ("val", "holdout"))
    sample = draw_sample(holdout, replicates=settings.replicates, seed=settings.seed + number)
    labels = val["melanoma"].to_numpy()
    runs = []
    for name in names:
        threshold = threshold_at_sensitivity(labels, val[name].to_numpy(), settings.sensitivity)
        runs.append(score(sample, holdout[name].to_numpy(), threshold))
    return mean_over_seeds(runs, np.random.default_rng([settings.seed, number]))
