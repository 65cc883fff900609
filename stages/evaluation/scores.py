"""Every number of one model on one split, with its replicates, and the tidy table they are written to."""

import numpy as np
import pandas as pd

from stages.statistics.intervals import Estimates, Sample, interval
from stages.statistics.metrics import INFLATED, LINE, calibration_metrics, decision_metrics, ranking_metrics

HALF, OPERATING_POINT, ALL = "0.5", "operating point", "all"  # where a decision is made; all: at no threshold


def score(sample: Sample, p: np.ndarray, threshold: float) -> Estimates:
    """Return ranking and calibration metrics, and decision metrics at 0.5 and at the operating point's threshold."""
    arguments = (sample.labels, p)
    whole = ranking_metrics(*arguments, sample.weights) | calibration_metrics(*arguments, sample.weights)
    found = {(ALL, name): values for name, values in whole.items()}
    for at, cut in ((HALF, 0.5), (OPERATING_POINT, threshold)):
        decided = decision_metrics(*arguments, cut, sample.weights)
        found |= {(at, name): values for name, values in decided.items()}
    return found


def tidy(sample: Sample, p: np.ndarray, threshold: float, estimates: Estimates) -> pd.DataFrame:
    """Return one row per number: at, threshold ("-" where none is used), metric, value, low, high."""
    cuts = {HALF: 0.5, OPERATING_POINT: threshold}
    rows = []
    for (at, metric), values in estimates.items():
        trials = _trials(sample, p >= cuts[at]).get(metric, 0) if at in cuts else 0
        cut = f"{cuts[at]:.9g}" if at in cuts else "-"
        found = interval(values, bounded=metric not in LINE, inflated=metric in INFLATED, trials=trials)
        rows.append({"at": at, "threshold": cut, "metric": metric, **found})
    return pd.DataFrame(rows)


def _trials(sample: Sample, called: np.ndarray) -> dict[str, int]:
    """Return how many lesions stand behind each share."""
    behind = {
        "sensitivity": sample.labels == 1,
        "specificity": sample.labels == 0,
        "ppv": called,
        "npv": ~called,
    }
    return {name: sample.lesions_of(chosen) for name, chosen in behind.items()}
