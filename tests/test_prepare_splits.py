"""Splits by lesion: disjoint, stratified, the study's on HAM10000; rows 31 and 32 of the fault list."""

import json
import re
import shutil

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SHARED, write_params

from stages import prepare_splits, synthesize_demo
from stages.foundation.settings import Splits
from stages.foundation.splits import SPLITS, read_split
from stages.prepare_splits import draw_folds, group_images, split_groups

STUDY = Splits(seed=42, train=0.7, val=0.15, folds=5, fold="none", leave_out="none", local=0, local_only=False)


def lesions(melanomas: int, others: int) -> tuple[pd.Series, pd.Series]:
    names = pd.Series([f"HAM_{number:04d}" for number in range(melanomas + others)])
    return names, pd.Series([1] * melanomas + [0] * others)


def test_splits_cover_all_lesions_once_in_the_asked_shares():
    groups, melanoma = lesions(100, 900)
    members = split_groups(groups, melanoma, STUDY)
    for name, share in zip(SPLITS, (700, 150, 150), strict=True):
        assert abs(len(members[name]) - share) <= 1  # the study's recipe hands scikit-learn 1 - 0.7, a hair over 0.3
    assert set().union(*members.values()) == set(groups)
    for name in SPLITS:
        share = melanoma[groups.isin(members[name])].mean()
        assert abs(share - 0.1) < 0.01


@pytest.mark.parametrize(("melanomas", "others"), [(0, 100), (100, 0), (3, 100), (1, 2)])
def test_too_few_of_a_class_is_an_error_before_training(melanomas, others):
    with pytest.raises(ValueError, match=r"too few lesions|wanted 2 lesions of each class"):
        split_groups(*lesions(melanomas, others), STUDY)


def test_shares_that_leave_no_holdout_are_refused():
    with pytest.raises(ValueError, match="leaves no holdout"):
        Splits(**{**STUDY.model_dump(), "train": 0.8, "val": 0.2})


def test_the_folds_are_the_holdouts_of_runs_that_compare_procedures():
    groups, melanoma = lesions(100, 900)
    study, holdouts = split_groups(groups, melanoma, STUDY), []
    for fold in range(5):
        members = split_groups(groups, melanoma, STUDY.model_copy(update={"fold": fold}))
        assert set().union(*members.values()) == study["train"] | study["val"]
        assert sum(map(len, members.values())) == len(study["train"] | study["val"])
        assert len(members["val"]) / (len(members["val"]) + len(members["train"])) == pytest.approx(15 / 85, abs=0.01)
        for part in members.values():
            assert melanoma[groups.isin(part)].mean() == pytest.approx(0.1, abs=0.01)
        holdouts.append(members["holdout"])
    assert set().union(*holdouts) == study["train"] | study["val"]  # each lesion once, the study's holdout never
    assert sum(map(len, holdouts)) == len(study["train"] | study["val"])


@pytest.mark.parametrize(("melanomas", "others"), [(11, 89), (9, 16), (19, 400)])
def test_three_folds_of_few_melanomas_test_on_nine_lesions_of_ten(melanomas, others):
    """With the shares that `make cross-validate` sets."""
    line = re.search(r"^FEW = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    shares = {key: yaml.safe_load(value) for key, value in re.findall(r"-S splits\.(\w+)=(\S+)", line)}
    groups, melanoma = lesions(melanomas, others)
    tested = []
    for fold in range(shares["folds"]):
        splits = Splits(**{**STUDY.model_dump(), **shares, "fold": fold})
        members = split_groups(groups, melanoma, splits)
        train = melanoma.groupby(groups).max().loc[sorted(members["train"])]
        draw_folds(train, splits.folds, splits.seed)  # which prepare_splits draws, too
        tested += members["holdout"]
    assert len(tested) == len(set(tested)) >= 0.9 * (melanomas + others)


def clinic(**changes) -> tuple[dict[str, set[str]], set[str], dict[str, set[str]]]:
    """Return the study's splits of 1,000 lesions, a third of them a clinic's, the clinic's, and those without it."""
    groups, melanoma = lesions(100, 900)
    clinics = set(groups[::3])
    splits = STUDY.model_copy(update={"leave_out": "clinic", **changes})
    return split_groups(groups, melanoma, STUDY), clinics, split_groups(groups, melanoma, splits, clinics)


def test_a_source_left_out_is_the_holdout_and_in_no_other_split():
    study, clinics, members = clinic()
    assert members["holdout"] == clinics & (study["train"] | study["val"])  # the study's holdout stays closed
    assert members["train"] | members["val"] == (study["train"] | study["val"]) - clinics
    assert not members["train"] & members["val"]


def test_local_lesions_are_trained_on_and_those_of_fewer_are_among_those_of_more():
    _, clinics, without = clinic()
    some, more = clinic(local=20)[2], clinic(local=60)[2]
    for members, count in ((some, 20), (more, 60)):
        assert len(members["train"] & clinics) == count
        assert members["train"] & clinics == without["holdout"] - members["holdout"]
        assert members["train"] - clinics == without["train"]
        assert members["val"] == without["val"]
    assert some["train"] < more["train"]
    alone = clinic(local=20, local_only=True)[2]
    assert alone == some | {"train": some["train"] & clinics}
    with pytest.raises(ValueError, match=r"clinic has [0-9]+ lesions in train and val"):
        clinic(local=900)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"local": 5}, "local: wanted 0 unless leave_out names a source"),
        ({"local_only": True}, "local_only: wanted local above 0"),
        ({"leave_out": "clinic", "fold": 1}, "leave_out and fold: wanted none for one of the two"),
    ],
)
def test_choices_of_a_holdout_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Splits(**{**STUDY.model_dump(), **changes})


