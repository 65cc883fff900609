"""The data of every figure, one tidy table each; all but the overview of the splits are of the holdout."""

import numpy as np
import pandas as pd

from stages.evaluation import curves
from stages.evaluation.agreement import examples
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.scores import HALF, stack
from stages.evaluation.subgroups import characteristics
from stages.statistics import decisions
from stages.statistics.calibration import RAW

EXAMPLES = 8  # images of each kind


def plot_data(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """Return figure -> table, for every figure that is made of labels and probabilities."""
    labels = evaluation.samples["holdout"].labels
    return {
        "roc": evaluation.by_model(lambda _, p: curves.roc(labels, p)),
        "pr": evaluation.by_model(lambda _, p: curves.precision_recall(labels, p)),
        "thresholds": evaluation.by_model(lambda _, p: curves.thresholds(labels, p)),
        "confidence": evaluation.by_model(lambda _, p: curves.confidence(labels, p)),
        "reliability": evaluation.by_model(lambda name, p: _reliability(evaluation, name, p)),
        "bands": _bands(evaluation),
        "examples": _examples(evaluation),
    }


def overview(splits: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return counts of images by split and diagnosis, age band, sex, site or confirmation: a row each."""
    rows = []
    for split, table in splits.items():
        columns = {"diagnosis": table["dx"], **characteristics(table), "confirmed by": table["dx_type"]}
        for name, values in columns.items():
            for level, images in values.value_counts().sort_index().items():
                rows.append({"column": name, "level": level, "split": split, "images": images})
    return pd.DataFrame(rows)


def _reliability(evaluation: Evaluation, name: str, p: np.ndarray) -> pd.DataFrame:
    labels, scalings = evaluation.samples["holdout"].labels, {"none": RAW} | evaluation.scalings[name]
    return pd.concat(
        curves.reliability_bins(labels, scale(p)).assign(calibration=kind) for kind, scale in scalings.items()
    )


def _bands(evaluation: Evaluation) -> pd.DataFrame:
    """Return the curves with 95 % bands: curve, model (of those shown in detail), x, value, low, high."""
    sample, detailed = evaluation.samples["holdout"], evaluation.roles.detailed
    labels, weights = sample.labels, sample.weights
    bands = {
        "roc": evaluation.by_model(lambda _, p: curves.roc_band(labels, p, weights), detailed),
        "precision_recall": evaluation.by_model(lambda _, p: curves.pr_band(labels, p, weights), detailed),
        "calibration": evaluation.by_model(lambda name, p: _calibration_curve(evaluation, name, p), detailed),
        "net_benefit": _decision_curve(evaluation),
        "risk_coverage": evaluation.by_model(lambda name, p: _risk_coverage(evaluation, name, p), detailed),
    }
    return stack(bands, "curve")


def _calibration_curve(evaluation: Evaluation, name: str, p: np.ndarray) -> pd.DataFrame:
    sample, calibrated = evaluation.samples["holdout"], evaluation.decisions[name].calibration(p)
    return curves.calibration_curve(sample.labels, calibrated, sample.weights)


def _risk_coverage(evaluation: Evaluation, name: str, p: np.ndarray) -> pd.DataFrame:
    sample, calibrated = evaluation.samples["holdout"], evaluation.decisions[name].calibration(p)
    return curves.banded(decisions.SHARES, decisions.risk_coverage(sample.labels, calibrated, sample.weights))


def _decision_curve(evaluation: Evaluation) -> pd.DataFrame:
    """Return net benefit by threshold probability, of the detailed models and of treating all or nobody."""
    sample, holdout = evaluation.samples["holdout"], evaluation.holdout
    p = {name: evaluation.decisions[name].calibration(holdout[name]) for name in evaluation.roles.detailed}
    p["treat all"] = np.ones(len(sample.labels))
    estimates = {name: decisions.net_benefit(sample.labels, values, sample.weights) for name, values in p.items()}
    estimates["treat none"] = np.zeros_like(estimates["treat all"])
    x = decisions.THRESHOLD_PROBABILITIES
    return stack({name: curves.banded(x, values) for name, values in estimates.items()}, "model")


def _examples(evaluation: Evaluation) -> pd.DataFrame:
    """Return images for the galleries: the teacher and the selected student, both at threshold 0.5."""
    teacher, student = evaluation.roles.teacher, evaluation.roles.one("selected")
    p = evaluation.holdout
    return examples(evaluation.tables["holdout"], p[teacher], p[student], float(HALF), EXAMPLES)
