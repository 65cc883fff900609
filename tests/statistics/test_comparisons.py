"""Paired tests against published numbers, hand computations and simulations of no difference."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.evaluation.scores import score
from stages.statistics.comparisons import (
    Margins,
    Pair,
    bootstrap_p,
    comparison_table,
    detectable,
    holm,
    obuchowski,
    verdict,
)
from stages.statistics.intervals import draw_sample
from stages.statistics.ranking import ranking_metrics


def each(labels):
    """Return one lesion for each image."""
    return np.arange(len(labels))


def test_with_one_image_a_lesion_it_is_delongs_test():
    # Two melanomas, two others. A ranks all right: AUC 1. B has one pair of four wrong: AUC 3/4. A's structural
    # components do not vary; B's are (1, 1/2) and (1/2, 1), variance 1/8 each: Var = 1/8 / 2 + 1/8 / 2 = 1/8.
    labels = np.array([1, 1, 0, 0])
    a, b = np.array([4.0, 3.0, 2.0, 1.0]), np.array([4.0, 2.0, 3.0, 1.0])
    z = 0.25 / np.sqrt(1 / 8)  # 0.7071: two-sided p 0.4795
    assert z == pytest.approx(0.70711, abs=1e-5)
    assert obuchowski(labels, each(labels), a, b) == pytest.approx(0.4795, abs=1e-4)
    assert obuchowski(labels, each(labels), b, a) == obuchowski(labels, each(labels), a, b)


def test_two_images_of_a_lesion_by_hand():
    # Lesions a (melanoma, two images), b (melanoma), c and d (others). Model one ranks all right; model two puts c
    # above every melanoma: its components are 1/2 for each melanoma image, 0 for c and 1 for d. The differences, less
    # their mean 1/2, are 0 for all melanoma images, +1/2 for c, -1/2 for d: Var = 2/1 * ((1/4)^2 + (1/4)^2) = 1/4.
    labels, lesions = np.array([1, 1, 1, 0, 0]), np.array(["a", "a", "b", "c", "d"])
    one, two = np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.array([3.0, 2.5, 2.0, 4.0, 1.0])
    assert obuchowski(labels, lesions, one, two) == pytest.approx(0.3173, abs=1e-4)


def test_doubling_every_image_of_a_lesion_changes_nothing():
    """To DeLong's test it is twice the evidence; here the lesions are as many as before."""
    rng = np.random.default_rng(3)
    labels = (np.arange(80) < 20).astype(int)
    a, b = (labels + rng.normal(size=80) for _ in range(2))
    once = obuchowski(labels, each(labels), a, b)
    twice = [np.repeat(values, 2) for values in (labels, each(labels), a, b)]
    assert obuchowski(*twice) == pytest.approx(once)
    assert obuchowski(twice[0], np.arange(160), *twice[2:]) < once  # as if the copies were other lesions


def test_it_depends_on_ranks_alone_and_finds_no_difference_from_itself():
    rng = np.random.default_rng(0)
    labels, a, b = rng.integers(0, 2, 200), rng.uniform(size=200), rng.uniform(size=200)
    assert obuchowski(labels, each(labels), np.exp(a), b**3) == pytest.approx(obuchowski(labels, each(labels), a, b))
    assert obuchowski(labels, each(labels), a, a) == 1


def test_it_rejects_equal_models_as_often_as_it_says_where_images_of_a_lesion_are_alike():
    rng = np.random.default_rng(1)
    lesions = np.repeat(np.arange(100), 3)
    labels = (lesions < 30).astype(int)
    rejected, independent = 0, 0
    for _ in range(400):
        a, b = (labels + rng.normal(size=100)[lesions] + 0.3 * rng.normal(size=300) for _ in range(2))
        rejected += obuchowski(labels, lesions, a, b) < 0.05
        independent += obuchowski(labels, np.arange(300), a, b) < 0.05
    assert 0.02 <= rejected / 400 <= 0.08
    assert independent / 400 > 0.12  # the images taken as lesions of their own


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5]) == [0.5]
    assert holm([0.6, 0.7]) == [1, 1]


def test_over_a_family_of_equal_models_holm_holds_five_percent_and_the_p_values_alone_do_not():
    """Five students as good as their reference, over 250 holdouts of 300 lesions: how often one of them is shown."""
    rng, shown = np.random.default_rng(0), {"alone": 0, "holm": 0}
    labels = np.repeat([1, 0], [60, 240])
    images = pd.DataFrame({"melanoma": labels, "lesion_id": np.arange(300).astype(str)})
    for seed in range(250):
        weights = draw_sample(images, replicates=200, seed=seed).weights
        aucs = [roc_auc(labels, 1.2 * labels + rng.normal(size=300), weights) for _ in range(6)]
        p = [bootstrap_p(auc - aucs[0]) for auc in aucs[1:]]
        shown["alone"] += min(p) < 0.05
        shown["holm"] += min(holm(p)) < 0.05
    assert shown["alone"] / 250 > 0.12
    assert shown["holm"] / 250 < 0.09


