"""Curves name their model and begin and end where the curve does."""

import numpy as np

from stages.evaluation import curves
from stages.evaluation.scores import stack

LABELS = np.array([0, 0, 1, 1, 0, 1])
P = {"a": np.array([0.1, 0.4, 0.35, 0.8, 0.2, 0.9]), "b": np.linspace(0, 1, 6)}


def test_roc_runs_from_corner_to_corner():
    for p in P.values():
        curve = curves.roc(LABELS, p)
        assert list(curve.columns) == ["false_positive_rate", "sensitivity"]
        assert curve.iloc[0].tolist() == [0, 0]
        assert curve.iloc[-1].tolist() == [1, 1]


def test_all_curves_are_complete():
    for p in P.values():
        assert curves.precision_recall(LABELS, p)["sensitivity"].max() == 1
        assert curves.reliability_bins(LABELS, p)["images"].sum() == 6
        thresholds = curves.thresholds(LABELS, p)
        assert len(thresholds) == len(curves.THRESHOLDS)
        assert thresholds.loc[0, "sensitivity"] == 1


def test_stacked_curves_name_their_model():
    table = stack({name: curves.roc(LABELS, p) for name, p in P.items()}, "model")
    assert list(table.columns) == ["model", "false_positive_rate", "sensitivity"]
    assert table["model"].unique().tolist() == ["a", "b"]
    assert table.index.is_unique


def test_bands_hold_their_curve_and_start_and_end_where_it_does():
    rng = np.random.default_rng(0)
    labels = (rng.uniform(size=300) < 0.3).astype(int)
    p = np.clip(0.3 * labels + rng.uniform(0, 0.7, 300), 0, 1)
    weights = np.vstack([np.ones(300), rng.multinomial(300, np.full(300, 1 / 300), 200)])
    roc = curves.roc_band(labels, p, weights)
    assert (roc["low"] <= roc["value"]).mean() > 0.95
    assert (roc["value"] <= roc["high"]).mean() > 0.95
    assert roc["value"].iloc[-1] == 1
    assert np.trapezoid(roc["value"], roc["x"]) > 0.7
    pr = curves.pr_band(labels, p, weights)
    assert abs(pr["value"].iloc[-1] - labels[p >= p[labels == 1].min()].mean()) < 1e-9  # all melanomas found
    assert (pr["low"] <= pr["high"]).all()


def test_confidence_counts_every_image():
    table = curves.confidence(LABELS, P["a"])
    assert table[["melanomas", "others"]].sum().tolist() == [3, 3]
    assert table.loc[0, "from_p"] == 0


def test_the_smoothed_calibration_curve_of_a_calibrated_model_is_the_diagonal_and_a_biased_ones_is_not():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 4, 20_000)
    labels = (rng.uniform(size=20_000) < p).astype(int)
    weights = np.vstack([np.ones(20_000), rng.multinomial(20_000, np.full(20_000, 1 / 20_000), 50)])
    curve = curves.calibration_curve(labels, p, weights)
    well_filled = curve[curve["x"] < 0.5]  # above, a few hundred images are left
    assert np.abs(well_filled["value"] - well_filled["x"]).max() < 0.03
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).mean() > 0.9
    halved = curves.calibration_curve(labels, p / 2, weights)
    assert np.interp(0.2, halved["x"], halved["value"]) > 0.35
