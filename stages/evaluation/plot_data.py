"""The data of every figure, one tidy table each, of the holdout but for the overview of the data."""

import numpy as np
import pandas as pd

from stages.evaluation import curves
from stages.evaluation.agreement import examples
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.scores import HALF
from stages.evaluation.subgroups import characteristics
from stages.statistics import decisions

EXAMPLES = 8  # images of a kind


def plot_data(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """Return the data of every figure that is made of labels and probabilities, by name."""
    sample, detailed = evaluation.samples["holdout"], evaluation.roles.detailed
    labels, weights = sample.labels, sample.weights
    return {
        "roc": curves.curves(curves.roc, labels, evaluation.holdout),
        "pr": curves.curves(curves.precision_recall, labels, evaluation.holdout),
        "thresholds": curves.curves(curves.thresholds, labels, evaluation.holdout),
        "confidence": curves.curves(curves.confidence, labels, evaluation.holdout),
        "reliability": evaluation.by_model(lambda name, p: _reliability(evaluation, name, p)),
        "roc_band": evaluation.by_model(lambda _, p: curves.roc_band(labels, p, weights), detailed),
        "pr_band": evaluation.by_model(lambda _, p: curves.pr_band(labels, p, weights), detailed),
        "decision_curve": _decision_curve(evaluation),
        "risk_coverage": evaluation.by_model(lambda name, p: _risk_coverage(evaluation, name, p), detailed),
        "examples": _examples(evaluation),
    }


def overview(splits: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return how many images of each split have which diagnosis, age band, sex, site and confirmation."""
    rows = []
    for split, table in splits.items():
        columns = {"diagnosis": table["dx"], **characteristics(table), "confirmed by": table["dx_type"]}
        for name, values in columns.items():
            for level, images in values.value_counts().sort_index().items():
                rows.append({"column": name, "level": level, "split": split, "images": images})
    return pd.DataFrame(rows)


def _reliability(evaluation: Evaluation, name: str, p: np.ndarray) -> pd.DataFrame:
    labels, fitted = evaluation.samples["holdout"].labels, evaluation.calibrations[name]
    parts = [curves.reliability_bins(labels, scale(p)).assign(calibration=kind) for kind, scale in fitted.items()]
    return pd.concat(parts)


def _risk_coverage(evaluation: Evaluation, name: str, p: np.ndarray) -> pd.DataFrame:
    sample, calibrated = evaluation.samples["holdout"], evaluation.calibrations[name]["platt"](p)
    found = decisions.risk_coverage(sample.labels, calibrated, sample.weights)
    return curves.banded("share", decisions.SHARES, found)


def _decision_curve(evaluation: Evaluation) -> pd.DataFrame:
    sample = evaluation.samples["holdout"]
    found = {
        name: decisions.net_benefit(
            sample.labels, evaluation.calibrations[name]["platt"](evaluation.p[name]["holdout"]), sample.weights
        )
        for name in evaluation.roles.detailed
    }
    found["treat all"] = decisions.net_benefit(sample.labels, np.ones(len(sample.labels)), sample.weights)
    found["treat none"] = np.zeros_like(found["treat all"])
    x = decisions.THRESHOLD_PROBABILITIES
    parts = [curves.banded("threshold", x, values).assign(model=name) for name, values in found.items()]
    table = pd.concat(parts, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]


def _examples(evaluation: Evaluation) -> pd.DataFrame:
    """Return images for the galleries, first distilling teacher against selected student, both at 0.5."""
    teacher, student = (evaluation.holdout[name] for name in (evaluation.roles.teachers[0], evaluation.roles.selected))
    return examples(evaluation.tables["holdout"], teacher, student, float(HALF), EXAMPLES)
