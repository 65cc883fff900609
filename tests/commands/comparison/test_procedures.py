"""Ways of training over folds: equal ones do not differ, a better one is shown, seeds and folds are counted."""

import numpy as np
import pandas as pd
import pytest
from frozen_folds import KD, SETTINGS, fold
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from stages.commands.comparison.compare import kept
from stages.commands.comparison.procedures import Procedure, compare_procedures, score_procedures


def compared(folds):
    ways = {"-": Procedure(KD, folds)}
    return compare_procedures(ways, score_procedures(ways, SETTINGS), SETTINGS)


def rows(gain):
    table = compared([fold(seed, gain) for seed in range(3)])
    assert set(zip(table["folds"], table["seeds"], strict=True)) == {(3, 2)}
    return table[table["at"] == "all"].set_index(["turns", "metric"])


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


def test_a_student_without_a_teacher_is_compared_with_the_released_one():
    folds = [fold(seed, 0.0) for seed in range(3)]
    for table in folds:
        table["released"] = table["student_T1_alpha0"]
    alone = {"-": Procedure(KD.model_copy(update={"repeated": "T1_alpha0"}), folds)}
    table = compare_procedures(alone, score_procedures(alone, SETTINGS), SETTINGS)
    assert set(table["reference"]) == {"released"}
    assert set(table["turns"]) == {"1"}
    images = kept(alone["-"], [0, 1, 2], "recipe")
    assert not images.duplicated(["image_id", "student"]).any()
    alone = {"-": Procedure(alone["-"].kd, [table.drop(columns="released") for table in folds])}
    with pytest.raises(ValueError, match="nothing to compare: the student is the control"):
        compare_procedures(alone, score_procedures(alone, SETTINGS), SETTINGS)


def test_a_metric_is_its_mean_over_folds_and_seeds():
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


def error_of(folds):
    table = compared(folds).set_index(["turns", "metric"])
    return float(table.loc[("1", "roc_auc"), "standard_error"])


def paired(seed, gap=0.0):
    """Return a fold of lesions with two images that score alike; the second distilled seed is worse by `gap`."""
    rng = np.random.default_rng(seed)
    lesion = np.arange(400) // 2
    labels = (lesion % 5 == 0).astype(int)
    table = pd.DataFrame({"image_id": 1000 * seed + np.arange(400), "lesion_id": lesion, "melanoma": labels})
    table["split"] = np.where(lesion < 100, "val", "holdout")
    noise, other = (rng.normal(size=200)[lesion] for _ in range(2))
    for name, logit in {
        "T1_alpha0.5": 2 * labels + noise,
        "T1_alpha0.5_seed43": (2 - gap) * labels + noise,
        "T1_alpha0": 2 * labels + other,
        "T1_alpha0_seed43": 2 * labels + other,
    }.items():
        table[f"student_{name}"] = table[f"student_{name}_turned"] = 1 / (1 + np.exp(2 - logit))
    return table


def test_a_second_photograph_that_says_the_same_is_no_more_evidence():
    table = paired(1)
    assert error_of([table]) == pytest.approx(error_of([table[::2]]))


def test_three_folds_are_three_times_the_evidence():
    folds = [paired(1).assign(image_id=lambda table, n=n: table["image_id"] + 1000 * n) for n in range(3)]
    assert error_of(folds) == pytest.approx(error_of(folds[:1]) / np.sqrt(3), rel=0.15)


def test_seeds_that_differ_widen_the_interval_by_their_variance():
    """Means of two: what differs between them, d, has the variance d^2 / 2 of one seed and d^2 / 4 of their mean."""
    alike, apart = paired(1), paired(1, gap=1.5)
    holdout = apart[apart["split"] == "holdout"]
    auc = [
        roc_auc_score(holdout["melanoma"], holdout[f"student_{name}"]) for name in ("T1_alpha0.5", "T1_alpha0.5_seed43")
    ]
    wider = t.ppf(0.975, 1) / norm.ppf(0.975)  # two seeds of one fold: one degree of freedom
    between = (wider * (auc[0] - auc[1])) ** 2 / 4
    assert between > 4 * error_of([alike]) ** 2
    assert error_of([apart]) ** 2 == pytest.approx(between + error_of([alike]) ** 2, rel=0.25)


def test_an_image_in_the_holdout_of_two_folds_is_refused():
    with pytest.raises(ValueError, match="1200 is in the holdout of two folds"):
        compared([fold(1, 0), fold(1, 0)])


def test_two_ways_are_each_compared_with_their_control_and_with_each_other():
    """The second's student is the first's but for its gain, so that what is between them is the gain alone."""
    ways = {f"gain={gain}": Procedure(KD, [fold(seed, gain) for seed in range(3)]) for gain in (0.4, 0.8)}
    table = compare_procedures(ways, score_procedures(ways, SETTINGS), SETTINGS).query(
        "turns == '1' and metric == 'roc_auc'"
    )
    pairs = list(zip(table["changed"], table["model"], table["reference_changed"], table["reference"], strict=True))
    assert pairs == [
        ("gain=0.4", "T1_alpha0.5", "gain=0.4", "T1_alpha0"),
        ("gain=0.8", "T1_alpha0.5", "gain=0.8", "T1_alpha0"),
        ("gain=0.8", "T1_alpha0.5", "gain=0.4", "T1_alpha0.5"),
    ]
    first, second, between = (row for _, row in table.iterrows())
    assert between["difference"] == pytest.approx(second["difference"] - first["difference"])
    assert between["reference_value"] == pytest.approx(first["reference_value"] + first["difference"])
    assert between["verdict"] == "better"
    assert between["standard_error"] < second["standard_error"]  # paired: their noise is the same


def test_ways_on_other_images_are_refused():
    ways = {"a": Procedure(KD, [fold(1, 0), fold(2, 0)]), "b": Procedure(KD, [fold(2, 0), fold(1, 0)])}
    with pytest.raises(ValueError, match="b: its folds hold other images than those of a"):
        compare_procedures(ways, score_procedures(ways, SETTINGS), SETTINGS)
