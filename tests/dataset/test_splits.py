"""Split tables: classes, other tables, and lesions in two splits, which are refused (fault 30)."""

import pandas as pd
import pytest

from stages.dataset.splits import check_classes, check_disjoint, class_indices, classes_of, read_split


def test_targets_name_their_classes():
    table = pd.DataFrame({"dx": ["mel", "nv"], "melanoma": [1, 0]})
    assert [classes_of("dx")[i] for i in class_indices(table, "dx")] == ["mel", "nv"]
    assert [classes_of("melanoma")[i] for i in class_indices(table, "melanoma")] == ["mel", "other"]


def test_shared_lesions_are_named():
    train = pd.DataFrame({"lesion_id": ["a", "b"], "image_id": ["1", "2"]})
    val = pd.DataFrame({"lesion_id": ["b"], "image_id": ["3"]})
    check_disjoint({"train": train[:1], "val": val})
    with pytest.raises(ValueError, match=r"train\.csv: 1 lesion_ids also in val: \['b'\]"):
        check_disjoint({"train": train, "val": val})


def test_another_table_is_refused(tmp_path):
    (tmp_path / "val.csv").write_text("image_id\nISIC_1\n")
    with pytest.raises(ValueError, match=r"val\.csv: wanted the columns"):
        read_split(tmp_path / "val.csv")
    with pytest.raises(ValueError, match="no such split"):
        read_split(tmp_path / "nowhere.csv")


def test_one_class_alone_is_refused():
    table = pd.DataFrame({"melanoma": [0, 0, 0, 0]})
    with pytest.raises(ValueError, match=r"val\.csv: wanted melanomas and other lesions, found 0 of 4 melanomas"):
        check_classes(table, "val.csv")
