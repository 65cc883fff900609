"""Paired tests against published numbers, hand computations and simulations of no difference."""

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED

from stages.evaluation.scores import score
from stages.statistics.comparisons import Pair, bootstrap_p, comparison_table, delong, holm, verdict
from stages.statistics.intervals import draw_sample


def test_delong_by_hand():
    # Two melanomas, two others. A ranks all right: AUC 1. B has one pair of four wrong: AUC 3/4. A's structural
    # components do not vary; B's are (1, 1/2) and (1/2, 1), variance 1/8 each: Var = 1/8 / 2 + 1/8 / 2 = 1/8.
    labels = np.array([1, 1, 0, 0])
    a, b = np.array([4.0, 3.0, 2.0, 1.0]), np.array([4.0, 2.0, 3.0, 1.0])
    z = 0.25 / np.sqrt(1 / 8)  # 0.7071: two-sided p 0.4795
    assert z == pytest.approx(0.70711, abs=1e-5)
    assert delong(labels, a, b) == pytest.approx(0.4795, abs=1e-4)
    assert delong(labels, b, a) == delong(labels, a, b)


def test_delong_depends_on_ranks_alone_and_finds_no_difference_from_itself():
    rng = np.random.default_rng(0)
    labels, a, b = rng.integers(0, 2, 200), rng.uniform(size=200), rng.uniform(size=200)
    assert delong(labels, np.exp(a), b**3) == pytest.approx(delong(labels, a, b))
    assert delong(labels, a, a) == 1


def test_delong_rejects_equal_models_as_often_as_it_says():
    rng = np.random.default_rng(1)
    rejected = 0
    for _ in range(400):
        labels = (np.arange(200) < 50).astype(int)
        signal = labels + rng.normal(size=200)
        rejected += delong(labels, signal + rng.normal(size=200), signal + rng.normal(size=200)) < 0.05
    assert 0.02 <= rejected / 400 <= 0.08


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5]) == [0.5]
    assert holm([0.6, 0.7]) == [1, 1]


def test_the_bootstraps_p_counts_the_smaller_side():
    assert bootstrap_p(np.append(1.0, np.ones(999))) == pytest.approx(0.002)
    assert bootstrap_p(np.append(0.0, [-1.0] * 500 + [1.0] * 499)) == 1
    assert bootstrap_p(np.append(0.5, [-1.0] * 24 + [1.0] * 975)) == pytest.approx(2 * 25 / 1000)
    assert bootstrap_p(np.zeros(100)) == 1  # two models that never differ


def test_better_and_worse_need_a_p_and_know_which_way_is_up():
    assert verdict("roc_auc", 0.2, 0.05) == "no difference shown"
    assert verdict("roc_auc", 0.01, 0.04) == "better"
    assert verdict("roc_auc", -0.01, 0.04) == "worse"
    assert verdict("ece", 0.01, 0.04) == "worse"
    assert verdict("brier_score", -0.01, 0.04) == "better"


def fake(seed=0, images=300):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"melanoma": (np.arange(images) < images // 4).astype(int)})
    table["lesion_id"] = (np.arange(images) // 2).astype(str)
    good = np.clip(0.3 + 0.4 * table["melanoma"] + rng.normal(0, 0.15, images), 0.001, 0.999).to_numpy()
    return draw_sample(table, replicates=300, seed=0), {"good": good, "copy": good, "noise": rng.uniform(size=images)}


def test_a_comparison_is_paired_and_corrected_within_its_family():
    sample, p = fake()
    estimates = {name: score(sample, values, 0.4) for name, values in p.items()}
    pairs = [Pair("one", "good", "copy"), Pair("two", "good", "noise"), Pair("two", "noise", "copy")]
    table = comparison_table(pairs, estimates, sample.labels, p).set_index(["family", "model", "metric"])
    same = table.loc[("one", "good")]
    assert (same[["difference", "low", "high"]] == 0).all().all()
    assert (same["verdict"] == "no difference shown").all()
    assert table.loc[("two", "good", "roc_auc"), "verdict"] == "better"
    assert table.loc[("two", "noise", "roc_auc"), "verdict"] == "worse"
    assert table.loc[("two", "good", "roc_auc"), "p_holm"] == 2 * table.loc[("two", "good", "roc_auc"), "p"]
    assert (table["p_holm"] >= table["p"]).all()
    assert (table["p_delong"] != "-").sum() == 3


@pytest.mark.skipif(not (SHARED / "reference").is_dir(), reason="needs the study's per-image predictions")
def test_the_studys_student_and_teacher_do_not_differ():
    table = pd.read_csv(SHARED / "reference/published_holdout_predictions.csv")
    labels, student = table["melanoma"].to_numpy(), table["p_student_T1_alpha0.5"].to_numpy()
    assert delong(labels, student, table["p_efficientnet_b1"].to_numpy()) == pytest.approx(0.82, abs=5e-3)
