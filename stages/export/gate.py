"""What quantisation may cost: each method beside fp32 on val, and the first that costs little enough."""

import numpy as np
import pandas as pd

from stages.export.settings import Gate
from stages.statistics.metrics import (
    calibration_metrics,
    decision_metrics,
    first,
    plain,
    ranking_metrics,
    threshold_at_sensitivity,
)

EXPORT_TOLERANCE = 1e-4  # of a probability: what another order of the same float32 sums may bring


def compare(labels: np.ndarray, p: dict[str, np.ndarray], sensitivity: float) -> pd.DataFrame:
    """Return one row per method on val, PyTorch and fp32 too: its metrics, how far p and decisions move from fp32's."""
    cut, weights = threshold_at_sensitivity(labels, p["fp32"], sensitivity), plain(labels)
    rows = []
    for name, values in p.items():
        threshold = threshold_at_sensitivity(labels, values, sensitivity)
        metrics = first(ranking_metrics(labels, values, weights) | calibration_metrics(labels, values, weights))
        decided = first(decision_metrics(labels, values, threshold, weights))
        rows.append(
            {
                "method": name,
                **{f"val_{key}": metrics[key] for key in ("roc_auc", "average_precision", "ece")},
                "val_specificity": decided["specificity"],
                "largest_change": float(np.abs(values - p["fp32"]).max()),
                "agreement": float(np.mean((values >= cut) == (p["fp32"] >= cut))),
            }
        )
    return pd.DataFrame(rows)


def check_export(table: pd.DataFrame) -> None:
    """ValueError when the fp32 file does not score as the PyTorch model it was exported from."""
    change = float(table.loc[table["method"] == "pytorch", "largest_change"].iloc[0])
    if not change <= EXPORT_TOLERANCE:
        raise ValueError(
            f"the fp32 ONNX file moves a probability by {change:.2g}, over {EXPORT_TOLERANCE:g}: a faulty export"
        )


def choose(table: pd.DataFrame, gate: Gate) -> str:
    """Return the first method of the table that passes the gate; ValueError with the table when none does.

    The table gains the columns passes and chosen, "yes" or "no".
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
