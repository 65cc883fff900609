"""Labelled archives: the layouts they come in are read, and what cannot be used is named, never guessed."""

import zlib

import pandas as pd
import pytest
from PIL import Image

from stages.commands.archives.labelled import read_archive


def image(path, shade=None):
    """Write an image of its own, or, with a shade, the one of that shade."""
    red, green, blue = (shade, 80, 60) if shade is not None else zlib.crc32(str(path).encode()).to_bytes(4)[:3]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (red, green, blue)).save(path, None if path.suffix else "JPEG")
    return path


def labels(archive):
    return dict(zip(archive.table["image_id"], archive.table["melanoma"], strict=True))


def test_ham10000s_layout(tmp_path):
    for number in range(3):
        image(tmp_path / f"part_{number % 2}/a{number}.jpg", 20 * number)
    image(tmp_path / "part_1/a0.jpg", 0)  # Kaggle's holds each image twice
    (tmp_path / "HAM10000_metadata.csv").write_text(
        "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
        "l0,a0,mel,histo,50.0,male,back\nl1,a1,nv,follow_up,,,face\nl1,a2,bkl,histo,40.0,female,face\n"
    )
    archive = read_archive(tmp_path)
    assert archive.faults == []
    assert labels(archive) == {"a0": 1, "a1": 0, "a2": 0}
    assert archive.table["lesion_id"].tolist() == ["l0", "l1", "l1"]
    assert archive.table["age"].tolist() == ["50.0", "unknown", "40.0"]
    assert [path.name for path in archive.files] == ["a0.jpg", "a1.jpg", "a2.jpg"]


def test_isics_ground_truth_with_a_column_for_each_class(tmp_path):
    for name in ("ISIC_1", "ISIC_2", "ISIC_3"):
        image(tmp_path / f"input/{name}.jpg")
    truth = tmp_path / "ISIC2018_Task3_Test_GroundTruth.csv"
    truth.write_text("image,MEL,NV,BCC\nISIC_1,1.0,0.0,0.0\nISIC_2,0.0,1.0,0.0\nISIC_3,0.5,0.5,0\n")
    archive = read_archive(tmp_path)
    assert labels(archive) == {"ISIC_1": 1, "ISIC_2": 0}
    assert archive.faults == ["row 4: label '0.5': melanoma or not? --melanoma LABEL names the labels that are"]


def test_isic_2020_has_a_target_and_patients(tmp_path):
    for name in ("ISIC_1", "ISIC_2", "ISIC_3"):
        image(tmp_path / f"train/{name}.jpg")
    (tmp_path / "train.csv").write_text(
        "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target\n"
        "ISIC_1,p1,male,45.0,torso,unknown,benign,0\nISIC_2,p1,male,45.0,torso,melanoma,malignant,1\n"
        "ISIC_3,,,,,unknown,benign,0\n"
    )
    archive = read_archive(tmp_path / "train.csv")
    assert labels(archive) == {"ISIC_1": 0, "ISIC_2": 1, "ISIC_3": 0}
    assert archive.table["group"].tolist() == ["patient p1", "patient p1", "image ISIC_3"]
    assert archive.table["localization"].tolist() == ["torso", "torso", "unknown"]
    assert archive.groups == "patients"


def test_the_isic_archives_table(tmp_path):
    melanoma, basalioma = (
        "Malignant melanocytic proliferations (Melanoma)",
        "Malignant adnexal epithelial proliferations - Follicular",
    )
    diagnoses = [
        ("Malignant", melanoma, "Melanoma Invasive"),
        ("Malignant", basalioma, "Basal cell carcinoma"),
        ("Benign", "Benign melanocytic proliferations", "Nevus"),
        ("Benign", "", ""),
        ("Malignant", "", ""),
        ("Malignant", "Collision - At least one malignant proliferation", ""),
        ("Indeterminate", "Indeterminate melanocytic proliferations", "Atypical melanocytic neoplasm"),
        ("", "", ""),
    ]
    names = [f"ISIC_000000{number}" for number in range(len(diagnoses))]
    for name in names:
        image(tmp_path / f"{name}.jpg")
    lines = [
        f'{name},CC-0,45,back,"{first}","{second}","{third}",male'
        for name, (first, second, third) in zip(names, diagnoses, strict=True)
    ]
    header = "isic_id,copyright_license,age_approx,anatom_site_general,diagnosis_1,diagnosis_2,diagnosis_3,sex"
    (tmp_path / "metadata.csv").write_text("\n".join([header, *lines]) + "\n")
    archive = read_archive(tmp_path)
    assert list(labels(archive).values()) == [1, 0, 0, 0]
    assert [fault.split(":")[0] for fault in archive.faults] == ["row 6", "row 7", "row 8", "row 9"]
    assert archive.table["localization"].tolist() == ["back"] * 4
    assert list(labels(read_archive(tmp_path, {"melanoma", "malignant"})).values()) == [1, 0, 0, 0, 1, 0, 0]


