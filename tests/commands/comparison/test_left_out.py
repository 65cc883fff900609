"""Sources left out: metrics of every model in each, on the images that no way of training has seen."""

import numpy as np
import pytest
from frozen_folds import KD, SETTINGS, fold
from sklearn.metrics import roc_auc_score

from stages.commands.comparison.left_out import MEAN, compare_left_out
from stages.commands.comparison.procedures import Procedure


def source(seed, gain):
    """Return a source's frozen table, with a teacher that sees the truth better than its students."""
    table, rng = fold(seed, gain), np.random.default_rng(seed)
    logit = -2 + 4.0 * table["melanoma"] + rng.normal(size=len(table))
    return table.assign(resnet18=1 / (1 + np.exp(-logit)))


@pytest.fixture(scope="module")
def compared():
    return compare_left_out({"-": Procedure(KD, [source(1, 2.0), source(2, 0.0)])}, ["near", "far"], SETTINGS)


def test_every_model_has_its_metrics_in_each_source(compared):
    metrics = compared[0].set_index(["left_out", "model", "at", "metric"])
    holdout = source(1, 2.0).query("split == 'holdout'")
    expected = roc_auc_score(holdout["melanoma"], holdout["resnet18"])
    assert metrics.loc["near", "resnet18", "all", "roc_auc"]["value"] == pytest.approx(expected)
    assert set(compared[0]["model"]) == {"T1_alpha0.5", "T1_alpha0", "resnet18"}
    assert (compared[0]["images"] == 200).all()
    assert (compared[0]["low"] < compared[0]["high"]).all()
    reached = metrics.xs(("sensitivity reached there", "specificity"), level=["at", "metric"])["value"]
    assert (reached["near"] > 0).all()


def test_what_is_shown_in_one_source_is_shown_there_alone(compared):
    tests = compared[1].query("turns == '1' and metric == 'roc_auc' and reference == 'T1_alpha0'").set_index("left_out")
    assert list(tests.index) == ["near", "far", MEAN]
    assert tests.loc["near", "difference"] > 0.1
    assert tests.loc["far", "difference"] == 0
    mean = (tests.loc["near", "difference"] + tests.loc["far", "difference"]) / 2
    assert tests.loc[MEAN, "difference"] == pytest.approx(mean)
    against_teacher = compared[1].query("reference == 'resnet18'")
    assert set(against_teacher["turns"]) == {"1"}
    assert (against_teacher.query("metric == 'roc_auc'")["difference"] < 0).all()


def test_ways_that_trained_on_local_lesions_are_scored_where_none_did():
    never, local = source(1, 0.0), source(1, 0.8)
    local = local[(local["split"] == "val") | (local["image_id"] >= 1260)]
    ways = {"splits.local=0": Procedure(KD, [never]), "splits.local=30": Procedure(KD, [local])}
    metrics, tests = compare_left_out(ways, ["near"], SETTINGS)
    assert set(metrics["images"]) == {140}
    assert "splits.local=0" in set(tests["reference_changed"])
    assert MEAN not in set(tests["left_out"])
