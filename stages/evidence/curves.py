"""Plot data of several models as tidy tables: the first column names the model, the rest are what is drawn."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from stages.evidence.metrics import reliability, threshold_curve

THRESHOLDS = np.linspace(0, 1, 101)

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


def reliability_bins(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return the reliability diagram's points and how many images stand behind each."""
    return pd.DataFrame(reliability(labels, p))


def thresholds(labels: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    """Return sensitivity, specificity and F1 by threshold."""
    return pd.DataFrame(threshold_curve(labels, p, THRESHOLDS))
