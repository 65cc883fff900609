"""Curves of one model as tidy tables: a row per point, a column per quantity that is drawn."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from stages.foundation.probability import log_odds
from stages.statistics.blocks import by_blocks
from stages.statistics.metrics import BINS, equal_width, redrawn_decision_metrics, reliability
from stages.statistics.ranking import cumulative_counts, unit_weights

THRESHOLDS = np.linspace(0, 1, 101)
GRID = np.linspace(0, 1, 51)  # of false positive rates and of sensitivities, where bands are computed
BAND = (0.025, 0.975)  # quantiles of the replicates


def roc(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the ROC curve's corners."""
    false_positive_rate, sensitivity, _ = roc_curve(labels, p)
    return pd.DataFrame({"false_positive_rate": false_positive_rate, "sensitivity": sensitivity})


def precision_recall(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the precision-recall curve's corners."""
    precision, recall, _ = precision_recall_curve(labels, p, drop_intermediate=True)
    return pd.DataFrame({"sensitivity": recall, "ppv": precision})


def banded(x: np.ndarray, estimates: np.ndarray) -> pd.DataFrame:
    """Return a curve and its pointwise 95 % band; estimates: the curve and its replicates, (1 + replicates, points)."""
    low, high = np.quantile(estimates[1:], BAND, axis=0)
    return pd.DataFrame({"x": x, "value": estimates[0], "low": low, "high": high})


def roc_band(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return the ROC curve at the false positive rates of GRID, with its band."""
    return banded(GRID, _roc(labels, p, weights))


@by_blocks
def _roc(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hits, alarms = (np.pad(counts, ((0, 0), (1, 0))) for counts in cumulative_counts(labels, p, weights))
    rates = zip(alarms / alarms[:, -1:], hits / hits[:, -1:], strict=True)
    return np.stack([np.interp(GRID, x, y) for x, y in rates])


def pr_band(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return the precision-recall curve at the sensitivities of GRID above 0, with its band."""
    return banded(GRID[1:], _precision_recall(labels, p, weights))


@by_blocks
def _precision_recall(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hits, alarms = cumulative_counts(labels, p, weights)
    ppv = np.divide(hits, hits + alarms, out=np.zeros_like(hits), where=hits + alarms > 0)
    estimates = []
    for x, y in zip(hits / hits[:, -1:], ppv, strict=True):
        reached = np.diff(x, prepend=0) > 0  # the first threshold of each sensitivity: lower ones only add alarms
        estimates.append(np.interp(GRID[1:], x[reached], y[reached]))
    return np.stack(estimates)


def reliability_bins(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the points of the reliability diagram, with the number of images in each bin; empty bins are left out."""
    images, mean_p, melanomas = reliability(labels, p, equal_width(p), unit_weights(labels))[:, 0]
    table = pd.DataFrame({"mean_p": mean_p, "melanoma_rate": melanomas, "images": images.astype(int)})[images > 0]
    return table.assign(
        mean_p=table["mean_p"] / table["images"], melanoma_rate=table["melanoma_rate"] / table["images"]
    )


def calibration_curve(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return the share of melanomas by p, smoothed, with its band: local linear regression on the log odds of p.

    As Austin & Steyerberg 2014 do with loess; the kernel here is normal, of Silverman's width. The curve spans the
    middle 98 % of the log odds.
    """
    x = log_odds(p)
    width = 1.06 * max(x.std(), 1e-3) * len(x) ** -0.2
    grid = np.linspace(np.quantile(x, 0.01), np.quantile(x, 0.99), len(GRID))
    share = _smoothed(labels, (x[:, None] - grid) / width, weights)
    return banded(1 / (1 + np.exp(-grid)), share.clip(0, 1))


@by_blocks
def _smoothed(labels: np.ndarray, distance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the local linear regression of the labels, (weightings, points); distance: (images, points), in widths."""
    kernel = np.exp(-0.5 * distance**2)
    s0, s1, s2 = (weights @ (kernel * distance**power) for power in range(3))
    y0, y1 = ((weights * labels) @ (kernel * distance**power) for power in range(2))
    return (s2 * y0 - s1 * y1) / (s2 * s0 - s1**2 + 1e-12)


def thresholds(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return sensitivity, specificity and F1 at each of THRESHOLDS."""
    once = np.ones((len(THRESHOLDS), len(p)), dtype=np.uint8)
    found = redrawn_decision_metrics(labels, p, once, thresholds=THRESHOLDS)
    return pd.DataFrame(
        {"threshold": THRESHOLDS, **{name: found[name] for name in ("sensitivity", "specificity", "f1")}}
    )


def confidence(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return how many melanomas and others have a probability in each bin."""
    bins = equal_width(p)
    counts = [np.bincount(bins[labels == label], minlength=BINS) for label in (1, 0)]
    return pd.DataFrame({"from_p": np.arange(BINS) / BINS, "melanomas": counts[0], "others": counts[1]})
