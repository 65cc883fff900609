"""All faults of an archive are listed before anything is written (faults 26-29, 33, 45)."""

import os

import pytest
from PIL import Image

from stages.foundation.splits import METADATA
from stages.images.archive import find_images, read_metadata

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization"
ROWS = ["HAM_1,ISIC_1,mel,histo,60.0,male,back", "HAM_2,ISIC_2,nv,follow_up,,female,", "HAM_2,ISIC_3,nv,follow_up,,,"]


def archive(folder, rows=ROWS, *, header=HEADER, end="\n", encoding="utf-8"):
    folder.mkdir(exist_ok=True)
    (folder / METADATA).write_bytes((end.join([header, *rows]) + end).encode(encoding))
    return folder


def add_images(folder, *places):
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (len(place), 0, 0)).save(folder / place)
    return folder


@pytest.mark.parametrize(
    ("end", "encoding"),
    [
        ("\n", "utf-8"),
        ("\r\n", "utf-8"),
        ("\n", "utf-8-sig"),
        ("\r\n", "utf-8-sig"),
        ("\r", "utf-8"),
        ("\n\n", "utf-8"),
    ],
)
def test_line_ends_and_byte_order_marks_are_read(tmp_path, end, encoding):
    table = read_metadata(archive(tmp_path / "a", end=end, encoding=encoding))
    assert list(table["image_id"]) == ["ISIC_1", "ISIC_2", "ISIC_3"]
    assert list(table["age"]) == ["60.0", "unknown", "unknown"]
    assert list(table["sex"]) == ["male", "female", "unknown"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("HAM_9,ISIC_9,Mel,histo,,,", "row 5: dx 'Mel': wanted one of akiec"),
        ("HAM_9,ISIC_9,,histo,,,", "row 5: dx ''"),
        ("HAM_9,ISIC_9,wart,histo,,,", "row 5: dx 'wart'"),
        ("HAM_9,ISIC_9,nv,histo,old,,", "row 5: age 'old'"),
        ("HAM_9,ISIC_9,nv,histo,nan,,", "row 5: age 'nan'"),
        ("HAM_9,ISIC_9,nv,histo,400,,", "row 5: age '400'"),
        ("HAM_9,ISIC_9,nv,histo", "row 5: wanted 7 fields, found 4"),
        ("HAM_9,../../etc/passwd,nv,histo,,,", "row 5: image_id '../../etc/passwd'"),
        ("HAM_9,/etc/passwd,nv,histo,,,", "row 5: image_id '/etc/passwd'"),
        ("HAM_9,ISIC\0_9,nv,histo,,,", "row 5: image_id"),
        ("HAM_9,=cmd(),nv,histo,,,", "row 5: image_id '=cmd()'"),
        ("+HAM,ISIC_9,nv,histo,,,", "row 5: lesion_id '+HAM'"),
        ("HAM_9,,nv,histo,,,", "row 5: image_id ''"),
        ("HAM_9,-A1,nv,histo,,,", "row 5: image_id '-A1'"),
        ("HAM_9,ISIC_9,nv,=HYPERLINK(1),,,", "row 5: dx_type '=HYPERLINK(1)'"),
        ("HAM_9,ISIC_9,nv,histo,,@cmd,", "row 5: sex '@cmd'"),
        ("HAM_9,ISIC_9,nv,histo,,,-1+1", "row 5: localization '-1+1'"),
        ("HAM_9,ISIC_9,nv,histo,६०,,", "row 5: age '६०'"),
        ('HAM_9,ISIC_9,nv,histo,,,"back', "row 5: unexpected end of data; is a quote not closed?"),
        ("HAM_1,ISIC_1,mel,histo,,,", "image_id ISIC_1: more than one row"),
        ("HAM_1,ISIC_9,nv,histo,,,", "lesion_id HAM_1: more than one diagnosis, mel, nv"),
    ],
)
def test_a_faulty_row_is_named(tmp_path, row, message):
    with pytest.raises(ValueError, match=METADATA) as caught:
        read_metadata(archive(tmp_path / "a", [*ROWS, row]))
    assert message in str(caught.value)


def test_all_faults_are_listed(tmp_path):
    rows = [row.replace(",nv,", ",NV,") for row in ROWS]
    with pytest.raises(ValueError, match="2 faults") as caught:
        read_metadata(archive(tmp_path / "a", rows))
    assert "row 3" in str(caught.value)
    assert "row 4" in str(caught.value)


def test_the_source_of_each_image_is_read_where_the_table_has_it(tmp_path):
    rows = [row + ",vidir_modern" for row in ROWS]
    table = read_metadata(archive(tmp_path / "a", rows, header=HEADER + ",dataset"))
    assert set(table["dataset"]) == {"vidir_modern"}
    assert table.assign(dataset="unknown").equals(read_metadata(archive(tmp_path / "b")))
    with pytest.raises(ValueError, match="row 3: wanted 8 fields, found 7"):
        read_metadata(archive(tmp_path / "c", [rows[0], ROWS[1]], header=HEADER + ",dataset"))


