"""Each metric against scikit-learn, a hand computation or the study's published numbers."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from stages.foundation.probability import log_odds
from stages.statistics import blocks
from stages.statistics.blocks import by_blocks
from stages.statistics.metrics import (
    STEEPEST,
    calibration_metrics,
    decision_metrics,
    equal_mass,
    equal_width,
    point_estimate,
    reliability,
)
from stages.statistics.ranking import ranking_metrics, thresholds_at_sensitivity, unit_weights

RNG = np.random.default_rng(0)
LABELS = (RNG.uniform(size=400) < 0.2).astype(int)
P = np.clip(0.2 + 0.3 * LABELS + RNG.normal(0, 0.2, 400), 0, 1).round(2)  # with ties, zeros among them
COUNTS = np.vstack([np.ones(400), RNG.integers(0, 4, size=(20, 400))])


def repeated(row):
    """Return labels and probabilities with each image as often as a weighting counts it."""
    return np.repeat(LABELS, row.astype(int)), np.repeat(P, row.astype(int))


@by_blocks
def images_drawn(weights):
    """Return each weighting's images, and how many weightings its block has."""
    return np.stack([weights.sum(axis=1), np.full(len(weights), float(len(weights)))], axis=1)


def test_weightings_are_worked_on_in_blocks_and_joined(monkeypatch):
    compact = COUNTS.astype(np.uint8)  # as bootstrap_weights draws them: products of bytes would overflow
    whole = [
        ranking_metrics(LABELS, P, COUNTS),
        calibration_metrics(LABELS, P, COUNTS),
        decision_metrics(LABELS, P, 0.3, COUNTS),
    ]
    monkeypatch.setattr(blocks, "BLOCK", 3 * 400 + 399)  # three rows at a time, of 21
    parts = [
        ranking_metrics(LABELS, P, compact),
        calibration_metrics(LABELS, P, compact),
        decision_metrics(LABELS, P, 0.3, compact),
    ]
    for one, other in zip(whole, parts, strict=True):
        assert one.keys() == other.keys()
        for name, values in one.items():
            assert other[name] == pytest.approx(values, abs=1e-12), name
    total, rows = images_drawn(compact).T
    assert total.tolist() == COUNTS.sum(axis=1).tolist()
    assert rows.tolist() == [3.0] * 21


def test_ranking_equals_scikit_learns_under_every_weighting():
    metrics = ranking_metrics(LABELS, P, COUNTS)
    for number, row in enumerate(COUNTS):
        labels, p = repeated(row)
        precision, recall, _ = sk.precision_recall_curve(labels, p)
        assert metrics["roc_auc"][number] == pytest.approx(sk.roc_auc_score(labels, p), abs=1e-12)
        assert metrics["average_precision"][number] == pytest.approx(sk.average_precision_score(labels, p), abs=1e-12)
        assert metrics["pr_auc"][number] == pytest.approx(sk.auc(recall, precision), abs=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.1])
def test_decisions_equal_scikit_learns_under_every_weighting(threshold):
    metrics = decision_metrics(LABELS, P, threshold, COUNTS)
    for number, row in enumerate(COUNTS):
        labels, p = repeated(row)
        called = (threshold <= p).astype(int)
        expected = {
            "sensitivity": sk.recall_score(labels, called),
            "specificity": sk.recall_score(labels, called, pos_label=0),
            "ppv": sk.precision_score(labels, called, zero_division=0),
            "npv": sk.precision_score(labels, called, pos_label=0, zero_division=0),
            "f1": sk.f1_score(labels, called),
            "accuracy": sk.accuracy_score(labels, called),
            "balanced_accuracy": sk.balanced_accuracy_score(labels, called),
        }
        assert {name: values[number] for name, values in metrics.items()} == pytest.approx(expected, abs=1e-12)


def test_log_loss_equals_scikit_learns_and_observed_over_expected_is_a_ratio():
    p = np.clip(P, 0.02, 0.98)
    metrics = calibration_metrics(LABELS, p, COUNTS)
    for number, row in enumerate(COUNTS):
        assert metrics["log_loss"][number] == pytest.approx(sk.log_loss(LABELS, p, sample_weight=row))
        assert metrics["observed_over_expected"][number] == pytest.approx((row @ LABELS) / (row @ p))
    certain = point_estimate(calibration_metrics(np.array([0, 1]), np.array([1.0, 0.0]), np.ones((1, 2))))
    assert np.isfinite(list(certain.values())).all()


