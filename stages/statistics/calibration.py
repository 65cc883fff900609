"""Calibration fitted on val and applied elsewhere: temperature (Guo et al. 2017) and Platt (1999) scaling.

Both are logistic regressions of the label on the log odds of p, without and with an intercept; scikit-learn's.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from stages.deployment.decision import Calibration
from stages.foundation.probability import log_odds
from stages.statistics.intervals import Sample, interval
from stages.statistics.metrics import INFLATED, LINE, calibration_metrics

WEAK = 1e4  # inverse of the regulariser: keeps a perfectly separated val finite, moves nothing else


RAW = Calibration(1.0, 0.0)


def fit_temperature(labels: np.ndarray, p: np.ndarray) -> Calibration:
    """Return the scaling that divides the log odds by a temperature."""
    return _fit(labels, p, intercept=False)


def fit_platt(labels: np.ndarray, p: np.ndarray) -> Calibration:
    """Return Platt's scaling."""
    return _fit(labels, p, intercept=True)


def calibration_rows(sample: Sample, p: np.ndarray, fitted: dict[str, Calibration]) -> pd.DataFrame:
    """Return one row per calibration and metric on a sample: slope and intercept applied, value, low, high."""
    rows = [
        {
            "calibration": name,
            **vars(calibration),
            "metric": metric,
            **interval(values, bounded=metric not in LINE, inflated=metric in INFLATED),
        }
        for name, calibration in fitted.items()
        for metric, values in calibration_metrics(sample.labels, calibration(p), sample.weights).items()
    ]
    return pd.DataFrame(rows)


def _fit(labels: np.ndarray, p: np.ndarray, *, intercept: bool) -> Calibration:
    model = LogisticRegression(C=WEAK, fit_intercept=intercept).fit(log_odds(p)[:, None], labels)
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]) if intercept else 0.0)
