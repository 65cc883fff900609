"""The tables of an evaluation, one function each: choices come from val, everything else from the holdout."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stages.evaluation.agreement import agreement_table, outcomes
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.scores import HALF, OPERATING_POINT, tidy
from stages.statistics import decisions
from stages.statistics.calibration import calibration_rows
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.intervals import interval


def models(evaluation: Evaluation) -> pd.DataFrame:
    """Return every number of every model on both splits, with its interval."""
    parts = [
        tidy(
            evaluation.samples[split], p[split], evaluation.thresholds[name], evaluation.estimates[split][name]
        ).assign(model=name, split=split)
        for name, p in evaluation.p.items()
        for split in evaluation.samples
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["model", "split", *table.columns.drop(["model", "split"])]]


def comparisons(evaluation: Evaluation) -> pd.DataFrame:
    """Return the paired tests: student, control, int8 and grid; several seeds are compared by their means."""
    roles = evaluation.roles
    estimates = dict(evaluation.estimates["holdout"])
    means = list(roles.repeats)
    for name, group in roles.repeats.items():
        runs = [estimates[model.name] for model in group]
        estimates[name] = {at: np.mean([run[at] for run in runs], axis=0) for at in runs[0]}
    pairs = [Pair("student against teacher", roles.selected, name) for name in roles.teachers]
    pairs += [Pair("distillation against control", roles.selected, roles.control)]
    pairs += [Pair("distillation against control, all seeds", means[0], means[-1])]
    pairs += [Pair("int8 against fp32", roles.int8, roles.fp32)]
    pairs += [Pair("cell against the best on val", name, evaluation.best_cell) for name in roles.grid]
    pairs += [Pair("student against baseline", roles.selected, name) for name in roles.baselines]
    pairs = [pair for pair in pairs if pair.model != pair.reference]
    return comparison_table(pairs, estimates, evaluation.samples["holdout"].labels, evaluation.holdout)


def confusion(evaluation: Evaluation) -> pd.DataFrame:
    """Return the counts of right and wrong decisions on the holdout, at 0.5 and at the operating point."""
    melanoma = evaluation.samples["holdout"].labels == 1

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        cuts = {HALF: 0.5, OPERATING_POINT: evaluation.thresholds[name]}
        return pd.DataFrame([{"at": at, **_confusion(melanoma, p >= cut)} for at, cut in cuts.items()])

    return evaluation.by_model(rows)


def calibration(evaluation: Evaluation) -> pd.DataFrame:
    """Return calibration on the holdout before and after each scaling fitted on val."""
    return evaluation.by_model(
        lambda name, p: calibration_rows(evaluation.samples["holdout"], p, evaluation.calibrations[name])
    )


def subgroups(evaluation: Evaluation) -> pd.DataFrame:
    """Return the detailed models' numbers by group."""
    return evaluation.by_group[0]


def subgroup_gaps(evaluation: Evaluation) -> pd.DataFrame:
    """Return the gaps between the largest and the smallest level of a grouping."""
    return evaluation.by_group[1]


def referral(evaluation: Evaluation) -> pd.DataFrame:
    """Return the bounds from val and what they reach on the holdout, of the models shown in detail."""
    sample = evaluation.samples["holdout"]
    trials = {
        "coverage_melanoma": sample.lesions_of(sample.labels == 1),
        "coverage_other": sample.lesions_of(sample.labels == 0),
    }

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        rule = evaluation.decisions[name].referral
        found = decisions.referral_metrics(sample.labels, rule.bands(p), sample.weights)
        return pd.DataFrame(
            [
                {**vars(rule), "metric": metric, **interval(values, trials=trials.get(metric, 0))}
                for metric, values in found.items()
            ]
        )

    return evaluation.by_model(rows, evaluation.roles.detailed)


def agreement(evaluation: Evaluation) -> pd.DataFrame:
    """Return how often teacher and student are right at 0.5, for each distilling teacher."""
    labels = evaluation.samples["holdout"].labels
    student = evaluation.p[evaluation.roles.selected]["holdout"]
    return evaluation.by_model(
        lambda _, p: agreement_table(labels, outcomes(labels, p, student, float(HALF))), evaluation.roles.teachers
    )


def wide(models: pd.DataFrame, names: list[str], metrics: list[tuple[str, str]]) -> pd.DataFrame:
    """Return one row per model with value, low and high of these holdout metrics side by side."""
    holdout = models[models["split"] == "holdout"].set_index(["model", "at", "metric"])
    rows = []
    for name in names:
        row: dict[str, object] = {"model": name}
        for at, metric in metrics:
            found = holdout.xs((name, at, metric))
            row |= {metric: found["value"], f"{metric}_low": found["low"], f"{metric}_high": found["high"]}
        rows.append(row)
    return pd.DataFrame(rows)


def _confusion(melanoma: np.ndarray, called: np.ndarray) -> dict[str, int]:
    return {
        "true_positives": int((melanoma & called).sum()),
        "false_negatives": int((melanoma & ~called).sum()),
        "false_positives": int((~melanoma & called).sum()),
        "true_negatives": int((~melanoma & ~called).sum()),
    }


Table = Callable[[Evaluation], pd.DataFrame]
TABLES: dict[str, Table] = {
    "models": models,
    "comparisons": comparisons,
    "calibration": calibration,
    "subgroups": subgroups,
    "subgroup_gaps": subgroup_gaps,
    "referral": referral,
    "agreement": agreement,
    "confusion": confusion,
}
