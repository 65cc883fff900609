"""Temperature (Guo et al. 2017) and Platt (1999) scaling of probabilities, fitted on val.

Both are logistic regressions of the label on the log odds of p, without and with an intercept.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from stages.deployment.decision import Calibration
from stages.foundation.probability import log_odds
from stages.statistics.intervals import Sample, interval
from stages.statistics.metrics import BIASED_UP, BINS, UNBOUNDED, calibration_metrics, equal_width

C = 1e4  # scikit-learn's inverse of the regularization: keeps the slope finite on a perfectly separated val
RAW = Calibration(1.0, 0.0)  # leaves p as it is


def fit_temperature(labels: np.ndarray, p: np.ndarray) -> Calibration:
    """Return temperature scaling; labels and p are (images,)."""
    return _fit(labels, p, intercept=False)


def fit_platt(labels: np.ndarray, p: np.ndarray) -> Calibration:
    """Return Platt scaling; labels and p are (images,)."""
    return _fit(labels, p, intercept=True)


def calibration_rows(sample: Sample, p: np.ndarray, calibrations: dict[str, Calibration]) -> pd.DataFrame:
    """Return the calibration metrics of p after each calibration (at), a row each: at, metric, value, low, high."""
    rows = [
        {
            "at": name,
            "metric": metric,
            **interval(values, bounded=metric not in UNBOUNDED, biased_up=metric in BIASED_UP),
        }
        for name, calibration in calibrations.items()
        for metric, values in calibration_metrics(sample.labels, calibration(p), sample.weights).items()
    ]
    return pd.DataFrame(rows)


def ece_if_calibrated(p: np.ndarray, lesions: np.ndarray, *, replicates: int, seed: int) -> np.ndarray:
    """Return the ECE that these probabilities would show if they were true, float (replicates,).

    Labels are drawn from p, (images,), of the images of a lesion by one draw: with few lesions ECE is above 0 however
    well a model is calibrated.
    """
    names, index = np.unique(lesions, return_inverse=True)
    drawn = np.random.default_rng(seed).random((replicates, len(names)))[:, index] < p
    member = equal_width(p)[:, None] == np.arange(BINS)
    return np.abs((drawn - p) @ member).sum(axis=1) / len(p)


def _fit(labels: np.ndarray, p: np.ndarray, *, intercept: bool) -> Calibration:
    model = LogisticRegression(C=C, fit_intercept=intercept).fit(log_odds(p)[:, None], labels)
    return Calibration(float(model.coef_[0, 0]), float(model.intercept_[0]) if intercept else 0.0)