@pytest.mark.parametrize("header", [HEADER.replace(",", ";"), "image_id,dx", HEADER + ",extra"])
def test_another_table_is_refused(tmp_path, header):
    with pytest.raises(ValueError, match="wanted the columns lesion_id,image_id"):
        read_metadata(archive(tmp_path / "a", header=header))


def test_an_empty_or_missing_table_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no rows"):
        read_metadata(archive(tmp_path / "a", []))
    with pytest.raises(ValueError, match="no such file"):
        read_metadata(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "places",
    [
        ("HAM10000_images_part_1/ISIC_1.jpg", "HAM10000_images_part_2/ISIC_2.jpg", "HAM10000_images_part_2/ISIC_3.jpg"),
        ("images/ISIC_1.jpg", "images/ISIC_2.JPG", "images/ISIC_3.png"),
        ("ISIC_1.jpg", "ISIC_2.jpg", "ISIC_3.jpeg"),
    ],
)
def test_every_layout_is_found_by_stem(tmp_path, places):
    folder = add_images(archive(tmp_path / "an archive, ünïcode"), *places)
    (folder / "attribution.txt").write_text("what isic-cli leaves beside the images")
    images = find_images(folder, ["ISIC_3", "ISIC_1", "ISIC_2"])
    assert list(images) == ["ISIC_3", "ISIC_1", "ISIC_2"]
    assert images["ISIC_1"] == folder / places[0]


def test_kaggles_second_copy_is_accepted_if_identical(tmp_path):
    folder = add_images(archive(tmp_path / "a"), "part_1/ISIC_1.jpg", "PART_1/ISIC_1.jpg")
    assert find_images(folder, ["ISIC_1"])
    Image.new("RGB", (64, 48), (0, 200, 0)).save(folder / "PART_1/ISIC_1.jpg")
    with pytest.raises(ValueError, match="two different files"):
        find_images(folder, ["ISIC_1"])


def test_missing_and_surplus_images_are_both_listed(tmp_path):
    folder = add_images(archive(tmp_path / "a"), "ISIC_1.jpg", "ISIC_7.jpg")
    with pytest.raises(ValueError, match="3 faults") as caught:
        find_images(folder, ["ISIC_1", "ISIC_2", "ISIC_3"])
    assert "ISIC_7: an image without a metadata row" in str(caught.value)
    assert "ISIC_3: a metadata row without an image" in str(caught.value)


def test_a_link_out_of_the_archive_is_refused(tmp_path):
    outside = add_images(tmp_path, "outside/ISIC_1.jpg")
    folder = archive(tmp_path / "a")
    (folder / "ISIC_1.jpg").symlink_to(outside / "outside/ISIC_1.jpg")
    with pytest.raises(ValueError, match="a link out of the archive"):
        find_images(folder, ["ISIC_1"])


def test_a_linked_archive_works(tmp_path):
    folder = add_images(archive(tmp_path / "real"), "images/ISIC_1.jpg")
    (tmp_path / "link").symlink_to(folder)
    assert find_images(tmp_path / "link", ["ISIC_1"])


def test_an_unclosed_quote_before_a_long_table_is_named(tmp_path):
    rows = [f"HAM_{number},ISIC_{number},nv,histo,,,back" for number in range(9_000)]
    with pytest.raises(ValueError, match=r"row \d+: field larger than field limit \(131072\); is a quote not closed"):
        read_metadata(archive(tmp_path / "a", ['HAM_x,ISIC_x,nv,"histo,,,', *rows]))


def test_another_encoding_is_said(tmp_path):
    with pytest.raises(ValueError, match="not UTF-8"):
        read_metadata(archive(tmp_path / "a", [*ROWS, "HAM_9,ISIC_9,nv,histo,,,rücken"], encoding="latin-1"))


def test_links_that_cannot_be_followed_are_listed(tmp_path):
    folder = add_images(tmp_path / "a", "ISIC_1.jpg")
    add_images(tmp_path / "elsewhere", "ISIC_2.jpg")
    (folder / "part").symlink_to(tmp_path / "elsewhere")
    (folder / "ISIC_3.jpg").symlink_to(folder / "ISIC_3.jpg")
    (folder / "ISIC_4.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "ISIC_5.jpg")
    with pytest.raises(ValueError, match="faults") as caught:
        find_images(folder, ["ISIC_1"])
    lines = str(caught.value).splitlines()[1:]
    assert "  part: a link to a folder, which is not followed" in lines
    for number in (3, 4, 5):
        assert f"  ISIC_{number}.jpg: no file, or a link that leads to none" in lines
