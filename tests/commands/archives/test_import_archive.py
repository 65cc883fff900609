"""Archives of nine layouts become one that can be trained on; what cannot be used is named, and nothing is written."""

import hashlib
import os
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from conftest import ROOT
from layouts import LAYOUTS, folders, ham10000, isic_2020, picture, write
from PIL import Image

from stages.commands.archives import import_archive
from stages.commands.main import main as melanoma_kd
from stages.images.archive import find_images, read_alike, read_metadata
from stages.images.settings import Limits


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params.yaml, which archives are imported into."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)
def test_a_layout_becomes_an_archive_that_can_be_trained_on(project, make):
    expected = make(project / "there")
    melanoma_kd(["import", "there", "mine"])
    archive = project / "data/raw/mine"
    table = read_metadata(archive)
    files = find_images(archive, table["image_id"])  # each row has its file, each file its row
    assert sorted(table["dx"]) == sorted(expected["dx"])
    assert table["lesion_id"].nunique() == expected["lesions"]
    assert table["patient_id"].replace("unknown", pd.NA).nunique() == expected.get("patients", 0)
    assert expected.get("sources", {"there"}) <= set(table["dataset"])
    assert expected.get("localization", table["localization"].iloc[0]) in set(table["localization"])
    for path in files.values():
        with Image.open(path) as image:
            assert image.format in ("JPEG", "PNG")
    once = content(archive)
    melanoma_kd(["import", "there", "mine"])  # what is there stays
    assert content(archive) == once
    assert [path.name for path in (project / "data/raw").iterdir()] == ["mine"]


def test_a_jpeg_is_the_same_file_by_a_hard_link_and_a_copy_where_the_disk_has_none(project, monkeypatch):
    ham10000(project / "there")
    melanoma_kd(["import", "there", "mine"])
    source = project / "there/HAM10000_images_part_1/ISIC_0.jpg"
    assert (project / "data/raw/mine/images/ISIC_0.jpg").samefile(source)

    def refused(*_):
        raise OSError

    monkeypatch.setattr(os, "link", refused)
    melanoma_kd(["import", "there", "other"])
    assert not (project / "data/raw/other/images/ISIC_0.jpg").samefile(source)
    assert content(project / "data/raw/other") == content(project / "data/raw/mine")


def test_a_second_source_is_added_and_one_lesion_of_both_is_listed(project, capsys):
    """ISIC 2019 holds HAM10000: the same files, or the same pictures in another size."""
    ham10000(project / "one")
    isic_2020(project / "two")
    picture(project / "one/HAM10000_images_part_1/ISIC_0.jpg", 0, size=(240, 180))
    picture(project / "two/train/ISIC_3.jpg", 0, size=(200, 150), quality=75)
    shutil.copy(project / "one/HAM10000_images_part_2/ISIC_1.jpg", project / "two/train/ISIC_2.jpg")
    for path in (project / "two/train/ISIC_0.jpg", project / "two/train/ISIC_1.jpg"):
        picture(path, 50 + int(path.stem[-1]))
    melanoma_kd(["import", "one", "both"])
    capsys.readouterr()
    melanoma_kd(["import", "two", "both"])
    printed = capsys.readouterr().out
    assert "ISIC_2: the same file as ISIC_1" in printed
    assert "1 pairs of images of two lesions" in printed
    table = read_metadata(project / "data/raw/both").set_index("image_id")
    assert len(table) == 7
    assert table["dataset"].value_counts().to_dict() == {"two": 3, "rosendahl": 2, "vidir_molemax": 1, "one": 1}
    ((first, second),) = read_alike(project / "data/raw/both")
    assert {first, second} == {"ISIC_0", next(name for name in table.index if name.startswith("ISIC_3_"))}


def test_one_file_that_two_archives_call_melanoma_and_not_is_a_fault(project):
    ham10000(project / "one")
    melanoma_kd(["import", "one", "both"])
    shutil.copy(project / "one/HAM10000_images_part_1/ISIC_0.jpg", project / "here.jpg")
    write(project / "two/t.csv", "file,label", "x.jpg,nevus")
    shutil.move(project / "here.jpg", project / "two/x.jpg")
    with pytest.raises(SystemExit, match=r"x\.jpg: nv, and the same file as ISIC_0, which is mel"):
        melanoma_kd(["import", "two", "both"])


