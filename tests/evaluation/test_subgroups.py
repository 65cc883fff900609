"""Groups: every image in one level of each grouping, few melanomas marked, gaps by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from stages.evaluation.subgroups import age_band, groups, subgroup_table

RNG = np.random.default_rng(0)
N = 400
TABLE = pd.DataFrame(
    {
        "image_id": [f"I{i}" for i in range(N)],
        "lesion_id": [f"L{i // 2}" for i in range(N)],
        "melanoma": ((np.arange(N) // 2) % 4 == 0).astype(int),
        "dx_type": np.where(np.arange(N) % 3 == 0, "follow_up", "histo"),
        "age": RNG.choice(["unknown", "30.0", "45.0", "80.0"], N),
        "sex": np.where(np.arange(N) < 200, "female", np.where(np.arange(N) < 390, "male", "unknown")),
        "localization": "back",
    }
)
TABLE["dx"] = np.where(TABLE["melanoma"] == 1, "mel", np.where(np.arange(N) % 5 == 0, "bkl", "nv"))
P = np.clip(0.3 * TABLE["melanoma"] + RNG.uniform(0, 0.6, N), 0, 1).to_numpy()


def test_ages():
    assert [age_band(age) for age in ("0.0", "39.0", "40.0", "59.0", "60.0", "unknown")] == [
        "under 40", "under 40", "40 to 59", "40 to 59", "60 and over", "unknown",
    ]  # fmt: skip


def test_each_grouping_holds_each_image_once():
    members = list(groups(TABLE))
    for grouping in ("age", "sex", "site"):
        assert (sum(member.astype(int) for name, _, member in members if name == grouping) == 1).all()
    against = {level: member for name, level, member in members if name == "melanoma against"}
    assert set(against) == {"bkl", "nv"}
    assert against["bkl"].sum() == 100 + (TABLE["dx"] == "bkl").sum()


@pytest.fixture(scope="module")
def rows():
    return subgroup_table(TABLE, {"m": P}, {"m": np.full(201, 0.4)}, replicates=200, seed=0)


def test_numbers_are_those_of_the_group_alone(rows):
    rows = rows.set_index(["group", "level", "metric"])
    female = TABLE["sex"] == "female"
    row = rows.loc[("sex", "female", "roc_auc")]
    assert row["value"] == pytest.approx(roc_auc_score(TABLE["melanoma"][female], P[female]))
    assert row["low"] < row["value"] < row["high"]
    assert row["images"] == 200
    assert rows.loc[("sex", "female", "sensitivity"), "value"] == np.mean(P[female & (TABLE["melanoma"] == 1)] >= 0.4)


def test_small_groups_are_marked_and_left_out_of_the_gaps(rows):
    gaps = rows[rows["level"].str.startswith("gap, ")]
    marks = rows.drop_duplicates(["group", "level"]).set_index(["group", "level"])["few"]
    assert marks["sex", "unknown"] == "few melanomas"
    twice = TABLE.assign(sex=np.where(np.arange(N) < 120, "female", "male"))  # 30 images of 15 lesions are melanomas
    table = subgroup_table(twice, {"m": P}, {"m": np.full(11, 0.4)}, replicates=10, seed=0)
    assert set(table.query("level == 'female'")["few"]) == {"few melanomas"}
    assert marks["sex", "female"] == "-"
    gap = gaps.set_index(["group", "metric"]).loc[("sex", "roc_auc")]
    values = rows.set_index(["group", "level", "metric"])["value"]
    assert gap["value"] == pytest.approx(abs(values["sex", "female", "roc_auc"] - values["sex", "male", "roc_auc"]))
    assert set(gap["level"].removeprefix("gap, ").split(" - ")) == {"female", "male"}
    sizes = rows.drop_duplicates(["group", "level"]).set_index(["group", "level"])["images"]
    assert gap["images"] == sizes["sex", "female"] + sizes["sex", "male"]
    assert "site" not in set(gaps["group"])  # one level has no gap


def test_a_group_of_one_class_has_no_roc_auc():
    only = TABLE.assign(sex=np.where(TABLE["melanoma"] == 1, "female", "male"))
    rows = subgroup_table(only, {"m": P}, {"m": np.full(101, 0.4)}, replicates=100, seed=0)
    by_sex = rows[rows["group"] == "sex"].groupby("level")["metric"].apply(set)
    assert by_sex.to_dict() == {"female": {"sensitivity"}, "male": {"specificity"}}


def test_a_source_is_a_group_and_five_lesions_of_a_kind_are_too_few_for_a_roc_auc():
    few = TABLE.assign(dataset=np.where(np.arange(N) < 32, "small", "large"))  # 16 lesions, 4 of them melanomas
    rows = subgroup_table(few, {"m": P}, {"m": np.full(101, 0.4)}, replicates=100, seed=0)
    by_source = rows[rows["group"] == "source"].groupby("level")["metric"].apply(set)
    assert by_source["small"] == {"sensitivity", "specificity"}
    assert by_source["large"] == {
        "roc_auc", "average_precision", "sensitivity", "specificity", "observed_over_expected"
    }  # fmt: skip


def test_patients_with_both_kinds_of_lesions_leave_no_number_that_is_none():
    """Of two patients the bootstrap may draw the one without another lesion twice."""
    table = TABLE.head(3).assign(melanoma=[1, 0, 1], lesion_id=["p1", "p1", "p2"], dx=["mel", "nv", "mel"], age="45.0")
    rows = subgroup_table(table, {"m": np.array([0.9, 0.1, 0.8])}, {"m": np.full(51, 0.5)}, replicates=50, seed=0)
    assert "all" not in set(rows["group"])
    assert len(rows) > 0
    assert np.isfinite(rows[["value", "low", "high"]].to_numpy(float)).all()
