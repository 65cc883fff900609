"""Metrics of a ranking: what depends on the order of p alone, and thresholds on it.

Arguments are as in `metrics`: labels, p, (images,), and weights, (weightings, images).
"""

import numpy as np
from scipy.special import ndtr

from stages.foundation.probability import log_odds
from stages.foundation.settings import OperatingPoint
from stages.statistics.blocks import by_blocks

HIGH_SENSITIVITY = 0.9  # from which on mean_specificity is taken

Metrics = dict[str, np.ndarray]


def unit_weights(labels: np.ndarray) -> np.ndarray:
    """Return one weighting that counts every image once: ones, float (1, images)."""
    return np.ones((1, len(labels)))


def cumulative_counts(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return true and false positives at each distinct p as threshold, highest first: two (weightings, thresholds)."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))  # the last image of each distinct p
    melanoma = labels[order]
    sorted_weights = weights[:, order]
    above = np.cumsum(sorted_weights, axis=1)[:, ends]
    hits = np.cumsum(sorted_weights * melanoma, axis=1)[:, ends]
    return hits, above - hits


@by_blocks
def ranking_metrics(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> Metrics:
    """Return the metrics that depend on the order of p alone: ROC-AUC, average precision, PR-AUC, mean specificity.

    pr_auc is the trapezoidal area under the precision-recall curve, as in the study. mean_specificity is the mean over
    the sensitivities from HIGH_SENSITIVITY to 1: the partial area index of Jiang et al. 1996, which no threshold
    decides.
    """
    hits, alarms = (np.pad(counts, ((0, 0), (1, 0))) for counts in cumulative_counts(labels, p, weights))
    sensitivity = hits / hits[:, -1:]
    called = hits + alarms
    ppv = np.divide(hits, called, out=np.ones_like(hits), where=called > 0)
    ppv[:, 0] = 1.0  # the curve starts at sensitivity 0, precision 1
    step = np.diff(sensitivity, axis=1)
    area = ((sensitivity[:, 1:] + sensitivity[:, :-1]) * np.diff(alarms, axis=1)).sum(axis=1) / 2
    return {
        "roc_auc": area / alarms[:, -1],
        "average_precision": (step * ppv[:, 1:]).sum(axis=1),
        "pr_auc": (step * (ppv[:, 1:] + ppv[:, :-1])).sum(axis=1) / 2,
        "mean_specificity": _mean_specificity(sensitivity, alarms / alarms[:, -1:]),
    }


def _mean_specificity(sensitivity: np.ndarray, false_positive_rate: np.ndarray) -> np.ndarray:
    """Return the mean specificity over high sensitivities, (weightings,), of ROC curves, (weightings, corners)."""
    rise = np.diff(sensitivity, axis=1)
    before = np.clip(HIGH_SENSITIVITY - sensitivity[:, :-1], 0, rise)  # the part of a rise that is too low
    share = np.divide(before, rise, out=np.zeros_like(rise), where=rise > 0)
    start, end = false_positive_rate[:, :-1], false_positive_rate[:, 1:]
    start = start + share * (end - start)
    area = ((rise - before) * (start + end)).sum(axis=1) / 2
    return 1 - area / (1 - HIGH_SENSITIVITY)


@by_blocks
def within_roc_auc(labels: np.ndarray, p: np.ndarray, sources: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ROC-AUC over the pairs of a melanoma and another image from one source, float (weightings,).

    It is the share of these pairs in which the melanoma has the higher p, ties counting half: within-cluster
    concordance (van Klaveren et al. 2014), each source weighing as many pairs as it has. Knowing the source alone gives
    0.5. sources: (images,). NaN where a weighting has no such pair.
    """
    concordant = pairs = np.zeros(len(weights))
    for source in np.unique(sources):
        member = sources == source
        counts = cumulative_counts(labels[member], p[member], weights[:, member])
        hits, alarms = (np.pad(count, ((0, 0), (1, 0))) for count in counts)
        concordant = concordant + ((hits[:, 1:] + hits[:, :-1]) * np.diff(alarms, axis=1)).sum(axis=1) / 2
        pairs = pairs + hits[:, -1] * alarms[:, -1]
    return np.divide(concordant, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def thresholds_by(settings: OperatingPoint, labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the threshold for settings.sensitivity by each weighting, as settings.quantile says, (weightings,)."""
    choose = {"step": thresholds_at_sensitivity, "smoothed": smoothed_thresholds}[settings.quantile]
    return choose(labels, p, settings.sensitivity, weights)


@by_blocks
def smoothed_thresholds(labels: np.ndarray, p: np.ndarray, sensitivity: float, weights: np.ndarray) -> np.ndarray:
    """Return where this share of the melanomas' density lies above, for each weighting, float (weightings,).

    The density is of their log odds, by Gaussian kernels of Azzalini's width for quantiles (1981, Biometrika 68:326).
    Silverman's, for densities, is wider and reaches more than the sensitivity asked for.
    """
    melanoma = labels == 1
    x, w = log_odds(p[melanoma]), weights[:, melanoma]
    quartiles = np.quantile(x, [0.25, 0.75])
    spread = min(x.std(), np.diff(quartiles)[0] / 1.349) or x.std() or 1.0
    width = 1.3 * spread * len(x) ** (-1 / 3)
    low, high = (np.full(len(w), end) for end in (x.min() - 5 * width, x.max() + 5 * width))
    for _ in range(40):
        middle = (low + high) / 2
        missed = (w * ndtr((middle[:, None] - x) / width)).sum(axis=1) / w.sum(axis=1)
        low, high = np.where(missed < 1 - sensitivity, middle, low), np.where(missed < 1 - sensitivity, high, middle)
    return np.asarray(1 / (1 + np.exp(-low)))


@by_blocks
def thresholds_at_sensitivity(labels: np.ndarray, p: np.ndarray, sensitivity: float, weights: np.ndarray) -> np.ndarray:
    """Return the highest at which at least this share of the melanomas is called, by each weighting, (weightings,)."""
    melanoma = np.flatnonzero(labels == 1)
    melanoma = melanoma[np.argsort(-p[melanoma], kind="stable")]
    found = np.cumsum(weights[:, melanoma], axis=1)
    needed = np.ceil(np.round(sensitivity * found[:, -1:], 9))
    return p[melanoma][(found >= np.maximum(needed, 1)).argmax(axis=1)]
