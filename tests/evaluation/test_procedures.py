"""Ways of training over folds: equal ones do not differ, a better one is shown, seeds and folds are counted."""

import numpy as np
import pandas as pd
import pytest

from stages.evaluation.procedures import compare_procedures
from stages.foundation.settings import Evaluate, Kd

KD = Kd(teachers=["resnet18"], loss="kl", label_turns=1, temperature=1, alpha=0.5, repeated="T1_alpha0.5", seeds=[43])
SETTINGS = Evaluate(
    sensitivity=0.95, coverage=0.95, replicates=200, seed=1, margins={"equivalent": 0.005, "not_inferior": 0.02},
    prevalences=[0.11], threshold_probability=0.05,
)  # fmt: skip


def fold(seed, gain):
    """Return a frozen table whose distilled students see the truth better by `gain` standard deviations."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(400) % 5 == 0).astype(int)
    table = pd.DataFrame({"image_id": np.arange(400), "lesion_id": np.arange(400) // 2, "melanoma": labels})
    table["split"] = np.where(np.arange(400) < 200, "val", "holdout")
    for ending in ("", "_seed43"):
        for turned in ("", "_turned"):
            noise = rng.normal(size=400)
            for student, strength in (("T1_alpha0.5", 1.5 + gain), ("T1_alpha0", 1.5)):
                logit = -2 + strength * labels + noise
                table[f"student_{student}{ending}{turned}"] = 1 / (1 + np.exp(-logit))
    return table


def rows(gain):
    table = compare_procedures([fold(seed, gain) for seed in range(3)], KD, SETTINGS)
    assert set(zip(table["folds"], table["seeds"], strict=True)) == {(3, 2)}
    return table.set_index(["turns", "metric"])


def test_equal_ways_of_training_do_not_differ():
    table = rows(0.0)
    assert (table["difference"] == 0).all()
    assert (table["p"] == 1).all()


def test_a_better_way_is_shown_for_either_number_of_turns():
    table = rows(0.8)
    for turns in ("1", "4"):
        assert table.loc[(turns, "roc_auc"), "verdict"] == "better"
        assert table.loc[(turns, "roc_auc"), "low"] > 0
        assert table.loc[(turns, "log_loss"), "difference"] < 0


def test_a_metric_is_its_mean_over_folds_and_seeds():
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415 - only here

    folds = [fold(seed, 0.8) for seed in range(3)]
    means = {}
    for student in ("T1_alpha0.5", "T1_alpha0"):
        values = []
        for table in folds:
            holdout = table[table["split"] == "holdout"]
            values += [
                roc_auc_score(holdout["melanoma"], holdout[f"student_{student}{end}"]) for end in ("", "_seed43")
            ]
        means[student] = np.mean(values)
    row = rows(0.8).loc[("1", "roc_auc")]
    assert row["reference_value"] == pytest.approx(means["T1_alpha0"])
    assert row["difference"] == pytest.approx(means["T1_alpha0.5"] - means["T1_alpha0"])