def test_a_target_that_may_mean_any_malignancy_is_asked_about(tmp_path):
    image(tmp_path / "ISIC_1.jpg"), image(tmp_path / "ISIC_2.jpg")
    (tmp_path / "t.csv").write_text("isic_id,target,iddx_1\nISIC_1,1,Malignant\nISIC_2,0,Benign\n")
    with pytest.raises(ValueError, match=r"t\.csv: is a target of 1 a melanoma or any malignancy\?.*--melanoma 1"):
        read_archive(tmp_path)
    assert labels(read_archive(tmp_path, {"1"})) == {"ISIC_1": 1, "ISIC_2": 0}


def test_patients_are_drawn_together_where_they_are_named_else_lesions(tmp_path):
    for name in "abc":
        image(tmp_path / f"{name}.jpg")
    (tmp_path / "t.csv").write_text("isic_id,melanoma,patient_id,lesion_id\na,1,p1,\nb,0,NA,l1\nc,0,p1,l2\n")
    archive = read_archive(tmp_path)
    assert archive.table["group"].tolist() == ["patient p1", "l1", "patient p1"]
    assert archive.groups == "patients or lesions"


def test_lesions_numbered_within_a_patient_are_not_one(tmp_path):
    rows = [("a", "p", "1"), ("b", "q", "1"), ("c", "q", "1"), ("d", "", "1"), ("e", "1", ""), ("1", "", "")]
    for name, _, _ in rows:
        image(tmp_path / f"{name}.jpg")
    table = "".join(f"{name},{int(name == 'a')},{patient},{lesion}\n" for name, patient, lesion in rows)
    (tmp_path / "t.csv").write_text(f"isic_id,melanoma,patient_id,lesion_id\n{table}")
    archive = read_archive(tmp_path)
    assert archive.table["lesion_id"].nunique() == 5  # b and c are one lesion
    assert archive.table["group"].nunique() == 5  # of p and q, of the patient 1, the lesion 1 and the image 1
    together = archive.table.set_index("image_id")[["lesion_id", "group"]]
    assert together.loc["b"].equals(together.loc["c"])


def test_isics_own_metadata_is_read_by_its_diagnosis(tmp_path):
    """Of malignant images some are melanomas and some carcinomas."""
    for name in "abc":
        image(tmp_path / f"{name}.jpg")
    (tmp_path / "t.csv").write_text(
        "isic_id,benign_malignant,diagnosis\na,malignant,melanoma\nb,malignant,basal cell carcinoma\nc,benign,nevus\n"
    )
    assert labels(read_archive(tmp_path, {"melanoma"})) == {"a": 1, "b": 0, "c": 0}


def test_a_label_that_is_not_known_is_not_another_lesion(tmp_path):
    for name in "abcd":
        image(tmp_path / f"{name}.jpg")
    (tmp_path / "t.csv").write_text("file,label\na,MM\nb,NA\nc,unknown\nd,in-situ\n")
    archive = read_archive(tmp_path, {"mm"})
    assert labels(archive) == {"a": 1, "d": 0}
    assert archive.faults == ["row 3: label 'NA': not known", "row 4: label 'unknown': not known"]
    with pytest.raises(ValueError, match="no row has the label 'in situ', but in-situ, mm, na, unknown"):
        read_archive(tmp_path, {"mm", "in situ"})


def test_what_a_spreadsheet_would_run_is_a_fault(tmp_path):
    for name in ("a", "b", "c", "=1+1"):
        image(tmp_path / f"{name}.jpg")
    cells = ["a,1,=HYPERLINK(1)", "b,1,@x", "c,+,-", "=1+1,1,torso"]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,localization", *cells]))
    archive = read_archive(tmp_path, {"1"})
    assert labels(archive) == {"c": 0}  # a plus alone is none
    assert [fault.split(":")[0] for fault in archive.faults] == ["row 2", "row 3", "row 5"]
    assert all("formula" in fault for fault in archive.faults)


def test_a_folder_that_is_linked_is_named(tmp_path):
    image(tmp_path / "elsewhere/1.png"), image(tmp_path / "archive/melanoma/2.png")
    (tmp_path / "archive/melanoma/more").symlink_to(tmp_path / "elsewhere")
    archive = read_archive(tmp_path / "archive")
    assert labels(archive) == {"melanoma/2.png": 1}
    assert archive.faults == ["melanoma/more: melanoma/more: no image"]


def test_what_is_no_age_is_unknown(tmp_path):
    ages = ["50", "85+", "NA", "nan", "-1", "40.5", "inf"]
    for number in range(len(ages)):
        image(tmp_path / f"{number}.jpg")
    rows = [f"{number},mel,{age}" for number, age in enumerate(ages)]
    (tmp_path / "t.csv").write_text("\n".join(["file,label,age", *rows]))
    assert read_archive(tmp_path).table["age"].tolist() == ["50", *["unknown"] * 4, "40.5", "unknown"]


def test_a_folder_for_each_class(tmp_path):
    image(tmp_path / "melanoma/1.png"), image(tmp_path / "nevus/1.png"), image(tmp_path / "warts/2.png")
    archive = read_archive(tmp_path)
    assert labels(archive) == {"melanoma/1.png": 1, "nevus/1.png": 0}
    assert archive.faults == ["warts/2.png: label 'warts': melanoma or not? --melanoma LABEL names the labels that are"]
    assert labels(read_archive(tmp_path, {"melanoma"})) == {"melanoma/1.png": 1, "nevus/1.png": 0, "warts/2.png": 0}


