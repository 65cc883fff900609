"""The tables of an evaluation, one function each, of the holdout; what is fitted is fitted on val."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stages.evaluation.agreement import agreement_table, outcomes
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.roles import CONTROL_MODEL
from stages.evaluation.scores import HALF, OPERATING_POINT, stack, tidy
from stages.statistics.calibration import calibration_rows
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.decisions import referral_metrics
from stages.statistics.intervals import interval


def models(evaluation: Evaluation) -> pd.DataFrame:
    """Return every metric of every model on val and holdout, with its interval."""
    tables = {
        (name, split): tidy(sample, p[split], evaluation.thresholds[name], evaluation.estimates[split][name])
        for name, p in evaluation.p.items()
        for split, sample in evaluation.samples.items()
    }
    return stack(tables, "model", "split")


def comparisons(evaluation: Evaluation) -> pd.DataFrame:
    """Return the paired tests between models; students trained with several seeds are compared by their means too."""
    roles = evaluation.roles
    estimates = dict(evaluation.estimates["holdout"])
    means = list(roles.repeats)
    for name, group in roles.repeats.items():
        runs = [estimates[model.name] for model in group]
        estimates[name] = {at: np.mean([run[at] for run in runs], axis=0) for at in runs[0]}
    selected, best = roles.one("selected"), evaluation.best_of_grid.name
    pairs = [Pair("student against teacher", selected, name) for name in roles.names("distilling")]
    pairs += [Pair("distillation against control", selected, CONTROL_MODEL)]
    pairs += [Pair("distillation against control, all seeds", means[0], means[-1])]
    pairs += [Pair("int8 against fp32", roles.one("int8"), roles.one("fp32"))]
    pairs += [Pair("cell against the best on val", model.name, best) for model in roles.grid]
    pairs += [Pair("student against baseline", selected, name) for name in roles.baselines]
    pairs = [pair for pair in pairs if pair.model != pair.reference]
    return comparison_table(pairs, estimates, evaluation.samples["holdout"].labels, evaluation.holdout)


def confusion(evaluation: Evaluation) -> pd.DataFrame:
    """Return true and false positives and negatives, at 0.5 and at the operating point."""
    melanoma = evaluation.samples["holdout"].labels == 1

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        called = np.stack([p >= 0.5, p >= evaluation.thresholds[name]])
        return pd.DataFrame(
            {
                "at": [HALF, OPERATING_POINT],
                "true_positives": (melanoma & called).sum(axis=1),
                "false_negatives": (melanoma & ~called).sum(axis=1),
                "false_positives": (~melanoma & called).sum(axis=1),
                "true_negatives": (~melanoma & ~called).sum(axis=1),
            }
        )

    return evaluation.by_model(rows)


def calibration(evaluation: Evaluation) -> pd.DataFrame:
    """Return the calibration metrics before and after each scaling."""
    return evaluation.by_model(
        lambda name, p: calibration_rows(evaluation.samples["holdout"], p, evaluation.calibrations[name])
    )


def referral(evaluation: Evaluation) -> pd.DataFrame:
    """Return the referral bounds of the models shown in detail, and their coverage and shares."""
    sample = evaluation.samples["holdout"]
    trials = {
        "coverage_melanoma": sample.lesions_of(sample.labels == 1),
        "coverage_other": sample.lesions_of(sample.labels == 0),
    }

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        rule = evaluation.decisions[name].referral
        metrics = referral_metrics(sample.labels, rule.bands(p), sample.weights)
        return pd.DataFrame(
            [
                {**vars(rule), "metric": metric, **interval(values, trials=trials.get(metric, 0))}
                for metric, values in metrics.items()
            ]
        )

    return evaluation.by_model(rows, evaluation.roles.detailed)


def agreement(evaluation: Evaluation) -> pd.DataFrame:
    """Return how often each distilling teacher and the selected student are right at threshold 0.5."""
    labels = evaluation.samples["holdout"].labels
    student, teachers = evaluation.holdout[evaluation.roles.one("selected")], evaluation.roles.names("distilling")
    return evaluation.by_model(
        lambda _, p: agreement_table(labels, outcomes(labels, p, student, float(HALF))), teachers
    )


def wide(models: pd.DataFrame, names: list[str], metrics: list[tuple[str, str]]) -> pd.DataFrame:
    """Return one row per model with value, low and high of holdout metrics, (at, metric), side by side."""
    holdout = models[models["split"] == "holdout"].set_index(["model", "at", "metric"])
    rows = []
    for name in names:
        row: dict[str, object] = {"model": name}
        for at, metric in metrics:
            cells = holdout.xs((name, at, metric))
            row |= {metric: cells["value"], f"{metric}_low": cells["low"], f"{metric}_high": cells["high"]}
        rows.append(row)
    return pd.DataFrame(rows)


TABLES: dict[str, Callable[[Evaluation], pd.DataFrame]] = {  # file name -> the function that makes the table
    "models": models,
    "comparisons": comparisons,
    "calibration": calibration,
    "subgroups": lambda evaluation: evaluation.subgroups[0],
    "subgroup_gaps": lambda evaluation: evaluation.subgroups[1],
    "referral": referral,
    "agreement": agreement,
    "confusion": confusion,
}
