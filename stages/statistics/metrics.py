"""Metrics of one model on one set of images, for one or many weightings of the images at once.

labels: 0 or 1, int (images,); p: probability of melanoma, float (images,); weights: (weightings, images), ones for the
metric itself, counts for a bootstrap replicate. Each metric comes out as float (weightings,).
"The study" is the original student project whose README this project started from.
"""

import numpy as np

from stages.foundation.probability import CLIP, log_odds
from stages.statistics.blocks import by_blocks
from stages.statistics.ranking import Metrics, cumulative_counts, unit_weights

BINS = 15  # of p, as in the study
STEEPEST = 100.0  # bound on calibration slopes and intercepts: on a perfectly separated sample they are infinite
BIASED_UP = ("ece", "mce", "ece_equal_mass")  # calibration errors, which bootstrap samples overstate
CALIBRATION_LINE = ("calibration_slope", "calibration_intercept")
UNBOUNDED = (*CALIBRATION_LINE, "log_loss", "observed_over_expected")  # the metrics that do not lie in [0, 1]


def point_estimate(metrics: Metrics) -> dict[str, float]:
    """Return each metric's value under the first weighting, which counts every image once."""
    return {name: float(values[0]) for name, values in metrics.items()}


def equal_width(p: np.ndarray) -> np.ndarray:
    """Return each image's bin of p, int (images,) from 0 to 14; the bins are equally wide."""
    return np.minimum((p * BINS).astype(int), BINS - 1)


def equal_mass(p: np.ndarray) -> np.ndarray:
    """Return each image's bin of p, int (images,) from 0 to 14; the bins hold equally many images but for ties."""
    return np.searchsorted(np.quantile(p, np.arange(1, BINS) / BINS), p, side="right")