def test_any_table_of_file_and_label(tmp_path):
    image(tmp_path / "images/x 1.jpg"), image(tmp_path / "y.jpeg")
    (tmp_path / "t.csv").write_text("File,Label\nimages/x 1.jpg,Melanoma\ny.jpeg,other\n")
    assert labels(read_archive(tmp_path / "t.csv")) == {"images/x 1.jpg": 1, "y.jpeg": 0}


def test_rows_that_cannot_be_used_are_named_and_left_out(tmp_path):
    image(tmp_path / "a.jpg"), image(tmp_path / "one/b.jpg", 20), image(tmp_path / "two/b.jpg", 40)
    image(tmp_path / "c.jpg"), image(tmp_path / "d.gif"), image(tmp_path.parent / "outside.jpg")
    rows = ["a,mel", "a,mel", "b,nv", "gone,nv", "../outside.jpg,nv", ",mel", "a.jpg,", "c,mel", "c.jpg,nv", "d,nv"]
    rows += [f"{'x' * 300},nv"]
    (tmp_path / "t.csv").write_text("\n".join(["file,label", *rows]))
    archive = read_archive(tmp_path)
    assert labels(archive) == {"a": 1, "d": 0}
    assert archive.faults == [
        "row 4: b: 2 images of this name",
        "row 5: gone: no image",
        "row 6: ../outside.jpg: outside the archive",
        "row 7: : no image",
        "row 8: label '': melanoma or not? --melanoma LABEL names the labels that are",
        f"row 12: {'x' * 300}: File name too long",
        "c: rows with different labels, all left out",
        "c.jpg: rows with different labels, all left out",
        "a: a second row, left out",
    ]
    assert archive.unused == 2  # b, whose row fits two images, and c


def test_one_image_under_two_names_has_one_label(tmp_path):
    for name in ("mel/1.jpg", "nv/7.jpg", "nv/8.jpg", "nv/9.jpg"):
        image(tmp_path / name, 50 if name < "nv/8" else 90)
    archive = read_archive(tmp_path)
    assert labels(archive) == {"nv/8.jpg": 0, "nv/9.jpg": 0}
    assert archive.faults == [
        "mel/1.jpg: rows with different labels, all left out",
        "nv/7.jpg: rows with different labels, all left out",
    ]


def test_a_path_is_that_file_or_none(tmp_path):
    image(tmp_path / "nevus/1.jpg")
    (tmp_path / "t.csv").write_text("file,label\nmelanoma/1.jpg,mel\nnevus/1.jpg,nv\n")
    archive = read_archive(tmp_path)
    assert labels(archive) == {"nevus/1.jpg": 0}
    assert archive.faults == ["row 2: melanoma/1.jpg: no image"]


def test_other_folders_are_not_read_where_each_row_names_its_file(tmp_path, monkeypatch):
    def unreadable(folder):
        raise PermissionError(folder)

    monkeypatch.setattr("stages.commands.archives.labelled.images_in", unreadable)
    image(tmp_path / "nevus/1.jpg")
    (tmp_path / "t.csv").write_text("file,label\nnevus/1.jpg,nv\n")
    assert read_archive(tmp_path / "t.csv").unused == 0
    (tmp_path / "t.csv").write_text("file,label\nnevus/1.jpg,nv\n1,nv\n")
    with pytest.raises(PermissionError):
        read_archive(tmp_path / "t.csv")


def test_an_image_may_be_a_link_to_elsewhere_as_dvc_makes_them(tmp_path):
    image(tmp_path / "cache/1f")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/a.jpg").symlink_to(tmp_path / "cache/1f")
    (tmp_path / "archive/t.csv").write_text("file,label\na.jpg,mel\n")
    assert labels(read_archive(tmp_path / "archive")) == {"a.jpg": 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no table .* and no folders with images"),
        (lambda folder: (folder / "t.csv").write_text("a,b\n1,2\n"), "wanted one of the columns file, filename"),
        (lambda folder: (folder / "t.csv").write_text("file,b\n1,2\n"), "wanted one of the columns label, dx"),
        (lambda folder: (folder / "t.csv").write_bytes(b"\xff\xfe\0"), "not a whole table"),
        (lambda folder: [(folder / f"{n}.csv").write_text("file,label\n") for n in "ab"], "2 tables, a.csv, b.csv"),
    ],
)
def test_a_folder_that_is_no_archive_is_one_line(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(ValueError, match=message):
        read_archive(tmp_path)


def test_a_place_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="gone: no such folder or file"):
        read_archive(tmp_path / "gone")


def test_ids_stay_text(tmp_path):
    image(tmp_path / "007.jpg")
    pd.DataFrame({"file": ["007"], "label": ["mel"]}).to_csv(tmp_path / "t.csv", index=False)
    assert read_archive(tmp_path).table["image_id"].tolist() == ["007"]
