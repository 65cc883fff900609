"""What is chosen on val, chosen anew on each bootstrap replicate of val: the noise of the choice itself.

An interval that holds a threshold fixed says nothing of the luck by which val's few melanomas chose it.
"""

from dataclasses import dataclass

import numpy as np

from stages.deployment.decision import Decision, Referral
from stages.foundation.probability import CLIP, log_odds
from stages.foundation.settings import OperatingPoint
from stages.statistics.blocks import by_blocks
from stages.statistics.intervals import Sample
from stages.statistics.metrics import BINS, STEEPEST, logistic_lines
from stages.statistics.ranking import Metrics, thresholds_by


@dataclass(frozen=True)
class Refits:
    """The threshold, Platt's slope and intercept and the bounds of referral, each float (1 + replicates,).

    The first entry is the decision's own, the others are what replicates of val would have chosen.
    """

    thresholds: np.ndarray
    slopes: np.ndarray
    intercepts: np.ndarray
    melanoma_from: np.ndarray
    other_up_to: np.ndarray

    @property
    def bounds(self) -> dict[str, np.ndarray]:
        """Return those of referral, by name."""
        return {"melanoma_from": self.melanoma_from, "other_up_to": self.other_up_to}


def refit(sample: Sample, p: np.ndarray, decision: Decision, settings: OperatingPoint) -> Refits:
    """Return a decision and what each replicate of what it is fitted on would make of it; sample and p: of that."""
    labels, weights = sample.labels, sample.weights
    intercepts, slopes = logistic_lines(labels, log_odds(p), weights).T
    bounds = fit_referrals(labels, p, settings.coverage, weights)
    refits = {
        "thresholds": thresholds_by(settings, labels, p, weights),
        "slopes": slopes,
        "intercepts": intercepts,
        "melanoma_from": bounds[:, 0],
        "other_up_to": bounds[:, 1],
    }
    found = [decision.threshold, decision.slope, decision.intercept, decision.melanoma_from, decision.other_up_to]
    return Refits(**{name: np.append(own, refits[name][1:]) for name, own in zip(refits, found, strict=True)})


def held(decision: Decision, weightings: int) -> Refits:
    """Return a decision that no replicate changes: that of a file as it is."""
    values = [decision.threshold, decision.slope, decision.intercept, decision.melanoma_from, decision.other_up_to]
    return Refits(*(np.full(weightings, value) for value in values))


@by_blocks
def recalibrated_metrics(
    labels: np.ndarray, p: np.ndarray, weights: np.ndarray, *, slopes: np.ndarray, intercepts: np.ndarray
) -> Metrics:
    """Return calibration metrics of p after Platt scaling, each weighting's own, float (weightings,).

    Scaling the log odds divides the slope of calibration by its own.
    """
    q = 1 / (1 + np.exp(-(slopes[:, None] * log_odds(p) + intercepts[:, None])))
    total = weights.sum(axis=1)
    likelihood = np.clip(np.where(labels == 1, q, 1 - q), CLIP, 1)
    bins = np.minimum((q * BINS).astype(int), BINS - 1) + BINS * np.arange(len(q))[:, None]
    gaps = np.bincount(bins.ravel(), (weights * (q - labels)).ravel(), minlength=BINS * len(q)).reshape(len(q), BINS)
    steepness = logistic_lines(labels, log_odds(p), weights)[:, 1]
    slope = np.divide(steepness, slopes, out=np.zeros_like(slopes), where=slopes != 0)  # 0 of a p that is one number
    return {
        "log_loss": (weights * -np.log(likelihood)).sum(axis=1) / total,
        "brier_score": (weights * (q - labels) ** 2).sum(axis=1) / total,
        "ece": np.abs(gaps).sum(axis=1) / total,
        "observed_over_expected": weights @ labels / (weights * np.maximum(q, CLIP)).sum(axis=1),
        "calibration_slope": np.clip(slope, -STEEPEST, STEEPEST),
    }


def fit_referral(labels: np.ndarray, p: np.ndarray, coverage: float) -> Referral:
    """Return class-conditional split-conformal bounds from val (Vovk 2012; Angelopoulos & Bates 2023, section 4.3).

    For at least this share of new melanomas, and of new other lesions, the true class stays possible, provided that
    they and val's images are exchangeable. A class with too few images to promise that always stays possible.
    """
    return Referral(*map(float, fit_referrals(labels, p, coverage, np.ones((1, len(labels))))[0]))


@by_blocks
def fit_referrals(labels: np.ndarray, p: np.ndarray, coverage: float, weights: np.ndarray) -> np.ndarray:
    """Return the same bounds for each weighting, melanoma_from and other_up_to: float (weightings, 2)."""
    melanoma = labels == 1
    lower = _lower_quantiles(p[melanoma], weights[:, melanoma], coverage, otherwise=0.0)
    upper = -_lower_quantiles(-p[~melanoma], weights[:, ~melanoma], coverage, otherwise=-1.0)
    return np.stack([lower, upper], axis=1)


def _lower_quantiles(scores: np.ndarray, weights: np.ndarray, coverage: float, *, otherwise: float) -> np.ndarray:
    """Return the finite-sample (1 - coverage) quantile of a class's scores, or `otherwise` if they are too few."""
    order = np.argsort(scores, kind="stable")
    counts = np.cumsum(weights[:, order], axis=1)
    ranks = np.floor((counts[:, -1] + 1) * (1 - coverage) + 1e-9)  # from 1, the lowest score
    return np.where(ranks >= 1, scores[order][(counts >= ranks[:, None]).argmax(axis=1)], otherwise)