def roc_auc(labels, p, weights):
    return ranking_metrics(labels, p, weights)["roc_auc"]


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
    table = comparison_table(pairs, lambda name, _: estimates[name], sample, p).set_index(["family", "model", "metric"])
    same = table.loc[("one", "good")]
    assert (same[["difference", "low", "high"]] == 0).all().all()
    assert (same["verdict"] == "no difference shown").all()
    assert table.loc[("two", "good", "roc_auc"), "verdict"] == "better"
    assert table.loc[("two", "noise", "roc_auc"), "verdict"] == "worse"
    assert table.loc[("two", "good", "roc_auc"), "p_holm"] == 2 * table.loc[("two", "good", "roc_auc"), "p"]
    assert (table["p_holm"] >= table["p"]).all()
    others = table.loc["two", "good"].query("primary == 'no'").sort_values("p")
    assert others["p_holm"].iloc[0] == min(1, others["p"].iloc[0] * len(others))  # over the metrics of the pair
    assert (table["p_obuchowski"] != "-").sum() == 3
    assert (table["compares"] == "these two trained models").all()
    assert (table["claim"] == "-").all()


def test_within_sources_is_primary_where_they_are_known_unless_pooled_is_asked_for():
    sample, p = fake()
    sources = np.where(np.arange(len(sample.labels)) % 4 < 2, "one", "two")
    sample = dataclasses.replace(sample, sources=sources)
    estimates = {name: score(sample, values, 0.4) for name, values in p.items()}
    pairs = [Pair("one", "good", "noise")]
    table = comparison_table(pairs, lambda name, _: estimates[name], sample, p)
    assert table.query("primary == 'yes'")[["at", "metric"]].to_numpy().tolist() == [["within sources", "roc_auc"]]
    pooled = comparison_table(pairs, lambda name, _: estimates[name], sample, p, primary=("all", "roc_auc"))
    assert pooled.query("primary == 'yes'")["at"].tolist() == ["all"]


def test_a_p_near_the_line_is_computed_with_more_replicates():
    sample, p = fake()
    key, asked = ("all", "roc_auc"), []
    drawn = np.append(0.02, np.repeat([-1.0, 1.0], [25, 975]))  # p = 2 * 26 / 1001

    def finer(name, at):
        asked.append((name, at))
        return {key: np.append(0.02 if name == "good" else 0, np.ones(99) if name == "good" else np.zeros(99))}

    estimates = {"good": {key: drawn}, "noise": {key: np.zeros(1001)}}
    table = comparison_table([Pair("one", "good", "noise")], lambda name, _: estimates[name], sample, p, finer=finer)
    assert asked == [("good", "all"), ("noise", "all")]
    assert table["p"].tolist() == pytest.approx([0.02])


def test_means_of_seeds_are_compared_as_trainings_and_have_no_test_of_two_models():
    sample, p = fake()
    estimates = {name: score(sample, values, 0.4) for name, values in p.items()}
    estimates["mean"] = {key: (estimates["good"][key] + estimates["noise"][key]) / 2 for key in estimates["good"]}
    table = comparison_table([Pair("means", "mean", "noise")], lambda name, _: estimates[name], sample, p)
    assert (table["compares"] == "trainings").all()
    assert (table["p_obuchowski"] == "-").all()


def test_a_margin_is_kept_only_if_the_whole_interval_keeps_it():
    margins = Margins(equivalent={"int8": 0.005}, not_inferior={"student": 0.02})
    assert margins.claim("int8", -0.004, 0.004) == {"margin": "0.005", "claim": "equivalent"}
    assert margins.claim("int8", -0.006, 0.004)["claim"] == "equivalent: not shown"
    assert margins.claim("int8", -0.004, 0.006)["claim"] == "equivalent: not shown"
    assert margins.claim("student", -0.019, 0.5) == {"margin": "0.02", "claim": "not inferior"}
    assert margins.claim("student", -0.021, 0.5)["claim"] == "not inferior: not shown"
    assert margins.claim("another", 0, 0) == {"margin": "-", "claim": "-"}


def test_the_claim_stands_in_the_row_of_roc_auc_alone():
    sample, p = fake()
    estimates = {name: score(sample, values, 0.4) for name, values in p.items()}
    pairs = [Pair("int8", "good", "copy"), Pair("int8", "good", "noise")]
    table = comparison_table(pairs, lambda name, _: estimates[name], sample, p, Margins({"int8": 0.005}, {}))
    auc = table[table["metric"] == "roc_auc"]
    assert auc["claim"].tolist() == ["equivalent", "equivalent: not shown"]
    assert (table.loc[table["metric"] != "roc_auc", ["claim", "margin"]] == "-").all().all()


def test_a_difference_of_the_smallest_detectable_size_is_found_in_four_of_five_samples():
    rng = np.random.default_rng(0)
    smallest = float(detectable(np.append(0, rng.normal(0, 0.01, 20_000)))["smallest_detectable"])
    assert smallest == pytest.approx(0.028, abs=5e-4)
    found = np.abs(smallest + rng.normal(0, 0.01, 20_000)) > 1.96 * 0.01
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_where_nothing_varies_no_smallest_difference_is_claimed():
    assert detectable(np.zeros(10)) == {"standard_error": "-", "smallest_detectable": "-"}


def test_the_studys_student_and_teacher_do_not_differ():
    table = pd.read_csv(ROOT / "metrics/published/ham10000.csv")
    labels, student = table["melanoma"].to_numpy(), table["published_student_T1_alpha0.5"].to_numpy()
    p = obuchowski(labels, each(labels), student, table["published_efficientnet_b1"].to_numpy())
    assert p == pytest.approx(0.82, abs=5e-3)
