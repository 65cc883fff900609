"""Intervals: lesions go together, replicates hold both classes, coverage is what is promised."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from stages.statistics.intervals import bootstrap_weights, draw_sample, interval, mean_over_seeds
from stages.statistics.metrics import calibration_metrics
from stages.statistics.ranking import ranking_metrics

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
    ones[3] = 0.9  # where each replicate has a threshold of its own, one may miss something
    assert interval(ones, trials=10)["low"] == pytest.approx(0.6915, abs=1e-4)


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


@pytest.mark.parametrize(
    ("seeds", "of_seeds", "of_both", "shared"),
    [(3, 1, 0.05, 0.05), (3, 1, 0.7, 0.5), (3, 0, 1, 0.5), (5, 1, 0.3, 0.3), (5, 0, 1, 0.05)],
)
def test_the_interval_of_a_mean_over_seeds_covers_the_truth(seeds, of_seeds, of_both, shared):
    """Errors of the trainings, of what each makes of the sample, and of the sample; three seeds covered .80 before."""
    rng, key, covered, runs = np.random.default_rng(0), ("all", "roc_auc"), 0, 600
    for _ in range(runs):
        found = of_seeds * rng.normal(size=seeds) + of_both * rng.normal(size=seeds) + shared * rng.normal()
        drawn = shared * rng.normal(size=400) + of_both * rng.normal(size=(seeds, 400))
        each = [{key: np.append(value, value + noise)} for value, noise in zip(found, drawn, strict=True)]
        mean = mean_over_seeds(each, rng)[key]
        assert mean[0] == pytest.approx(found.mean())
        bounds = interval(mean, bounded=False)
        covered += bounds["low"] <= 0 <= bounds["high"]
    assert 0.92 <= covered / runs <= 0.985


def test_an_image_is_compared_within_its_source_where_every_replicate_has_a_pair():
    table = pd.DataFrame({"melanoma": LABELS, "lesion_id": LESIONS})
    assert not draw_sample(table, replicates=50, seed=0).compares_within_sources  # one source, which is not known
    assert not draw_sample(table.assign(dataset=list("aaaabbb")), replicates=50, seed=0).compares_within_sources
    many = pd.concat([table.assign(lesion_id=table["lesion_id"] + str(n), dataset="ab"[n % 2]) for n in range(20)])
    assert draw_sample(many, replicates=50, seed=0).compares_within_sources


def test_a_mean_over_equal_seeds_is_one_of_them():
    run = {("all", "roc_auc"): np.linspace(0.8, 0.9, 101)}
    mean = mean_over_seeds([run, run, run], np.random.default_rng(0))
    assert mean["all", "roc_auc"] == pytest.approx(run["all", "roc_auc"])


def test_a_patient_is_one_trial_however_many_lesions_it_has():
    """3 patients with 4 melanomas each, all found: the exact interval of 3, not of 12."""
    table = pd.DataFrame({"melanoma": 1, "lesion_id": [f"L{n}" for n in range(12)], "group": np.repeat(list("abc"), 4)})
    sample = draw_sample(table, replicates=10, seed=0)
    everything = np.ones(12, dtype=bool)
    assert (sample.lesions_of(everything), sample.groups_of(everything)) == (12, 3)
    assert sample.of(np.arange(12) < 4).groups_of(everything[:4]) == 1
    assert interval(np.ones(11), trials=3)["low"] == pytest.approx(0.2924, abs=1e-4)
