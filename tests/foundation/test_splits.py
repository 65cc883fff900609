"""Split tables: classes, other tables, and lesions in two splits, which are refused (fault 30)."""

import pandas as pd
import pytest

from stages.foundation.splits import SPLIT_COLUMNS, check_classes, check_disjoint, class_indices, classes_of, read_split


def test_targets_name_their_classes():
    table = pd.DataFrame({"dx": ["mel", "nv"], "melanoma": [1, 0]})
    for target, labels in {"dx": ["mel", "nv"], "own": ["mel", "nv"], "melanoma": ["mel", "other"]}.items():
        assert [classes_of(target, table)[i] for i in class_indices(table, target)] == labels
    with_other = pd.DataFrame({"dx": ["other", "mel", "bcc"], "melanoma": [0, 1, 0]})
    assert classes_of("own", with_other) == ("bcc", "mel", "other")
    with pytest.raises(ValueError, match="dx of 1 images is other; target: own"):
        class_indices(with_other, "dx")


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


ROWS = ["HAM_1,ISIC_1,mel,histo,60,male,back,1,0", "HAM_2,ISIC_2,nv,histo,60,male,back,0,-1"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("HAM_2,ISIC_2,nv,histo,60,male,back,0,0", "1 rows have an image that comes twice, the first is ISIC_2"),
        ("HAM_3,ISIC_3,mel,histo,60,male,back,0,0", "1 rows have a melanoma that is not 1 for dx mel"),
        ("HAM_3,ISIC_3,nv,histo,60,male,back,2,0", "1 rows have a melanoma that is not 1 for dx mel"),
        ("HAM_3,ISIC_3,xyz,histo,60,male,back,0,0", "1 rows have a dx that is none of akiec"),
        ("HAM_3,ISIC_3,nv,histo,60,male,back,0,x", "1 rows have a fold that is neither -1 nor a number"),
        ("HAM_3,ISIC_3,nv,histo,60,male,back,0,0,1", "not a whole table"),
        ("HAM_3,ISIC_3,nv", "1 rows have a melanoma that is not 1 for dx mel"),
    ],
)
def test_a_table_edited_by_hand_is_refused(tmp_path, row, message):
    header = ",".join(SPLIT_COLUMNS)
    (tmp_path / "val.csv").write_text("\n".join([header, *ROWS]))
    assert list(read_split(tmp_path / "val.csv")["melanoma"]) == [1, 0]
    (tmp_path / "val.csv").write_text("\n".join([header, *ROWS, row]))
    with pytest.raises(ValueError, match=r"^\S+val\.csv: ") as caught:
        read_split(tmp_path / "val.csv")
    assert message in str(caught.value)
