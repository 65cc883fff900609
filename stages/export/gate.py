"""The gate: each quantisation method compared with fp32 on val, and the first that costs little enough is chosen."""

from pathlib import Path

import numpy as np
import pandas as pd

from stages.deployment.decision import Decision
from stages.export.familiarity import farthest
from stages.export.settings import Gate, Gauge
from stages.foundation.names import VAL
from stages.foundation.settings import OperatingPoint
from stages.foundation.splits import read_sources, read_split
from stages.statistics.decisions import fit_decision
from stages.statistics.folds import Folds
from stages.statistics.intervals import Sample, draw_sample, interval
from stages.statistics.metrics import BIASED_UP, calibration_metrics, redrawn_decision_metrics
from stages.statistics.ranking import ranking_metrics, thresholds_by

EXPORT_TOLERANCE = 1e-4  # of a probability: float32 sums in another order differ by less


def val_sample(processed: Path, gauge: Gauge) -> Sample:
    """Return val's images with their bootstrap weights. processed: the folder of val.csv and sources.csv."""
    table = read_sources(processed / "sources.csv", read_split(processed / "val.csv"))
    return draw_sample(table, replicates=gauge.replicates, seed=gauge.seed)


def compare(sample: Sample, p: dict[str, np.ndarray], settings: OperatingPoint) -> pd.DataFrame:
    """Return one row per method: its metrics on val, and how far its probabilities and decisions are from fp32's.

    sample: val's images; p: method -> probabilities, "fp32" among them. Columns <name>_low and <name>_high are 95 %
    intervals over lesions. val_specificity is at each method's own threshold, chosen anew in each draw. roc_auc_change:
    from fp32's, paired; largest_change: of a probability; agreement: the share of equal decisions, both at fp32's
    threshold.
    """
    labels, weights = sample.labels, sample.weights
    thresholds = {name: thresholds_by(settings, labels, values, weights) for name, values in p.items()}
    threshold = thresholds["fp32"][0]
    reference = ranking_metrics(labels, p["fp32"], weights)["roc_auc"]
    rows = []
    for name, values in p.items():
        found = ranking_metrics(labels, values, weights) | calibration_metrics(labels, values, weights)
        decided = redrawn_decision_metrics(labels, values, weights, thresholds=thresholds[name])
        found["specificity"] = decided["specificity"]
        cells: dict[str, object] = {"method": name}
        for key in ("roc_auc", "average_precision", "ece", "specificity"):
            cells |= _cells(f"val_{key}", interval(found[key], biased_up=key in BIASED_UP))
        cells |= _cells("roc_auc_change", interval(found["roc_auc"] - reference, bounded=False))
        cells["largest_change"] = float(np.abs(values - p["fp32"]).max())
        cells["agreement"] = float(np.mean((values >= threshold) == (p["fp32"] >= threshold)))
        rows.append(cells)
    return pd.DataFrame(rows)


def _cells(name: str, estimate: dict[str, float]) -> dict[str, float]:
    return {name: estimate["value"], f"{name}_low": estimate["low"], f"{name}_high": estimate["high"]}


def decide(
    labels: np.ndarray,
    p: np.ndarray,
    distance: np.ndarray,
    settings: OperatingPoint,
    refused: float,
    folds: Folds | None = None,
) -> Decision:
    """Return one file's decision, fitted on val, or all but the bound of refusal on the folds' images.

    labels, p and distance: of val's images, (images,); refused: a share of them.
    """
    if folds is not None:
        labels, p = folds.images["melanoma"].to_numpy(), folds.aligned(p)
    decision = fit_decision(labels, p, settings)
    decided_on = VAL if folds is None else folds.name
    return decision.model_copy(update={"farthest": farthest(distance, refused), "decided_on": decided_on})


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