def reliability(labels: np.ndarray, p: np.ndarray, bins: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the sums of weight, of p and of melanomas in each bin, float (3, weightings, BINS)."""
    member = bins[:, None] == np.arange(BINS)
    sums = weights @ np.hstack([member, member * p[:, None], member * labels[:, None]])
    return np.stack(np.split(sums, 3, axis=1))


@by_blocks
def calibration_metrics(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> Metrics:
    """Return log loss, Brier score, calibration errors, observed over expected, slope and intercept of calibration.

    ece and mce: expected and maximum calibration error, 15 bins of equal width (Naeini et al. 2015); ece_equal_mass: 15
    bins of equally many images. observed_over_expected: melanomas by the sum of p, 1 if p is right on average.
    """
    total = weights.sum(axis=1)
    mass, mean_p, melanomas = reliability(labels, p, equal_width(p), weights)
    gap = np.abs(mean_p - melanomas)
    _, mass_p, mass_melanomas = reliability(labels, p, equal_mass(p), weights)
    slope, intercept = calibration_line(labels, p, weights)
    likelihood = np.clip(np.where(labels == 1, p, 1 - p), CLIP, 1)
    return {
        "log_loss": weights @ -np.log(likelihood) / total,
        "brier_score": weights @ (p - labels) ** 2 / total,
        "ece": gap.sum(axis=1) / total,
        "mce": np.divide(gap, mass, out=np.zeros_like(gap), where=mass > 0).max(axis=1),
        "ece_equal_mass": np.abs(mass_p - mass_melanomas).sum(axis=1) / total,
        "observed_over_expected": observed_over_expected(labels, p, weights),
        **dict(zip(CALIBRATION_LINE, (slope, intercept), strict=True)),
    }


@by_blocks
def observed_over_expected(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return melanomas by the sum of p, float (weightings,)."""
    return weights @ labels / (weights @ np.maximum(p, CLIP))


def calibration_line(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and intercept of a logistic regression of the labels on the log odds of p (Cox 1958).

    1 and 0 are perfect. The intercept is calibration in the large, fitted with the slope fixed at 1 (Van Calster et
    al. 2019). Both are float (weightings,).
    """
    x = log_odds(p)
    line = logistic_lines(labels, x, weights)
    start = _newton(labels, x, unit_weights(labels), np.array([[0.0, 1.0]]), steps=25, slope=False)
    large = _newton(labels, x, weights, np.repeat(start, len(weights), axis=0), steps=3, slope=False)
    return line[:, 1], large[:, 0]


def logistic_lines(labels: np.ndarray, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a logistic regression of the labels on x for each weighting: (intercept, slope), float (weightings, 2)."""
    start = _newton(labels, x, unit_weights(labels), np.zeros((1, 2)), steps=25)
    return _newton(labels, x, weights, np.repeat(start, len(weights), axis=0), steps=3)


def _newton(
    labels: np.ndarray, x: np.ndarray, weights: np.ndarray, line: np.ndarray, *, steps: int, slope: bool = True
) -> np.ndarray:
    """Return a logistic regression of the labels on x for each weighting: (intercept, slope), float (weightings, 2).

    line: where Newton's method starts, float (weightings, 2); slope: whether the slope is fitted or stays as it is.
    """
    powers = np.stack([np.ones_like(x), x, x * x], axis=1)
    ridge = 1e-6 * weights.sum(axis=1)  # keeps the steps finite where x hardly varies
    for _ in range(steps):
        fitted = 1 / (1 + np.exp(-np.clip(line[:, :1] + line[:, 1:] * x, -30, 30)))
        a, b = ((weights * (labels - fitted)) @ powers[:, :2]).T
        h0, h1, h2 = ((weights * fitted * (1 - fitted)) @ powers).T
        h0, h2 = h0 + ridge, h2 + ridge
        if slope:
            determinant = h0 * h2 - h1 * h1
            step = np.stack([(h2 * a - h1 * b) / determinant, (h0 * b - h1 * a) / determinant], axis=1)
        else:
            step = np.stack([a / h0, np.zeros_like(a)], axis=1)
        line = np.clip(line + np.clip(step, -5, 5), -STEEPEST, STEEPEST)
    return line


@by_blocks
def decision_metrics(labels: np.ndarray, p: np.ndarray, threshold: float, weights: np.ndarray) -> Metrics:
    """Return the metrics of calling p >= threshold melanoma; ppv is 0 where nothing is called melanoma."""
    called = p >= threshold
    counts = weights @ np.stack([called & (labels == 1), called, labels, np.ones(len(p))], axis=1)
    return _decided(*counts.T)


@by_blocks
def redrawn_decision_metrics(
    labels: np.ndarray, p: np.ndarray, weights: np.ndarray, *, thresholds: np.ndarray
) -> Metrics:
    """Return the same where each weighting has a threshold of its own, (weightings,)."""
    hits, alarms = (np.pad(counts, ((0, 0), (1, 0))) for counts in cumulative_counts(labels, p, weights))
    above = np.searchsorted(-np.unique(p)[::-1], -thresholds, side="right")  # distinct values that are called melanoma
    rows = np.arange(len(weights))
    found, called = hits[rows, above], hits[rows, above] + alarms[rows, above]
    return _decided(found, called, hits[:, -1], hits[:, -1] + alarms[:, -1])


def _decided(hits: np.ndarray, calls: np.ndarray, melanomas: np.ndarray, total: np.ndarray) -> Metrics:
    """Return the metrics of decisions by their counts, each (weightings,)."""
    healthy, rejected = total - melanomas, total - melanomas - (calls - hits)
    sensitivity, specificity = hits / melanomas, rejected / healthy
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": np.divide(hits, calls, out=np.zeros_like(hits), where=calls > 0),
        "npv": np.divide(rejected, total - calls, out=np.zeros_like(hits), where=total > calls),
        "f1": 2 * hits / (melanomas + calls),
        "accuracy": (hits + rejected) / total,
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


@by_blocks
def share(member: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of images, or lesions, that are members, float (weightings,).

    member: (images,), bool, or the part of each that is one.
    """
    return weights @ member / weights.sum(axis=1)


@by_blocks
def redrawn_changes(p: np.ndarray, q: np.ndarray, weights: np.ndarray, *, thresholds: np.ndarray) -> np.ndarray:
    """Return the share of images that p and q call otherwise at each weighting's threshold, float (weightings,)."""
    cuts = thresholds[:, None]
    return (weights * ((p >= cuts) != (q >= cuts))).sum(axis=1) / weights.sum(axis=1)


@by_blocks
def redrawn_share(p: np.ndarray, weights: np.ndarray, *, thresholds: np.ndarray) -> np.ndarray:
    """Return the share of images called melanoma at each weighting's threshold, float (weightings,)."""
    return (weights * (p >= thresholds[:, None])).sum(axis=1) / weights.sum(axis=1)
