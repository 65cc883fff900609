"""Each metric against scikit-learn, a hand computation or the study's published numbers."""

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED
from sklearn import metrics as sk

from stages.evidence.metrics import (
    calibration_metrics,
    check_labels,
    decision_metrics,
    ranking_metrics,
    reliability,
    threshold_at_sensitivity,
    threshold_curve,
)

RNG = np.random.default_rng(0)
LABELS = (RNG.uniform(size=400) < 0.2).astype(int)
P = np.clip(0.2 + 0.3 * LABELS + RNG.normal(0, 0.2, 400), 0, 1).round(2)


def test_ranking_equals_scikit_learns():
    found = ranking_metrics(LABELS, P)
    assert found["roc_auc"] == sk.roc_auc_score(LABELS, P)
    assert found["average_precision"] == sk.average_precision_score(LABELS, P)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_decisions_equal_scikit_learns(threshold):
    found, called = decision_metrics(LABELS, P, threshold), (threshold <= P).astype(int)
    assert found["sensitivity"] == sk.recall_score(LABELS, called)
    assert found["specificity"] == sk.recall_score(LABELS, called, pos_label=0)
    assert found["ppv"] == sk.precision_score(LABELS, called, zero_division=0)
    assert found["npv"] == sk.precision_score(LABELS, called, pos_label=0, zero_division=0)
    assert found["f1"] == pytest.approx(sk.f1_score(LABELS, called))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(LABELS, called))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(LABELS, called))


def test_calibration_by_hand():
    labels, p = np.array([0, 1, 1, 0]), np.array([0.05, 0.05, 0.95, 0.95])
    found = calibration_metrics(labels, p)  # two bins, each with a rate of 1/2
    assert found["ece"] == pytest.approx(0.45)
    assert found["mce"] == pytest.approx(0.45)
    assert found["brier_score"] == pytest.approx(np.mean([0.05**2, 0.95**2, 0.05**2, 0.95**2]))


def test_every_image_falls_into_a_bin():
    assert reliability(np.array([0, 1]), np.array([0.0, 1.0]))["images"].tolist() == [1, 1]
    assert reliability(LABELS, P)["images"].sum() == 400


def test_the_operating_point_reaches_its_sensitivity_and_rejects_what_it_can():
    labels, p = np.array([1, 1, 1, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.1])
    assert threshold_at_sensitivity(labels, p, 0.75) == 0.7
    found = decision_metrics(labels, p, 0.7)
    assert (found["sensitivity"], found["specificity"]) == (0.75, 1.0)  # the study's code found specificity 0 here
    assert threshold_at_sensitivity(labels, p, 0.76) == 0.2
    assert threshold_at_sensitivity(labels, p, 1.0) == 0.2
    assert threshold_at_sensitivity(np.ones(20), np.arange(20) / 20, 0.95) == 0.05  # 19 of 20, not 20 of 20


def test_threshold_curves_hold_the_decisions():
    (row,) = threshold_curve(LABELS, P, np.array([0.3]))
    assert row["f1"] == decision_metrics(LABELS, P, 0.3)["f1"]


def test_one_class_alone_is_refused():
    with pytest.raises(ValueError, match=r"val\.csv: wanted melanomas and other lesions, found 0 of 4 melanomas"):
        check_labels(np.zeros(4, int), "val.csv")


@pytest.mark.skipif(not (SHARED / "reference").is_dir(), reason="needs the study's per-image predictions")
def test_the_studys_numbers_come_out_again():
    table = pd.read_csv(SHARED / "reference/published_holdout_predictions.csv")
    labels = table["melanoma"].to_numpy()
    student, teacher = table["p_student_T1_alpha0.5"].to_numpy(), table["p_efficientnet_b1"].to_numpy()
    assert ranking_metrics(labels, student)["roc_auc"] == pytest.approx(0.9214, abs=5e-5)
    assert ranking_metrics(labels, teacher)["roc_auc"] == pytest.approx(0.9193, abs=5e-5)
    assert ranking_metrics(labels, student)["average_precision"] == pytest.approx(0.6646, abs=5e-5)
    assert ranking_metrics(labels, student)["pr_auc"] == pytest.approx(0.6634, abs=5e-5)
    assert calibration_metrics(labels, student)["ece"] == pytest.approx(0.072, abs=5e-4)
    assert calibration_metrics(labels, teacher)["ece"] == pytest.approx(0.174, abs=5e-4)
    for p, specificity in ((student, 0.620), (teacher, 0.637)):  # threshold from the holdout, for this check only
        found = decision_metrics(labels, p, threshold_at_sensitivity(labels, p, 0.95))
        assert found["specificity"] == pytest.approx(specificity, abs=5e-4)
