"""Beside the study: its published numbers come out of its predictions, and only the same images are compared."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.commands.comparison.published import AT, compare
from stages.foundation.params import read_yaml
from stages.foundation.settings import Evaluate

PUBLISHED = pd.read_csv(ROOT / "metrics/published/ham10000.csv")
OURS = PUBLISHED[["image_id", "melanoma"]].assign(
    lesion_id=[f"lesion {i // 2}" for i in range(len(PUBLISHED))],
    ours=np.random.default_rng(0).uniform(0.05, 0.25, len(PUBLISHED)) + 0.1 * PUBLISHED["melanoma"],
)
SETTINGS = Evaluate(**read_yaml(ROOT / "params.yaml")["evaluate"] | {"replicates": 100, "seed": 1})
POINT = AT["operating point"]


def test_the_published_numbers_come_out_and_ours_are_tested_against_them():
    models, tests = compare(OURS.sample(frac=1, random_state=0), PUBLISHED, ["ours"], SETTINGS)
    values = models.set_index(["model", "at", "metric"])["value"]
    for name, *expected in (  # as the study's own tables and a recomputation of them have it
        ("published_efficientnet_b1", 0.9193, 0.7073, 0.174, 0.637),
        ("published_student_T1_alpha0.5", 0.9214, 0.6646, 0.072, 0.620),
    ):
        keys = [("all", "roc_auc"), ("all", "average_precision"), ("all", "ece"), (POINT, "specificity")]
        assert [values[(name, *key)] for key in keys] == pytest.approx(expected, abs=0.0006)
        assert values[name, POINT, "sensitivity"] >= 0.95
    row = tests.set_index(["reference", "at", "metric"]).loc[("published_efficientnet_b1", "all", "roc_auc")]
    auc = [values[name, "all", "roc_auc"] for name in ("ours", "published_efficientnet_b1")]
    assert row["difference"] == pytest.approx(auc[0] - auc[1])
    assert row["low"] < row["difference"] < row["high"]
    assert set(tests["model"]) == {"ours"}
    assert {"platt from the holdout", "threshold from the holdout"} <= set(tests["at"])  # as val's are not published


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.iloc[1:],
        lambda table: table.assign(image_id=["other", *table["image_id"][1:]]),
        lambda table: table.assign(melanoma=1 - table["melanoma"]),
    ],
)
def test_other_images_or_labels_are_refused(spoil):
    with pytest.raises(ValueError, match="other images"):
        compare(spoil(OURS), PUBLISHED, ["ours"], SETTINGS)
