"""Labelled archives in the layouts they come in: a table beside images, or a folder for each class.

A table is HAM10000's metadata, a ground truth of an ISIC challenge (a column for each class, or 2020's `target`), the
metadata that the ISIC Archive gives with images, or any CSV with a column for the file and one for the label. A row
that cannot be used is a fault and is left out; nothing is guessed.
"""

import os
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from stages.commands.answering import SUFFIXES, images_in
from stages.commands.validation.labels import NOT_KNOWN, find_labels, is_melanoma
from stages.foundation.files import read_table, sha256_file
from stages.foundation.splits import METADATA, UNKNOWN

COLUMNS = {  # ours -> names it has elsewhere, in lower case; the first that a table has is taken
    "image_id": ("file", "filename", "image_id", "image", "image_name", "isic_id"),
    "patient_id": ("patient_id", "patient"),
    "lesion_id": ("lesion_id", "lesion"),
    "age": ("age", "age_approx"),
    "sex": ("sex",),
    "localization": ("localization", "anatom_site_general", "anatom_site_general_challenge"),
}
DESCRIBING = ("patient_id", "lesion_id", "age", "sex", "localization")  # columns that may be missing or empty
GROUPS = {"patient_id": "patients", "lesion_id": "lesions"}  # whose images are drawn together; the first that is named
OLDEST = 130  # years
SHOWN = 10  # labels in an error
FORMULA = re.compile(r"[=@\t]|[+-](?![0-9.]*$)")  # what a spreadsheet takes for the start of one; -1 is a number


@dataclass(frozen=True)
class Labelled:
    """Images with a label.

    table: image_id, label (as the archive has it), melanoma (0 or 1), lesion (its patient and name; of one without a
    name, the image), lesion_id (what is drawn together: the patient where one is named, else the lesion), age, sex,
    localization ("unknown" where there is none); files: of its rows; faults: of rows left out; unused: how many names
    of images no row used; groups: what lesion_id names, such as "patients".
    """

    table: pd.DataFrame
    files: list[Path]
    faults: list[str]
    unused: int
    groups: str


def read_archive(archive: Path, melanomas: set[str] | None = None) -> Labelled:
    """Return the labelled images of a folder or a CSV; ValueError when it is neither of the layouts above.

    melanomas: the labels that mean melanoma, in the archive's own words; every other label is then another lesion.
    Without them, a label that is not known to be one or the other is a fault.
    """
    if archive.is_file():
        rows, folder = _rows_of(archive, melanomas), archive.parent
    elif not archive.is_dir():
        raise ValueError(f"{archive}: no such folder or file")
    elif tables := _tables(archive):
        rows, folder = _rows_of(tables[0], melanomas), archive
    else:
        rows, folder = _rows_of_folders(archive), archive
    return _labelled(rows, folder, melanomas)


def _tables(folder: Path) -> list[Path]:
    """Return the table of a folder; ValueError where there are several and none is HAM10000's."""
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
    if folder / METADATA in tables:
        return [folder / METADATA]
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise ValueError(f"{folder}: {len(tables)} tables, {names}; name the one with the labels")
    return tables


def _rows_of(path: Path, melanomas: set[str] | None) -> pd.DataFrame:
    """Return the COLUMNS of a table, all text, and `where`: the number of each row; the header is the first."""
    table = read_table(path)
    names = {name.strip().lower(): name for name in table.columns}
    columns = {ours: next((names[name] for name in theirs if name in names), None) for ours, theirs in COLUMNS.items()}
    if columns["image_id"] is None:
        raise ValueError(
            f"{path}: wanted one of the columns {', '.join(COLUMNS['image_id'])}; found {', '.join(names)}"
        )
    labels = find_labels(path, table, names, asked=melanomas is None)
    rows = {ours: table[name].str.strip() if name else "" for ours, name in columns.items()}
    rows["label"] = labels.str.strip()
    return pd.DataFrame(rows, index=table.index).assign(where=[f"row {line}" for line in range(2, len(table) + 2)])


def _rows_of_folders(archive: Path) -> pd.DataFrame:
    """Return a row for each image of a folder's folders, whose names are the labels."""
    folders = sorted(path for path in archive.iterdir() if path.is_dir())
    rows = [(str(path.relative_to(archive)), folder.name) for folder in folders for path in images_in(folder)]
    if not rows:
        raise ValueError(f"{archive}: no table (*.csv) and no folders with images, one for each class")
    table = pd.DataFrame(rows, columns=["image_id", "label"]).reindex(columns=[*COLUMNS, "label"], fill_value="")
    return table.assign(where=table["image_id"])


