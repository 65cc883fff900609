"""Read and check an archive in HAM10000's layout: its metadata table and its image files.

The images may be in any folders below the archive (Kaggle has two, isic-cli one); a file's stem is its image_id.
Faults are collected and raised together, so that one run shows them all.
"""

import csv
import io
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from stages.foundation.files import read_table, sha256_file
from stages.foundation.splits import COLUMNS, LABELS, METADATA, PATIENT, SOURCE, UNKNOWN

SUFFIXES = {".jpg", ".jpeg", ".png"}
ALIKE, PAIR = "alike.csv", ["image_id", "other_image_id"]  # a table of images that seem to show one lesion, if any
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")  # a spreadsheet takes a leading "-" for a formula
_TEXT = re.compile(r"([A-Za-z0-9][A-Za-z0-9 _/.()-]*)?")
_AGE = re.compile(r"[0-9]+(\.[0-9]+)?")


def read_metadata(archive: Path) -> pd.DataFrame:
    """Return one row per image (COLUMNS, SOURCE and PATIENT, all text, blanks as 'unknown'), sorted by image_id.

    ValueError lists every faulty row: ids outside [A-Za-z0-9_-]+, unknown diagnoses, ages that are no number from
    0 to 120, other text that a spreadsheet could take for a formula, repeated image_ids, lesions with two diagnoses.
    Blank lines are skipped. The last columns, SOURCE and PATIENT, may be lacking: all are unknown then.
    """
    path = archive / METADATA
    if not path.is_file():
        raise ValueError(f"{path}: no such file; docs/train.md says how to get an archive and where to put it")
    numbered = _read_rows(path)
    header = numbered[0][1] if numbered else []
    columns = [*COLUMNS, SOURCE, PATIENT]
    if header not in (COLUMNS, columns[:-1], columns):
        raise ValueError(f"{path}: wanted the columns {','.join(COLUMNS)}, found {','.join(header)}")
    faults = [f"row {number}: {fault}" for number, row in numbered[1:] for fault in _row_faults(row, header)]
    raise_all(path, faults if numbered[1:] else ["no rows"])
    table = pd.DataFrame([row for _, row in numbered[1:]], columns=header)
    table = table.reindex(columns=columns, fill_value="").replace("", UNKNOWN)
    raise_all(path, _table_faults(table))
    return table.sort_values("image_id", ignore_index=True)


def find_images(archive: Path, image_ids: Iterable[str]) -> dict[str, Path]:
    """Return the file of every image_id, in the order given.

    ValueError lists images without a row, rows without an image, links that leave the archive or lead nowhere, linked
    folders, and two different files of one id. Two equal files are accepted: Kaggle's archive holds each image twice.
    """
    files: dict[str, Path] = {}
    faults = []
    root = archive.resolve()
    walk = list(os.walk(archive))
    links = [Path(folder) / name for folder, names, _ in walk for name in names if (Path(folder) / name).is_symlink()]
    faults += [f"{path.relative_to(archive)}: a link to a folder, which is not followed" for path in sorted(links)]
    paths = (Path(folder) / name for folder, _, names in walk for name in names)
    for path in sorted(path for path in paths if path.suffix.lower() in SUFFIXES):
        if not _is_regular(path):
            faults.append(f"{path.relative_to(archive)}: no file, or a link that leads to none")
        elif not path.resolve().is_relative_to(root):
            faults.append(f"{path.relative_to(archive)}: a link out of the archive")
        elif path.stem in files and path.read_bytes() != files[path.stem].read_bytes():
            faults.append(f"{path.stem}: two different files, {files[path.stem]} and {path}")
        else:
            files.setdefault(path.stem, path)
    image_ids = list(image_ids)
    faults += [f"{name}: an image without a metadata row" for name in sorted(set(files) - set(image_ids))]
    faults += [f"{name}: a metadata row without an image" for name in sorted(set(image_ids) - set(files))]
    raise_all(archive, faults)
    return {name: files[name] for name in image_ids}


def read_alike(archive: Path) -> list[tuple[str, str]]:
    """Return the pairs of images of an archive's ALIKE, none without one; ValueError on another table."""
    path = archive / ALIKE
    if not path.is_file():
        return []
    table = read_table(path)
    if not set(PAIR) <= set(table.columns):
        raise ValueError(f"{path}: wanted the columns {','.join(PAIR)}, found {','.join(table.columns)}")
    return list(table[PAIR].itertuples(index=False, name=None))


def content_hashes(paths: Iterable[Path]) -> list[str]:
    """Return the sha256 of each file's bytes."""
    return [sha256_file(path) for path in paths]


def raise_all(where: Path | str, faults: list[str]) -> None:
    """Raise one ValueError that lists all faults, if there are any."""
    if faults:
        raise ValueError(f"{where}: {len(faults)} faults\n" + "\n".join(f"  {fault}" for fault in faults))


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, each with the number of its last line as an editor counts it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)  # None: any of CR, LF, CRLF ends a line
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise ValueError(f"{path}: row {reader.line_num}: {error}; is a quote not closed?") from None


def _is_regular(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # of a link to itself
        return False


def _row_faults(row: list[str], header: list[str]) -> list[str]:
    if len(row) != len(header):
        return [f"wanted {len(header)} fields, found {len(row)}"]
    values = dict(zip(header, row, strict=True))
    ids = {name: values[name] for name in ("lesion_id", "image_id")}
    ids |= {PATIENT: patient} if (patient := values.get(PATIENT)) else {}
    faults = [
        f"{name} {value!r}: wanted letters, digits, '_' and '-' only"
        for name, value in ids.items()
        if not _ID.fullmatch(value)
    ]
    if (dx := values["dx"]) not in LABELS:
        faults.append(f"dx {dx!r}: wanted one of {', '.join(LABELS)}")
    age = values["age"]
    if age and not (_AGE.fullmatch(age) and float(age) <= 120):
        faults.append(f"age {age!r}: wanted years from 0 to 120, or nothing")
    return faults + [
        f"{name} {value!r}: wanted a letter or digit, then letters, digits, spaces and _/.()- only"
        for name in ("dx_type", "sex", "localization", SOURCE)
        if not _TEXT.fullmatch(value := values.get(name, ""))
    ]


def _table_faults(table: pd.DataFrame) -> list[str]:
    repeated = table["image_id"][table["image_id"].duplicated()].unique()
    faults = [f"image_id {name}: more than one row" for name in repeated]
    return [*faults, *disputed_lesions(table).values()]


def disputed_lesions(table: pd.DataFrame) -> dict[str, str]:
    """Return lesion_id -> what is wrong with it, of lesions with more than one diagnosis."""
    diagnoses = {str(lesion): sorted(dx) for lesion, dx in table.groupby("lesion_id")["dx"].unique().items()}
    return {
        lesion: f"lesion_id {lesion}: more than one diagnosis, {', '.join(dx)}"
        for lesion, dx in diagnoses.items()
        if len(dx) > 1
    }
