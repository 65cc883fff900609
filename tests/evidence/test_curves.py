"""Plot data name their model and begin and end where the curve does."""

import numpy as np

from stages.evidence import curves

LABELS = np.array([0, 0, 1, 1, 0, 1])
P = {"a": np.array([0.1, 0.4, 0.35, 0.8, 0.2, 0.9]), "b": np.linspace(0, 1, 6)}


def test_roc_runs_from_corner_to_corner():
    table = curves.curves(curves.roc, LABELS, P)
    assert list(table.columns) == ["model", "false_positive_rate", "sensitivity"]
    for _, curve in table.groupby("model"):
        assert curve.iloc[0, 1:].tolist() == [0, 0]
        assert curve.iloc[-1, 1:].tolist() == [1, 1]


def test_all_curves_are_complete():
    assert set(curves.curves(curves.precision_recall, LABELS, P)["model"]) == {"a", "b"}
    assert curves.curves(curves.reliability_bins, LABELS, P).groupby("model")["images"].sum().tolist() == [6, 6]
    thresholds = curves.curves(curves.thresholds, LABELS, P)
    assert len(thresholds) == 2 * len(curves.THRESHOLDS)
    assert thresholds.loc[0, "sensitivity"] == 1
