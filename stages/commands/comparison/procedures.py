"""Ways of training, compared: differences over the folds of train and val.

One split compares two trained models; the folds compare what trained them, as each fold trains both anew, with several
seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from stages.evaluation.evaluation import PRIMARY
from stages.evaluation.roles import ENSEMBLE
from stages.evaluation.scores import score
from stages.foundation.names import CONTROL
from stages.foundation.settings import RELEASED, Evaluate, Kd
from stages.foundation.splits import GROUP, SOURCE
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.decisions import fit_decision
from stages.statistics.intervals import Estimates, Sample, draw_sample, mean_over_seeds
from stages.statistics.metrics import redrawn_decision_metrics
from stages.statistics.ranking import thresholds_by
from stages.statistics.refits import refit

TURNS = {1: "", 4: "_turned"}  # quarter turns -> the ending of a model's name
# At the threshold that reaches evaluate.sensitivity among the holdout's own melanomas.
ITS_OWN = "sensitivity reached there"
COLUMNS = ["changed", "folds", "seeds", "turns", "model", "reference_changed", "reference"]  # the table's first


@dataclass(frozen=True)
class Procedure:
    """A way of training: its distillation, and each fold's predictions, in a table as predictions.csv is."""

    kd: Kd
    folds: list[pd.DataFrame]

    @property
    def teacher(self) -> str:
        """Return the name of what taught the students: the ensemble, or the only teacher."""
        return ENSEMBLE if len(self.kd.teachers) > 1 else self.kd.teachers[0]

    @property
    def others(self) -> list[str]:
        """Return the models that all tables hold beside students, the teacher first: some hold none."""
        named = [str(name) for name in self.folds[0] if all(name in table for table in self.folds)]
        others = [name for name in named if not name.startswith("student_") and name not in IMAGE]
        return sorted(others, key=lambda name: name != self.teacher)

    def columns(self, model: str, ending: str) -> list[str]:
        """Return the names of a model's trainings: those of all seeds of a student's key, else its own."""
        if model not in (self.kd.repeated, CONTROL):
            return [model]
        return [f"student_{model}{seed}{ending}" for seed in ("", *(f"_seed{seed}" for seed in self.kd.seeds))]


# The columns of a fold's table that are no model's.
IMAGE = ("image_id", "lesion_id", "melanoma", SOURCE, GROUP, "split")
Scores = dict[tuple[str, str, str], Estimates]  # (procedure's name, model, ending) -> its metrics over all folds


def score_procedures(procedures: Mapping[str, Procedure], settings: Evaluate) -> Scores:
    """Return the metrics of each one's repeated student and control, in one pass and four, and of its other models."""
    scores: Scores = {}
    for name, procedure in procedures.items():
        students = product(dict.fromkeys((procedure.kd.repeated, CONTROL)), TURNS.values())
        for key, ending in [*students, *((other, "") for other in procedure.others)]:
            scores[name, key, ending] = _mean_over_folds(procedure, procedure.columns(key, ending), settings)
    return scores


def compare_procedures(procedures: Mapping[str, Procedure], scores: Scores, settings: Evaluate) -> pd.DataFrame:
    """Return the paired tests of each one's repeated student against its control, and against the first one's student.

    Where the tables hold its teacher or the released student, against these, too, whose training no replicate varies.
    procedures: by name; the same folds of the same images; scores: theirs. ValueError where one has other images, or
    one image is in the holdout of two folds. A metric is its mean over folds (LeDell et al. 2015) and, in each, over
    seeds; its replicates draw the lesions of each fold's holdout and the seeds, and hold the training images of each
    fold fixed. Thresholds and scalings are from each run's own val, whose lesions replicates draw, too. A single pass
    and, of students, four turns. `changed` and `reference_changed` are the names of the two procedures,
    `reference_value` is the second's.
    """
    first, *others = procedures
    _check_images(procedures)
    pairs = []
    for name, procedure in procedures.items():
        student = procedure.kd.repeated
        beside = [CONTROL, procedure.teacher] if student != CONTROL else []
        references = [other for other in (*beside, RELEASED) if other in (CONTROL, *procedure.others)]
        pairs += [((name, student), (name, reference)) for reference in references]
    pairs += [((name, procedures[name].kd.repeated), (first, procedures[first].kd.repeated)) for name in others]
    if not pairs:
        raise ValueError(
            "nothing to compare: the student is the control; baselines.models: [released] is compared, too"
        )
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
    """Return the tests of a procedure's student against another (procedure's name, student), over one pass and four."""
    estimates = {
        role + ending: scores[*side, ending]
        for ending in TURNS.values()
        for role, side in {"model": model, "reference": reference}.items()
        if (*side, ending) in scores
    }
    asked = [(str(turns), ending) for turns, ending in TURNS.items() if f"reference{ending}" in estimates]
    pairs = [Pair(turns, f"model{ending}", f"reference{ending}") for turns, ending in asked]
    sample = draw_sample(procedure.folds[0], replicates=1, seed=settings.seed)  # no test of single models reads it
    primary = PRIMARY[settings.primary]
    table = comparison_table(pairs, lambda name, _: estimates[name], sample, p={}, primary=primary)
    table = table.rename(columns={"family": "turns"})
    keys = zip(table["reference"], table["at"], table["metric"], strict=True)
    table["reference_value"] = [float(estimates[name][at, metric][0]) for name, at, metric in keys]
    names = {"changed": model[0], "model": model[1], "reference_changed": reference[0], "reference": reference[1]}
    table = table.assign(**names, folds=len(procedure.folds), seeds=1 + len(procedure.kd.seeds))
    table = table.drop(columns=["compares", "primary", "p_obuchowski", "margin", "claim"])
    return table[COLUMNS + [name for name in table.columns if name not in COLUMNS]]


def _mean_over_folds(procedure: Procedure, names: list[str], settings: Evaluate) -> Estimates:
    """Return the mean metrics of a model's trainings over all folds; equal folds have equal draws."""
    folds = procedure.folds
    runs = [_fold(table, names, settings, number, len(folds)) for number, table in enumerate(folds)]
    return {key: np.mean([run[key] for run in runs], axis=0) for key in runs[0]}


def _fold(table: pd.DataFrame, names: list[str], settings: Evaluate, number: int, folds: int) -> Estimates:
    """Return the mean of some models' metrics on one fold's holdout; replicates and seeds differ from fold to fold."""
    val, holdout = (table[table["split"] == split] for split in ("val", "holdout"))
    sample = draw_sample(holdout, replicates=settings.replicates, seed=settings.seed + number)
    chosen_on = draw_sample(val, replicates=settings.replicates, seed=[settings.seed, number, 1])
    runs = []
    for name in names:
        decision = fit_decision(chosen_on.labels, val[name].to_numpy(), settings)
        refits = refit(chosen_on, val[name].to_numpy(), decision, settings)
        p = holdout[name].to_numpy()
        runs.append(score(sample, p, decision.threshold, refits) | _at_its_sensitivity(sample, p, settings))
    if len(runs) == 1:
        return runs[0]
    return mean_over_seeds(runs, np.random.default_rng([settings.seed, number, 2]), groups=folds)


def _at_its_sensitivity(sample: Sample, p: np.ndarray, settings: Evaluate) -> Estimates:
    """Return the specificity at the threshold that the images themselves would choose, which only they can know."""
    thresholds = thresholds_by(settings, sample.labels, p, sample.weights)
    metrics = redrawn_decision_metrics(sample.labels, p, sample.weights, thresholds=thresholds)
    return {(ITS_OWN, "specificity"): metrics["specificity"]}
