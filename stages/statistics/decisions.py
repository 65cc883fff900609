"""Decision rules and what they are worth: net benefit, referral by conformal prediction, risk against coverage."""

import numpy as np

from stages.deployment.decision import Decision
from stages.foundation.settings import OperatingPoint
from stages.statistics.blocks import by_blocks
from stages.statistics.calibration import fit_platt
from stages.statistics.ranking import Metrics, thresholds_by, unit_weights
from stages.statistics.refits import fit_referral

THRESHOLD_PROBABILITIES = np.round(np.arange(0.01, 0.51, 0.01), 2)
SHARES = np.round(np.arange(0.05, 1.001, 0.05), 2)  # of images that are decided


def fit_decision(labels: np.ndarray, p: np.ndarray, settings: OperatingPoint) -> Decision:
    """Return one model's threshold, Platt scaling and referral bounds, fitted on val, or on the folds' images."""
    return Decision(
        threshold=float(thresholds_by(settings, labels, p, unit_weights(labels))[0]),
        sensitivity=settings.sensitivity,
        **vars(fit_platt(labels, p)),
        **vars(fit_referral(labels, p, settings.coverage)),
        prevalence=float(np.mean(labels)),
    )


@by_blocks
def net_benefit(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return net benefit at each threshold probability (Vickers & Elkin 2006): float (weightings, thresholds).

    It is true positives minus false positives times the odds t / (1 - t), per image. p must be calibrated.
    """
    odds = THRESHOLD_PROBABILITIES / (1 - THRESHOLD_PROBABILITIES)
    called = p[:, None] >= THRESHOLD_PROBABILITIES
    hits = weights @ (called & (labels == 1)[:, None])
    alarms = weights @ (called & (labels == 0)[:, None])
    return (hits - alarms * odds) / weights.sum(axis=1, keepdims=True)


@by_blocks
def repeatability(lesions: np.ndarray, p: np.ndarray, weights: np.ndarray, *, thresholds: np.ndarray) -> np.ndarray:
    """Return the share of lesions with several images whose decision changes with the image, float (weightings,).

    lesions and p: (images,); weights: those of an image are its lesion's; thresholds: of each weighting. NaN where no
    lesion has several images.
    """
    _, first, index, counts = np.unique(lesions, return_index=True, return_inverse=True, return_counts=True)
    lowest, highest = np.full(len(first), np.inf), np.full(len(first), -np.inf)
    np.minimum.at(lowest, index, p)
    np.maximum.at(highest, index, p)
    several = weights[:, first] * (counts > 1)
    total = several.sum(axis=1)
    changed = (several * ((lowest < thresholds[:, None]) & (highest >= thresholds[:, None]))).sum(axis=1)
    return np.divide(changed, total, out=np.full(len(weights), np.nan), where=total > 0)


def consequences(
    sensitivity: np.ndarray, specificity: np.ndarray, *, prevalence: float, threshold_probability: float
) -> Metrics:
    """Return what a decision rule means where this share of the lesions are melanomas; all are float (weightings,).

    ppv and npv by Bayes' theorem, 0 where nothing is called or all is; net_benefit as in `net_benefit`, per lesion;
    then the counts among 1,000 lesions.
    """
    found, missed = prevalence * sensitivity, prevalence * (1 - sensitivity)
    alarms, cleared = (1 - prevalence) * (1 - specificity), (1 - prevalence) * specificity
    odds = threshold_probability / (1 - threshold_probability)
    return {
        "ppv": _share(found, found + alarms),
        "npv": _share(cleared, cleared + missed),
        "net_benefit": found - alarms * odds,
        "melanomas_found_of_1000": 1000 * found,
        "melanomas_missed_of_1000": 1000 * missed,
        "false_alarms_of_1000": 1000 * alarms,
    }


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@by_blocks
def unlikely_share(
    p: np.ndarray, weights: np.ndarray, *, melanoma_from: np.ndarray, other_up_to: np.ndarray
) -> np.ndarray:
    """Return the share of images in the band "melanoma unlikely", float (weightings,)."""
    unlikely = (p < melanoma_from[:, None]) & (p <= other_up_to[:, None])
    return (weights * unlikely).sum(axis=1) / weights.sum(axis=1)


@by_blocks
def referral_metrics(
    labels: np.ndarray, p: np.ndarray, weights: np.ndarray, *, melanoma_from: np.ndarray, other_up_to: np.ndarray
) -> Metrics:
    """Return coverage of both classes, the share whose class stays possible, and the shares of images in each band.

    melanoma_from and other_up_to: bounds of each weighting, (weightings,).
    """
    melanoma, possible, other = labels == 1, p >= melanoma_from[:, None], p <= other_up_to[:, None]
    total, melanomas, refer = weights.sum(axis=1), weights @ melanoma, possible == other
    return {
        "coverage_melanoma": (weights * (melanoma & possible)).sum(axis=1) / melanomas,
        "coverage_other": (weights * (~melanoma & other)).sum(axis=1) / (total - melanomas),
        "melanoma_suspected": (weights * (possible & ~other)).sum(axis=1) / total,
        "cannot_tell": (weights * refer).sum(axis=1) / total,
        "melanoma_unlikely": unlikely_share(p, weights, melanoma_from=melanoma_from, other_up_to=other_up_to),
        "cannot_tell_melanoma": (weights * (refer & melanoma)).sum(axis=1) / melanomas,
    }


@by_blocks
def risk_coverage(labels: np.ndarray, p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the error rate at threshold 0.5 on the surest SHARES of the images, float (weightings, shares).

    Surest: furthest from 0.5 (Geifman & El-Yaniv 2017). p must be calibrated.
    """
    order = np.argsort(-np.abs(p - 0.5), kind="stable")
    wrong = ((p >= 0.5) != (labels == 1))[order]
    sorted_weights = weights[:, order]
    covered = np.cumsum(sorted_weights, axis=1)
    errors = np.cumsum(sorted_weights * wrong, axis=1)
    last = np.maximum(np.ceil(SHARES * len(p) - 1e-9).astype(int) - 1, 0)
    return np.divide(
        errors[:, last], covered[:, last], out=np.zeros((len(weights), len(last))), where=covered[:, last] > 0
    )
