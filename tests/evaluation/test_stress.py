"""Altered images and pictures: the tables hold what the frozen answers say."""

import numpy as np
import pandas as pd
import pytest
from conftest import question
from sklearn.metrics import roc_auc_score

from stages.pictures.alterations import ALTERATIONS, MEANS
from stages.statistics.metrics import share


def test_a_share_follows_the_weights():
    member, weights = np.array([True, False, False, True]), np.array([[1, 1, 1, 1], [2, 0, 1, 1]], np.uint8)
    assert share(member, weights).tolist() == [0.5, 0.75]


def test_a_share_of_many_images_does_not_overflow_the_weights_bytes():
    member, weights = np.ones(1000, dtype=bool), np.ones((3, 1000), np.uint8)
    assert share(member, weights).tolist() == [1, 1, 1]


def test_unaltered_images_change_nothing(tiny):
    table = question(tiny, "stress", "alterations").set_index(["of", "strength", "metric"])
    models = pd.read_csv(tiny / "metrics/demo/evaluation/models.csv", dtype={"at": str})
    models = models.query("model == 'student_int8' and split == 'holdout'").set_index(["at", "metric"])
    assert table.loc[("none", 0, "changed"), "value"] == 0
    assert table.loc[("none", 0, "changed"), "high"] > 0  # no change among so few images promises little
    for at, metric in (("all", "roc_auc"), ("operating point", "sensitivity"), ("operating point", "specificity")):
        for column in ("value", "low", "high"):
            unaltered = models.loc[(at, metric), column]
            assert table.loc[("none", 0, metric), column] == pytest.approx(float(unaltered), abs=1e-6)


def test_every_alteration_has_five_strengths_and_every_number_an_interval(tiny):
    table = question(tiny, "stress", "alterations")
    counts = table[table["of"] != "none"].groupby("of")["strength"].agg(["nunique", "size"])
    assert (counts["nunique"] == 5).all()
    metrics = table.groupby(["of", "strength"])["metric"].agg(set)
    answered = {"changed_answered", "sensitivity_answered"}
    assert all(set(table["metric"]) - each <= answered for each in metrics)  # where all are refused
    assert len(counts) == len(ALTERATIONS)
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_means_are_over_the_alterations_they_name(tiny):
    table = question(tiny, "stress", "alterations").set_index("of")
    means = question(tiny, "stress", "alterations averaged").set_index(["of", "strength", "metric"])["value"]
    averages = {"like nothing": MEANS["like nothing"], "blur": ["defocus_blur", "motion_blur", "zoom_blur", "blur"]}
    for metric in ("roc_auc", "missed_in_silence"):
        values = table[table["metric"] == metric]
        for of, names in averages.items():
            strong = values.query("strength == 5").loc[names, "value"].mean()
            mild = values.query("strength <= 3").loc[names, "value"].mean()
            assert means[of, "5", metric] == pytest.approx(strong, abs=1e-6)
            assert means[of, "1 to 3", metric] == pytest.approx(mild, abs=1e-6)


def test_others_are_averaged_over_the_same_cases(tiny):
    table = question(tiny, "stress", "alterations compared").set_index(["of", "model", "metric"])
    answers = pd.read_csv(tiny / "models/demo/predictions/stress/compared.csv")
    labels = pd.read_csv(tiny / "data/processed/demo/holdout.csv").set_index("image_id")["dx"] == "mel"
    of_noise = answers[answers["alteration"].str.endswith("_noise")].groupby(["alteration", "strength"])
    control = of_noise[["image_id", "control"]].apply(
        lambda case: roc_auc_score(labels[case["image_id"]], case["control"])
    )
    found = table["value"].xs(("noise", "roc_auc"), level=("of", "metric"))
    assert found["student_T1_alpha0"] == pytest.approx(control.mean(), abs=1e-6)
    assert found["student_int8 - student_T1_alpha0"] == pytest.approx(
        found["student_int8"] - found["student_T1_alpha0"], abs=2e-6
    )
    averaged = question(tiny, "stress", "alterations averaged").set_index(["of", "strength", "metric"])["value"]
    assert found["student_int8"] == pytest.approx(averaged["noise", "1 to 3", "roc_auc"], abs=1e-6)
    assert (table["low"] <= table["value"]).all()


def test_a_skin_tone_of_enough_lesions_has_its_own_metrics(tiny):
    table = question(tiny, "stress", "skin tones")
    assert table.query("metric == 'share'")["value"].sum() == pytest.approx(1, abs=1e-5)
    assert table.query("metric == 'share'")["pictures"].sum() == table["pictures"].groupby(table["of"]).first().sum()
    assert not table[table["melanomas"] == 0]["metric"].isin(["roc_auc", "sensitivity"]).any()
    decision = pd.read_json(tiny / "models/demo/predictions/onnx/decisions.json")["student_int8"]
    answers = pd.read_csv(tiny / "models/demo/predictions/stress/altered.csv").query("alteration == 'none'")
    angles = pd.read_csv(tiny / "models/demo/predictions/stress/skin.csv")
    images = pd.read_csv(tiny / "data/processed/demo/holdout.csv").merge(answers, on="image_id").merge(angles)
    others = images[(images["dx"] != "mel") & (images["typology_angle"] >= 55)]
    found = table.set_index(["of", "metric"])["value"]["very light", "specificity"]
    assert found == pytest.approx((others["p_melanoma"] < decision["threshold"]).mean(), abs=1e-6)


def test_what_is_missed_in_silence_is_neither_flagged_nor_refused(tiny):
    stress = pd.read_csv(tiny / "models/demo/predictions/stress/altered.csv").set_index("image_id")
    decision = pd.read_json(tiny / "models/demo/predictions/onnx/decisions.json")["student_int8"]
    holdout = pd.read_csv(tiny / "data/processed/demo/holdout.csv").query("dx == 'mel'")["image_id"]
    table = question(tiny, "stress", "alterations").set_index(["of", "strength", "metric"])["value"]
    for (name, strength), group in stress.loc[holdout].groupby(["alteration", "strength"]):
        missed, answered = group["p_melanoma"] < decision["threshold"], group["distance"] <= decision["farthest"]
        assert table[name, strength, "missed_in_silence"] == pytest.approx((missed & answered).mean(), abs=1e-6)
        if (name, strength, "sensitivity_answered") in table:
            found = table[name, strength, "sensitivity_answered"]
            assert found == pytest.approx(1 - missed[answered].mean(), abs=1e-6)
    assert ("none", 0, "sensitivity_answered") in table


def test_refusals_are_counted_with_the_files_own_bound(tiny):
    stress = tiny / "models/demo/predictions/stress"
    farthest = pd.read_json(tiny / "models/demo/predictions/onnx/decisions.json")["student_int8"]["farthest"]
    pictures = pd.read_csv(stress / "pictures.csv")
    table = question(tiny, "stress", "refusal").set_index("of")
    for kind, group in pictures.groupby("kind"):
        assert table.loc[kind, "pictures"] == len(group)
        assert table.loc[kind, "low"] <= table.loc[kind, "value"] <= table.loc[kind, "high"]
        assert table.loc[kind, "value"] == pytest.approx((group["distance"] > farthest).mean(), abs=1e-6)
    altered = pd.read_csv(stress / "altered.csv").query("alteration == 'none'")
    assert table.loc["holdout", "pictures"] == len(altered)
    assert table.loc["holdout", "value"] == pytest.approx((altered["distance"] > farthest).mean(), abs=1e-6)