def test_images_of_two_sources_are_trained_on_by_neither(project):
    changes = {"demo": {"lesions": 200}, "splits": {"leave_out": "second", "local": 5}}
    write_params(project, **changes)
    synthesize_demo.main()
    table = pd.read_csv(project / "data/raw/demo/HAM10000_metadata.csv", dtype=str)
    several = table[table["lesion_id"].duplicated(keep=False) & (table["dataset"] == "second")]
    elsewhere = several.index[~several["lesion_id"].duplicated()]  # the first image of each such lesion
    table.loc[elsewhere, "dataset"] = "standard"
    table.to_csv(project / "data/raw/demo/HAM10000_metadata.csv", index=False)
    prepare_splits.main()
    processed = project / "data/processed/demo"
    parts = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    images = pd.concat(parts.values())["image_id"]
    sources = pd.read_csv(processed / "sources.csv", dtype=str).set_index("image_id")["dataset"]
    metadata = json.loads((processed / "split_metadata.json").read_text())
    assert set(sources[parts["holdout"]["image_id"]]) == {"second"}
    assert set(sources[parts["val"]["image_id"]]) == {"standard"}
    assert (sources[parts["train"]["image_id"]] == "second").sum() >= 5
    assert metadata["leave_out"] == "second"
    assert len(metadata["of_its_lesions_elsewhere"]) > 5
    assert set(metadata["of_its_lesions_elsewhere"]) < set(table.loc[elsewhere, "image_id"])  # the rest was holdout
    assert set(table.loc[elsewhere, "image_id"]).isdisjoint(images)
    second = table["lesion_id"].isin(table["lesion_id"][table["dataset"] == "second"])
    table.loc[second, "dx"] = "nv"  # its patients' melanomas were photographed by the other camera
    melanomas, others = (list(table["lesion_id"][rows].unique()) for rows in (table["dx"] == "mel", second))
    patients = {name: f"P{number}" for pair in (melanomas, others) for number, name in enumerate(pair[:20])}
    alone = "of_" + table["lesion_id"]
    table.assign(patient_id=table["lesion_id"].map(patients).fillna(alone)).to_csv(
        project / "data/raw/demo/HAM10000_metadata.csv", index=False
    )
    with pytest.raises(ValueError, match=r"holdout: wanted \d+ lesions of each class, found 0 melanomas"):
        prepare_splits.main()
    write_params(project, splits={"leave_out": "nowhere"})
    with pytest.raises(ValueError, match=r"no image is of a source nowhere; there are .*second \([0-9]+ images\)"):
        prepare_splits.main()


def test_folds_hold_each_group_once_and_both_classes_evenly():
    groups, melanoma = lesions(52, 301)
    labels = melanoma.groupby(groups).max()
    folds = draw_folds(labels, 5, 1)
    assert list(folds.index) == list(labels.index)
    assert set(folds) == set(range(5))
    assert folds.value_counts().between(70, 71).all()
    assert labels.groupby(folds).sum().between(10, 11).all()
    with pytest.raises(ValueError, match=r"splits\.folds: 5 folds want as many lesions of each class, found 3"):
        draw_folds(labels.iloc[49:], 5, 1)


