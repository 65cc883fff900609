"""Decision rules and what they are worth: net benefit, referral by conformal prediction, risk against coverage."""

import numpy as np

from stages.deployment.decision import Decision, Referral
from stages.statistics.blocks import by_blocks
from stages.statistics.calibration import fit_platt
from stages.statistics.metrics import Metrics, threshold_at_sensitivity

THRESHOLD_PROBABILITIES = np.round(np.arange(0.01, 0.51, 0.01), 2)
SHARES = np.round(np.arange(0.05, 1.001, 0.05), 2)  # of images that are decided


def fit_decision(labels: np.ndarray, p: np.ndarray, *, sensitivity: float, coverage: float) -> Decision:
    """Return one model's threshold, Platt scaling and referral bounds, fitted on val."""
    return Decision(
        threshold=threshold_at_sensitivity(labels, p, sensitivity),
        sensitivity=sensitivity,
        **vars(fit_platt(labels, p)),
        **vars(fit_referral(labels, p, coverage)),
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


def fit_referral(labels: np.ndarray, p: np.ndarray, coverage: float) -> Referral:
    """Return class-conditional split-conformal bounds from val (Vovk 2012; Angelopoulos & Bates 2023, section 4.3).

    For at least this share of new melanomas, and of new other lesions, the true class stays possible, provided that
    they and val's images are exchangeable. A class with too few images to promise that always stays possible.
    """
    melanoma_from = _lower_quantile(p[labels == 1], coverage, otherwise=0.0)
    return Referral(melanoma_from, -_lower_quantile(-p[labels == 0], coverage, otherwise=-1.0))


@by_blocks
def repeatability(lesions: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of lesions with several images whose decision changes with the image, float (weightings,).

    lesions and called, whether an image is called melanoma: (images,). weights: those of an image are its lesion's. NaN
    where no lesion has several images.
    """
    _, first, index, counts = np.unique(lesions, return_index=True, return_inverse=True, return_counts=True)
    calls = np.bincount(index, called)
    several = weights[:, first] * (counts > 1)
    total = several.sum(axis=1)
    changed = several @ ((calls > 0) & (calls < counts))
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


def _lower_quantile(scores: np.ndarray, coverage: float, *, otherwise: float) -> float:
    """Return the finite-sample (1 - coverage) quantile of a class's scores, or `otherwise` if they are too few."""
    rank = int(np.floor((len(scores) + 1) * (1 - coverage) + 1e-9))  # from 1, the lowest score
    return float(np.sort(scores)[rank - 1]) if rank >= 1 else otherwise


@by_blocks
def referral_metrics(labels: np.ndarray, p: np.ndarray, rule: Referral, weights: np.ndarray) -> Metrics:
    """Return coverage of both classes, the share whose class stays possible, and the shares of images in each band."""
    total, melanoma, bands = weights.sum(axis=1), labels == 1, rule.bands(p)
    melanomas, others = weights @ melanoma, weights @ ~melanoma
    return {
        "coverage_melanoma": weights @ (melanoma & (p >= rule.melanoma_from)) / melanomas,
        "coverage_other": weights @ (~melanoma & (p <= rule.other_up_to)) / others,
        "referred": weights @ (bands == "refer") / total,
        "referred_melanoma": weights @ (melanoma & (bands == "refer")) / melanomas,
        "benign": weights @ (bands == "benign") / total,
        "suspicious": weights @ (bands == "suspicious") / total,
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
