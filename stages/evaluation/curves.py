"""Plot data of several models as tidy tables: the first column names the model, the rest are what is drawn."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from stages.statistics.metrics import BINS, cumulated, decision_metrics, equal_width, first, plain, reliability

THRESHOLDS = np.linspace(0, 1, 101)
GRID = np.linspace(0, 1, 51)
BAND = (0.025, 0.975)

Curve = Callable[[np.ndarray, np.ndarray], pd.DataFrame]  # (labels, p) -> one model's rows


def curves(curve: Curve, labels: np.ndarray, p: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return one curve per model, below each other."""
    tables = [curve(labels, values).assign(model=name) for name, values in p.items()]
    table = pd.concat(tables, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]


def roc(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the ROC curve's corners."""
    false_positive_rate, sensitivity, _ = roc_curve(labels, p)
    return pd.DataFrame({"false_positive_rate": false_positive_rate, "sensitivity": sensitivity})


def precision_recall(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the precision-recall curve's corners."""
    precision, recall, _ = precision_recall_curve(labels, p, drop_intermediate=True)
    return pd.DataFrame({"sensitivity": recall, "ppv": precision})


def banded(x_name: str, x: np.ndarray, found: np.ndarray) -> pd.DataFrame:
    """Return a curve and its pointwise 95 % band, from the curve and its replicates, (weightings, points)."""
    low, high = np.quantile(found[1:], BAND, axis=0)
    return pd.DataFrame({x_name: x, "value": found[0], "low": low, "high": high})


def roc_band(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return sensitivity over false positive rates, with its band."""
    hits, alarms = (np.pad(found, ((0, 0), (1, 0))) for found in cumulated(labels, p, weights))
    rates = zip(alarms / alarms[:, -1:], hits / hits[:, -1:], strict=True)
    return banded("false_positive_rate", GRID, np.stack([np.interp(GRID, x, y) for x, y in rates]))


def pr_band(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return positive predictive value over sensitivities above 0, with its band."""
    hits, alarms = cumulated(labels, p, weights)
    ppv = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=hits + alarms > 0)
    found = []
    for x, y in zip(hits / hits[:, -1:], ppv, strict=True):
        reached = np.diff(x, prepend=0) > 0  # the first threshold of each sensitivity: lower ones only add alarms
        found.append(np.interp(GRID[1:], x[reached], y[reached]))
    return banded("sensitivity", GRID[1:], np.stack(found))


def reliability_bins(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the reliability diagram's points and how many images stand behind each."""
    images, mean_p, melanomas = reliability(labels, p, equal_width(p), plain(labels))[:, 0]
    held = images > 0
    return pd.DataFrame(
        {
            "mean_p": mean_p[held] / images[held],
            "melanoma_rate": melanomas[held] / images[held],
            "images": images[held].astype(int),
        }
    )


def thresholds(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return sensitivity, specificity and F1 by threshold."""
    wanted = ("sensitivity", "specificity", "f1")
    rows = [(t, first(decision_metrics(labels, p, float(t), plain(labels)))) for t in THRESHOLDS]
    return pd.DataFrame([{"threshold": t, **{name: found[name] for name in wanted}} for t, found in rows])


def confidence(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return how many melanomas and others have a probability in each bin."""
    bins = equal_width(p)
    counts = [np.bincount(bins[labels == label], minlength=BINS) for label in (1, 0)]
    return pd.DataFrame({"from_p": np.arange(BINS) / BINS, "melanomas": counts[0], "others": counts[1]})