def test_faults_are_named_all_at_once_and_nothing_is_written(project):
    isic_2020(project / "there")
    table = project / "there/train.csv"
    table.write_text(table.read_text() + "ISIC_4,IP_3,,,,nevus,benign,0\nISIC_5,IP_3,,,,nevus,benign,2\n")
    (project / "there/train/ISIC_5.jpg").write_bytes((project / "there/train/ISIC_0.jpg").read_bytes()[:900])
    whole = (project / "there/train/ISIC_1.jpg").read_bytes()
    (project / "there/train/ISIC_1.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SystemExit) as raised:
        melanoma_kd(["import", "there", "mine"])
    message = str(raised.value)
    assert "nothing was written" in message
    assert "row 6: ISIC_4: no image" in message
    assert "row 7: label '2': melanoma or not?" in message
    assert "ISIC_1.jpg: " in message
    assert not (project / "data/raw/mine").exists()
    melanoma_kd(["import", "there", "mine", "--leave-out-faults"])
    assert list(read_metadata(project / "data/raw/mine")["image_id"]) == ["ISIC_0", "ISIC_2", "ISIC_3"]


def test_columns_that_have_other_names_are_given(project, capsys):
    for number in range(3):
        picture(project / f"there/photos/{number}.jpg", number)
    write(
        project / "there/list.csv",
        "Bild,Befund,Person",
        "0.jpg,MM,Müller",
        "1.jpg,NZN,Müller",
        "photos/2.jpg,NZN,Möller",
    )
    argv = [
        "import",
        "there/list.csv",
        "mine",
        "--melanoma",
        "MM",
        "--columns",
        "image=Bild,label=Befund,patient=Person",
    ]
    melanoma_kd(argv)
    assert "image_id from Bild, label from Befund, patient_id from Person" in capsys.readouterr().out
    table = read_metadata(project / "data/raw/mine")
    assert table["dx"].tolist() == ["mel", "other", "other"]
    first, second, other = table["patient_id"]
    assert first == second != other and other.startswith("there_M_ller_")  # plain, and of one person each
    for columns, message in {
        "image=Bild,etikett=Befund": "etikett=Befund: wanted one of image, label",
        "image=Foto": "image=Foto: wanted a column of bild, befund, person",
    }.items():
        with pytest.raises(SystemExit, match=message):
            melanoma_kd(["import", "there/list.csv", "other", "--columns", columns])


def test_hashed_ids_tell_nobody_whose_images_they_are_and_stay_the_same(project):
    isic_2020(project / "there")
    melanoma_kd(["import", "there", "mine", "--hash-ids"])
    archive = project / "data/raw/mine"
    names = (archive / "HAM10000_metadata.csv").read_text() + str([path.name for path in archive.rglob("*")])
    assert "IP_" not in names and "ISIC" not in names
    ids = pd.read_csv(project / "data/raw/mine.ids.csv")
    assert ids["kind"].value_counts().to_dict() == {"image_id": 4, "lesion_id": 4, "patient_id": 2}
    before = read_metadata(archive)
    picture(project / "more/ISIC_9.jpg", 9)
    write(project / "more/train.csv", "image_name,patient_id,target", "ISIC_9,IP_1,0")
    melanoma_kd(["import", "more", "mine", "--hash-ids", "--dataset", "there"])
    table = read_metadata(archive)
    assert table["patient_id"].nunique() == 2  # IP_1 is named as before
    assert set(before["image_id"]) < set(table["image_id"])
    picture(project / "other/nv/ISIC_0.jpg", 10)  # another picture than the first import's of this name
    melanoma_kd(["import", "other", "mine", "--hash-ids"])
    assert len(read_metadata(archive)) == 6


def test_what_an_interrupted_import_converted_is_not_converted_again(project):
    picture(project / "0.bmp", 0)
    limits = Limits(min_side=32, max_aspect=4, max_megapixels=1)
    first = import_archive.as_png(project / "0.bmp", project / "kept", limits)
    before = first.stat().st_mtime_ns
    assert import_archive.as_png(project / "0.bmp", project / "kept", limits) == first
    assert first.stat().st_mtime_ns == before


def test_a_dry_run_writes_nothing(project, capsys):
    folders(project / "there")
    melanoma_kd(["import", "there", "mine", "--dry-run"])
    printed = capsys.readouterr().out
    assert "4 images of 4 lesions, 2 of them melanomas, of patients that are not named" in printed
    assert "there: {'mel': 2, 'nv': 1, 'other': 1}" in printed
    assert "Of fewer than 20 melanomas" in printed
    assert not (project / "data/raw/mine").exists()


def test_a_lesion_that_is_melanoma_and_not_is_a_fault(project):
    for number in range(2):
        picture(project / f"there/{number}.jpg", number)
    write(project / "there/t.csv", "file,label,lesion", "0,mel,L", "1,nv,L")
    with pytest.raises(SystemExit, match="lesion_id there_L: more than one diagnosis, mel, nv"):
        melanoma_kd(["import", "there", "mine"])
    with pytest.raises(SystemExit, match="there: no image that can be used"):
        melanoma_kd(["import", "there", "mine", "--leave-out-faults"])


def test_killed_and_run_again_it_ends_in_the_same_bytes(project):
    """Killed while it links a second source; decoding is not repeated."""
    isic_2020(project / "there")
    picture(project / "before/nv/9.jpg", 9)
    for name in ("mine", "whole"):
        melanoma_kd(["import", "before", name])
    melanoma_kd(["import", "there", "whole"])
    program = (
        "import os, sys; from stages.commands.archives import import_archive as m; put = m.put; left = [2]\n"
        "def dying(*a):\n    left[0] -= 1\n    os._exit(9) if left[0] < 0 else put(*a)\n"
        "m.put = dying; from stages.commands.main import main; main(['import', 'there', 'mine'])"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert len(list((project / "data/raw/mine/images").iterdir())) == 1 + 2
    assert list(import_archive.working("mine").glob("*.npy"))
    melanoma_kd(["import", "there", "mine"])
    assert content(project / "data/raw/mine") == content(project / "data/raw/whole")


def test_a_name_that_is_no_folder_of_its_own_is_refused(project):
    folders(project / "there")
    for name in ("demo", "../mine", "a b"):
        with pytest.raises(SystemExit, match="import: NAME: wanted letters"):
            melanoma_kd(["import", "there", name])
