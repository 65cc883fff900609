"""Intervals: lesions go together, replicates hold both classes, coverage is what is promised."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from stages.statistics.intervals import bootstrap_weights, draw_sample, interval, mean_over_seeds
from stages.statistics.metrics import calibration_metrics, ranking_metrics

LABELS = np.array([1, 1, 0, 0, 0, 1, 0])
LESIONS = np.array(["a", "a", "b", "b", "c", "d", "e"])


def test_images_of_a_lesion_are_drawn_together_and_both_classes_as_often_as_there_are():
    weights = bootstrap_weights(LABELS, LESIONS, replicates=500, seed=0)
    assert weights.shape == (501, 7)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] == weights[:, 3]).all()
    one_each = weights[1:, [0, 2, 4, 5, 6]]  # one image a lesion: a, b, c, d, e
    assert (one_each[:, [0, 3]].sum(axis=1) == 2).all()
    assert (one_each[:, [1, 2, 4]].sum(axis=1) == 3).all()
    assert one_each.mean(axis=0) == pytest.approx(np.ones(5), abs=0.15)
    assert len(np.unique(weights, axis=0)) > 20


def test_the_seed_decides():
    draw = [bootstrap_weights(LABELS, LESIONS, replicates=50, seed=seed) for seed in (1, 1, 2)]
    assert (draw[0] == draw[1]).all()
    assert (draw[0] != draw[2]).any()


def test_the_interval_is_the_percentiles():
    estimates = np.append(0.5, np.linspace(0, 1, 1001))
    bounds = interval(estimates)
    assert bounds == pytest.approx({"value": 0.5, "low": 0.025, "high": 0.975})


def test_an_upward_bias_of_resampling_is_corrected():
    bounds = interval(np.append(0.1, np.linspace(0.1, 0.3, 1001)), biased_up=True)
    assert bounds == pytest.approx({"value": 0.1, "low": 0.005, "high": 0.195})


def test_a_share_of_everything_has_the_exact_binomial_interval():
    ones = np.ones(100)
    assert interval(ones, trials=10) == pytest.approx({"value": 1, "low": 0.6915, "high": 1}, abs=1e-4)  # tables
    assert interval(1 - ones, trials=10) == pytest.approx({"value": 0, "low": 0, "high": 0.3085}, abs=1e-4)


def test_an_ece_near_zero_lies_in_its_interval():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 6, 1500)
    labels = (rng.uniform(size=1500) < p).astype(int)
    sample = draw_sample(
        pd.DataFrame({"melanoma": labels, "lesion_id": np.arange(1500).astype(str)}), replicates=300, seed=0
    )
    bounds = interval(calibration_metrics(labels, p, sample.weights)["ece"], biased_up=True)
    assert bounds["low"] < bounds["value"] < bounds["high"]


def clustered(seed, lesions=300, melanomas=60):
    """Return images of lesions whose scores share a part: their true ROC-AUC is Phi(1.5 / sqrt 2)."""
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 4, lesions)
    lesion = np.repeat(np.arange(lesions), images)
    shared = np.sqrt(0.81) * rng.normal(size=lesions)
    score = shared[lesion] + np.sqrt(0.19) * rng.normal(size=len(lesion)) + 1.5 * (lesion < melanomas)
    return pd.DataFrame({"lesion_id": lesion.astype(str), "melanoma": (lesion < melanomas).astype(int)}), score


def test_the_intervals_coverage_over_200_data_sets_of_clustered_lesions():
    truth, covered = norm.cdf(1.5 / np.sqrt(2)), 0
    for seed in range(200):
        table, score = clustered(seed)
        sample = draw_sample(table, replicates=400, seed=seed)
        bounds = interval(ranking_metrics(sample.labels, score, sample.weights)["roc_auc"])
        covered += bounds["low"] <= truth <= bounds["high"]
    assert 0.92 <= covered / 200 <= 0.98


def test_a_mean_over_seeds_has_the_variance_of_lesions_and_of_seeds():
    """Truth .9, lesions' error .01 shared by the runs, seeds' error .02: a mean of 4 varies by .01^2 + .02^2 / 4."""
    rng, key, errors = np.random.default_rng(0), ("all", "roc_auc"), []
    for _ in range(300):
        lesions = 0.01 * rng.normal(size=500)
        runs = [{key: np.append(0.9, 0.9 + lesions) + 0.02 * rng.normal()} for _ in range(4)]
        mean = mean_over_seeds(runs, rng)[key]
        assert mean[0] == pytest.approx(np.mean([run[key][0] for run in runs]))
        errors.append(mean[1:].var())
    assert np.mean(errors) == pytest.approx(0.01**2 + 0.02**2 / 4, rel=0.05)


@pytest.mark.parametrize(("of_seeds", "of_both"), [(0.0, 0.5), (0.1, 0.5), (0.0, 2.0)])
def test_what_a_training_makes_of_single_lesions_is_counted_once(of_seeds, of_both):
    """Two ways of three trainings on the same 200 lesions: seeds vary by themselves and in what they make of each."""
    rng, key, errors, differences = np.random.default_rng(1), ("all", "roc_auc"), [], []
    for _ in range(150):
        shared, draws = rng.normal(size=200), rng.multinomial(200, np.full(200, 1 / 200), size=300)
        means = []
        for _ in range(2):
            runs = [shared + of_both * rng.normal(size=200) + of_seeds * rng.normal() for _ in range(3)]
            found = [{key: np.append(run.mean(), draws @ run / 200)} for run in runs]
            means.append(mean_over_seeds(found, np.random.default_rng(2))[key])
        difference = means[0] - means[1]
        differences.append(difference[0])
        errors.append(difference[1:].var())
    truth = 2 * (of_seeds**2 + of_both**2 / 200) / 3
    assert np.var(differences) == pytest.approx(truth, rel=0.4)
    assert truth * 0.8 < np.mean(errors) < truth * 1.45  # before: up to three times the truth


def test_a_mean_over_equal_seeds_is_one_of_them():
    run = {("all", "roc_auc"): np.linspace(0.8, 0.9, 101)}
    mean = mean_over_seeds([run, run, run], np.random.default_rng(0))
    assert mean["all", "roc_auc"] == pytest.approx(run["all", "roc_auc"])
