"""Metrics of one model on one set of images, from labels and probabilities alone.

labels: 0 or 1, int (images,); p: probability of melanoma, float (images,). scikit-learn's where it has them.
"""

from typing import Any

import numpy as np
from sklearn.metrics import auc, average_precision_score, brier_score_loss, precision_recall_curve, roc_auc_score

BINS = 15  # as the study


def check_labels(labels: np.ndarray, where: str) -> None:
    """Raise ValueError unless both classes occur: without either, no ROC-AUC exists."""
    if len(set(labels.tolist())) < 2:
        raise ValueError(
            f"{where}: wanted melanomas and other lesions, found {int(labels.sum())} of {len(labels)} melanomas"
        )


def ranking_metrics(labels: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return what depends on the order alone. pr_auc is the trapezoidal area, as the study's."""
    precision, recall, _ = precision_recall_curve(labels, p)
    return {
        "roc_auc": float(roc_auc_score(labels, p)),
        "average_precision": float(average_precision_score(labels, p)),
        "pr_auc": float(auc(recall, precision)),
    }


def calibration_metrics(labels: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return the Brier score and the expected and maximum calibration error over 15 equal-width bins."""
    bins = reliability(labels, p)
    gap = np.abs(bins["mean_p"] - bins["melanoma_rate"])
    return {
        "brier_score": float(brier_score_loss(labels, p)),
        "ece": float(np.average(gap, weights=bins["images"])),
        "mce": float(gap.max()),
    }


def reliability(labels: np.ndarray, p: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean probability, melanoma rate and images of each occupied bin."""
    index = np.minimum((p * BINS).astype(int), BINS - 1)
    images = np.bincount(index, minlength=BINS)
    occupied = images > 0
    mean_p = np.bincount(index, p, BINS)[occupied] / images[occupied]
    rate = np.bincount(index, labels, BINS)[occupied] / images[occupied]
    return {"mean_p": mean_p, "melanoma_rate": rate, "images": images[occupied]}


def decision_metrics(labels: np.ndarray, p: np.ndarray, threshold: float) -> dict[str, float]:
    """Return what deciding "melanoma" at p >= threshold reaches; ppv is 0 where nothing is called melanoma."""
    called = p >= threshold
    hits, melanomas, calls = int((called & (labels == 1)).sum()), int(labels.sum()), int(called.sum())
    healthy = len(labels) - melanomas
    rejected = healthy - (calls - hits)
    sensitivity, specificity = hits / melanomas, rejected / healthy
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": hits / calls if calls else 0.0,
        "npv": rejected / (len(labels) - calls) if calls < len(labels) else 0.0,
        "f1": 2 * hits / (melanomas + calls),
        "accuracy": (hits + rejected) / len(labels),
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


def threshold_at_sensitivity(labels: np.ndarray, p: np.ndarray, sensitivity: float) -> float:
    """Return the highest threshold at which at least this share of the melanomas has p >= threshold."""
    melanomas = np.sort(p[labels == 1])[::-1]
    needed = int(np.ceil(round(sensitivity * len(melanomas), 9)))
    return float(melanomas[max(needed, 1) - 1])


def threshold_curve(labels: np.ndarray, p: np.ndarray, thresholds: np.ndarray) -> list[dict[str, Any]]:
    """Return sensitivity, specificity and F1 at each threshold."""
    wanted = ("sensitivity", "specificity", "f1")
    rows = ((t, decision_metrics(labels, p, float(t))) for t in thresholds)
    return [{"threshold": float(t), **{name: found[name] for name in wanted}} for t, found in rows]