def test_calibration_by_hand():
    labels, p = np.array([0, 1, 1, 0]), np.array([0.05, 0.05, 0.95, 0.95])
    metrics = point_estimate(calibration_metrics(labels, p, unit_weights(labels)))  # two bins, each with a rate of 1/2
    assert metrics["ece"] == pytest.approx(0.45)
    assert metrics["ece_equal_mass"] == pytest.approx(0.45)
    assert metrics["mce"] == pytest.approx(0.45)
    assert metrics["brier_score"] == pytest.approx(np.mean([0.05**2, 0.95**2, 0.05**2, 0.95**2]))
    assert metrics["calibration_slope"] == pytest.approx(0, abs=1e-6)
    assert metrics["calibration_intercept"] == pytest.approx(0, abs=1e-6)


def test_calibration_lines_equal_scikit_learns_under_every_weighting():
    p = np.clip(P, 0.02, 0.98)
    metrics = calibration_metrics(LABELS, p, COUNTS)
    for number, row in enumerate(COUNTS):
        model = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds(p)[:, None], LABELS, sample_weight=row)
        assert metrics["calibration_slope"][number] == pytest.approx(model.coef_[0, 0], abs=1e-3)
        large = metrics["calibration_intercept"][number]
        fitted = 1 / (1 + np.exp(-(large + log_odds(p))))
        assert (row * fitted).sum() == pytest.approx((row * LABELS).sum(), rel=1e-4)  # what the intercept is for


def test_a_calibrated_model_has_slope_1_and_intercept_0():
    p = RNG.uniform(0.02, 0.98, 40_000)
    labels = (RNG.uniform(size=40_000) < p).astype(int)
    metrics = point_estimate(calibration_metrics(labels, p, unit_weights(labels)))
    assert metrics["calibration_slope"] == pytest.approx(1, abs=0.05)
    assert metrics["calibration_intercept"] == pytest.approx(0, abs=0.05)
    assert metrics["ece"] < 0.02


def test_perfect_separation_has_a_finite_line():
    labels = np.array([0, 0, 1, 1])
    metrics = point_estimate(calibration_metrics(labels, np.array([0.0, 0.1, 0.9, 1.0]), unit_weights(labels)))
    assert 0 < metrics["calibration_slope"] <= STEEPEST


def test_every_image_falls_into_a_bin():
    for bins in (equal_width, equal_mass):
        ends = np.array([0.0, 1.0])
        assert reliability(np.array([0, 1]), ends, bins(ends), unit_weights(ends))[0].sum() == 2
        assert reliability(LABELS, P, bins(P), unit_weights(P))[0].sum() == 400
    spread = RNG.uniform(size=1500)
    assert np.bincount(equal_mass(spread)).tolist() == [100] * 15


def test_the_operating_point_reaches_its_sensitivity_and_rejects_what_it_can():
    labels, p = np.array([1, 1, 1, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.1])
    assert thresholds_at_sensitivity(labels, p, 0.75, unit_weights(labels))[0] == 0.7
    metrics = point_estimate(decision_metrics(labels, p, 0.7, unit_weights(labels)))
    assert (metrics["sensitivity"], metrics["specificity"]) == (0.75, 1.0)  # the study's code gave specificity 0 here
    assert thresholds_at_sensitivity(labels, p, 0.76, unit_weights(labels))[0] == 0.2
    assert thresholds_at_sensitivity(labels, p, 1.0, unit_weights(labels))[0] == 0.2
    labels, p = np.ones(20), np.arange(20) / 20
    assert thresholds_at_sensitivity(labels, p, 0.95, unit_weights(labels))[0] == 0.05  # 19 of 20, not 20 of 20


def test_the_studys_numbers_come_out_again():
    table = pd.read_csv(ROOT / "metrics/published/ham10000.csv")
    labels = table["melanoma"].to_numpy()
    published = {
        "published_student_T1_alpha0.5": (0.9214, 0.072, 0.620),
        "published_efficientnet_b1": (0.9193, 0.174, 0.637),
    }
    for name, (roc_auc, ece, specificity) in published.items():
        p = table[name].to_numpy()
        assert point_estimate(ranking_metrics(labels, p, unit_weights(labels)))["roc_auc"] == pytest.approx(
            roc_auc, abs=5e-5
        )
        assert point_estimate(calibration_metrics(labels, p, unit_weights(labels)))["ece"] == pytest.approx(
            ece, abs=5e-4
        )
        threshold = thresholds_at_sensitivity(labels, p, 0.95, unit_weights(labels))[0]  # the holdout's, for this check
        metrics = point_estimate(decision_metrics(labels, p, threshold, unit_weights(labels)))
        assert metrics["specificity"] == pytest.approx(specificity, abs=5e-4)
    student = point_estimate(
        ranking_metrics(labels, table["published_student_T1_alpha0.5"].to_numpy(), unit_weights(labels))
    )
    assert student["average_precision"] == pytest.approx(0.6646, abs=5e-5)
    assert student["pr_auc"] == pytest.approx(0.6634, abs=5e-5)