def test_every_image_of_train_has_its_lesions_fold_and_no_other_image_has_one(tiny):
    tables = {name: read_split(tiny / f"data/processed/demo/{name}.csv") for name in SPLITS}
    assert set(tables["train"]["fold"]) == set(range(5))
    assert (tables["train"].groupby("lesion_id")["fold"].nunique() == 1).all()
    assert set(tables["val"]["fold"]) == set(tables["holdout"]["fold"]) == {-1}


def test_lesions_that_share_an_image_are_one_group():
    table = pd.DataFrame({"image_id": list("12345"), "lesion_id": list("abbcd"), "patient_id": "unknown"})
    apart = ["01", "02", "03", "04", "05"]
    assert list(group_images(table, ["01", "01", "02", "02", "03"], [])) == ["a", "a", "a", "a", "d"]
    assert list(group_images(table, apart, [])) == ["a", "b", "b", "c", "d"]
    assert list(group_images(table, apart, [("5", "1"), ("4", "5")])) == ["a", "b", "b", "a", "a"]
    with pytest.raises(ValueError, match=r"alike\.csv: 9: no image of this archive"):
        group_images(table, apart, [("5", "9")])


def test_the_lesions_of_a_patient_are_one_group():
    patients = ["p", "unknown", "p", "unknown", "a"]  # a is a lesion's name, too
    table = pd.DataFrame({"image_id": list("12345"), "lesion_id": list("dbcae"), "patient_id": patients})
    assert list(group_images(table, ["01", "02", "03", "04", "05"], [])) == ["c", "b", "c", "a", "e"]


def test_a_byte_identical_image_under_two_lesions_is_reported_and_kept_in_one_split(tiny):
    archive = tiny / "data/raw/demo"
    table = pd.read_csv(archive / "HAM10000_metadata.csv")
    nevi = table[table["dx"] == "nv"].drop_duplicates("lesion_id").head(2)
    paths = {path.stem: path for path in archive.rglob("*.jpg")}
    shutil.copy(paths[nevi["image_id"].iloc[0]], paths[nevi["image_id"].iloc[1]])
    prepare_splits.main()
    metadata = json.loads((tiny / "data/processed/demo/split_metadata.json").read_text())
    assert metadata["lesions_kept_together"] == [sorted(nevi["lesion_id"])]
    homes = [
        name
        for name in SPLITS
        if set(nevi["lesion_id"]) & set(read_split(tiny / f"data/processed/demo/{name}.csv")["lesion_id"])
    ]
    assert len(homes) == 1


def test_unknown_ages_are_counted(tiny):
    metadata = json.loads((tiny / "data/processed/demo/split_metadata.json").read_text())
    for name in SPLITS:
        table = read_split(tiny / f"data/processed/demo/{name}.csv")
        assert metadata["splits"][name]["unknown"]["age"] == (table["age"] == "unknown").sum()


def test_a_failure_writes_nothing(project):
    write_params(project, data={"name": "nowhere"})
    with pytest.raises(ValueError, match="data/raw/nowhere"):
        prepare_splits.main()
    assert not (project / "data").exists()


@pytest.mark.skipif(not (SHARED / "ham10000").is_dir(), reason="needs HAM10000, which no user's checkout has")
def test_on_ham10000_the_splits_are_the_studys(project):
    (project / "data/raw").mkdir(parents=True)
    (project / "data/raw/ham10000").symlink_to(SHARED / "ham10000")
    write_params(project, data={"name": "ham10000"})
    prepare_splits.main()
    tables = {name: read_split(project / f"data/processed/ham10000/{name}.csv") for name in SPLITS}
    assert [len(table) for table in tables.values()] == [6998, 1504, 1513]
    assert [table["lesion_id"].nunique() for table in tables.values()] == [5228, 1121, 1121]
    assert [table["melanoma"].sum() for table in tables.values()] == [774, 167, 172]
    published = pd.read_csv(SHARED / "reference/published_holdout_predictions.csv")
    assert set(tables["holdout"]["image_id"]) == set(published["image_id"])
