"""The gate: each quantisation method compared with fp32 on val, and the first that costs little enough is chosen."""

import numpy as np
import pandas as pd

from stages.deployment.decision import Decision
from stages.export.familiarity import farthest
from stages.export.settings import Gate
from stages.foundation.settings import OperatingPoint
from stages.statistics.decisions import fit_decision
from stages.statistics.metrics import (
    calibration_metrics,
    decision_metrics,
    point_estimate,
    ranking_metrics,
    threshold_at_sensitivity,
    unit_weights,
)

EXPORT_TOLERANCE = 1e-4  # of a probability: float32 sums in another order differ by less


def compare(labels: np.ndarray, p: dict[str, np.ndarray], sensitivity: float) -> pd.DataFrame:
    """Return one row per method: its metrics on val, and how far its probabilities and decisions are from fp32's.

    p: method -> probabilities, "fp32" among them. largest_change: of a probability; agreement: the share of equal
    decisions, both at fp32's threshold.
    """
    fp32_threshold, weights = threshold_at_sensitivity(labels, p["fp32"], sensitivity), unit_weights(labels)
    rows = []
    for name, values in p.items():
        threshold = threshold_at_sensitivity(labels, values, sensitivity)
        metrics = point_estimate(
            ranking_metrics(labels, values, weights) | calibration_metrics(labels, values, weights)
        )
        decision = point_estimate(decision_metrics(labels, values, threshold, weights))
        rows.append(
            {
                "method": name,
                **{f"val_{key}": metrics[key] for key in ("roc_auc", "average_precision", "ece")},
                "val_specificity": decision["specificity"],
                "largest_change": float(np.abs(values - p["fp32"]).max()),
                "agreement": float(np.mean((values >= fp32_threshold) == (p["fp32"] >= fp32_threshold))),
            }
        )
    return pd.DataFrame(rows)


def decide(
    labels: np.ndarray, p: np.ndarray, distance: np.ndarray, settings: OperatingPoint, refused: float
) -> Decision:
    """Return one file's decision, fitted on val: labels, p and distance are (images,), refused is a share of them."""
    decision = fit_decision(labels, p, sensitivity=settings.sensitivity, coverage=settings.coverage)
    return decision.model_copy(update={"farthest": farthest(distance, refused)})


def check_export(table: pd.DataFrame, method: str) -> None:
    """Raise ValueError when a method of `compare` that only rewrites the model does not score as the fp32 ONNX file."""
    change = float(table.loc[table["method"] == method, "largest_change"].iloc[0])
    if not change <= EXPORT_TOLERANCE:
        raise ValueError(
            f"between {method} and the fp32 ONNX file a probability changes by {change:.2g}, over "
            f"{EXPORT_TOLERANCE:g}: a faulty export"
        )


def choose(table: pd.DataFrame, gate: Gate) -> str:
    """Return the first method that passes the gate; ValueError with the table when none does.

    table: of `compare`, with the column megabytes. It gains the columns passes and chosen, "yes" or "no".
    """
    fp32 = table[table["method"] == "fp32"].iloc[0]
    passes = (
        (table["megabytes"] <= gate.megabytes)
        & (table["val_roc_auc"] >= fp32["val_roc_auc"] - gate.roc_auc_loss)
        & (table["val_ece"] <= fp32["val_ece"] + gate.ece_rise)
        & ~table["method"].isin(["pytorch", "fp32"])
    )
    table["passes"] = np.where(passes, "yes", "no")
    if not passes.any():
        raise ValueError(f"no method of quantize.methods passes the gate {gate}:\n{table.to_string(index=False)}")
    chosen = str(table.loc[passes.idxmax(), "method"])
    table["chosen"] = np.where(table["method"] == chosen, "yes", "no")
    return chosen