def _labelled(rows: pd.DataFrame, folder: Path, melanomas: set[str] | None) -> Labelled:
    @cache
    def by_stem() -> dict[str, list[Path]]:  # where no row wants it, folders that are none of ours are not read
        stems: dict[str, list[Path]] = {}
        for path in images_in(folder):
            stems.setdefault(path.stem, []).append(path)
        return stems

    labels = set(rows["label"].str.lower())
    if missing := sorted((melanomas or set()) - labels):
        raise ValueError(f"{folder}: no row has the label {missing[0]!r}, but {', '.join(sorted(labels)[:SHOWN])}")
    kept, faults = [], []
    for row in rows.to_dict("records"):
        try:
            file, melanoma = _file_of(row["image_id"], folder, by_stem), is_melanoma(row["label"], melanomas)
            described = _described(row)
        except ValueError as error:
            faults.append(f"{row.pop('where')}: {error}")
            continue
        kept.append(described | {"file": file, "melanoma": int(melanoma)})
    table = pd.DataFrame(kept, columns=["image_id", "label", "lesion", *DESCRIBING[1:], "file", "melanoma"])
    disagreeing = table.groupby(table["file"].map(_content))["melanoma"].transform("nunique") > 1
    faults += [f"{name}: rows with different labels, all left out" for name in table["image_id"][disagreeing]]
    repeated = table["file"].duplicated() & ~disagreeing
    faults += [f"{name}: a second row, left out" for name in table["image_id"][repeated]]
    table = table[~disagreeing & ~repeated].reset_index(drop=True)
    unused = len(set(by_stem()) - {file.stem for file in table["file"]}) if by_stem.cache_info().misses else 0
    named = [name for name in GROUPS if (~rows[name].str.lower().isin(NOT_KNOWN)).any()]
    groups = " or ".join(GROUPS[name] for name in named) or "images"
    return Labelled(table.drop(columns="file"), table["file"].tolist(), faults, unused, groups)


def _content(file: Path) -> str:
    return sha256_file(file) if os.access(file, os.R_OK) else str(file)  # what cannot be read is named later


def _described(row: dict[Hashable, str]) -> dict[str, str]:
    """Return a row with "unknown" for what is not known, and with whom a bootstrap has to draw together.

    ValueError where a spreadsheet that opens what `validate` writes would run a cell.
    """
    known = {name: UNKNOWN if row[name].lower() in NOT_KNOWN else row[name] for name in DESCRIBING}
    for text in (row["image_id"], row["label"], *known.values()):
        if FORMULA.match(text):
            raise ValueError(f"{text!r}: a spreadsheet would take it for a formula")
    patient = "" if known["patient_id"] == UNKNOWN else f"patient {known['patient_id']}"
    lesion = f"image {row['image_id']}" if known["lesion_id"] == UNKNOWN else known["lesion_id"]
    lesion = f"{patient}, {lesion}" if patient else lesion  # a patient's lesions may be numbered from 1
    age = pd.to_numeric(known["age"], errors="coerce")
    return {
        **{name: row[name] for name in ("image_id", "label")},
        "lesion": lesion,
        "lesion_id": patient or lesion,
        "age": known["age"] if 0 <= age <= OLDEST else UNKNOWN,
        **{name: known[name] for name in ("sex", "localization")},
    }


def _file_of(name: str, folder: Path, by_stem: Callable[[], dict[str, list[Path]]]) -> Path:
    """Return the file of a row: the path below the folder, or, of a bare name, the only image that has it as stem."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name}: outside the archive")
    try:
        if (folder / path).is_file():
            return folder / path
    except OSError as error:  # a name too long for the file system
        raise ValueError(f"{name}: {error.strerror}") from None
    known = by_stem().get(path.stem if path.suffix.lower() in SUFFIXES else name, []) if path.name == name else []
    if not known:
        raise ValueError(f"{name}: no image")
    if len(known) > 1 and len(set(map(_content, known))) > 1:  # Kaggle's HAM10000 holds each image twice
        raise ValueError(f"{name}: {len(known)} images of this name")
    return known[0]
