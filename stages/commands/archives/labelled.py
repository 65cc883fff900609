"""Labelled archives in the layouts they come in: a table beside images, or a folder for each class.

A table is HAM10000's metadata, a ground truth of an ISIC challenge (a column for each class, or 2020's `target`), the
metadata that the ISIC Archive gives with images, that of Derm7pt, PAD-UFES-20 or PH2, or any CSV with a column for the
file and one for the label. A row that cannot be used is a fault and is left out; nothing is guessed.
"""

import os
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd

from stages.commands.answering import SUFFIXES, images_in
from stages.commands.archives.labels import NOT_KNOWN, diagnosis_of, is_melanoma
from stages.commands.archives.tables import COLUMNS, DESCRIBING, read_rows, tables_in
from stages.foundation.files import sha256_file
from stages.foundation.splits import GROUP, PATIENT, SOURCE, UNKNOWN

GROUPS = {PATIENT: "patients", "lesion_id": "lesions"}  # whose images are drawn together; the first that is named
OLDEST = 120  # years
SHOWN = 10  # labels in an error
FORMULA = re.compile(r"[=@\t]|[+-](?![0-9.]*$)")  # what a spreadsheet takes for the start of one; -1 is a number
FIELDS = ["image_id", "label", "dx", "lesion_id", GROUP, PATIENT, SOURCE, "age", "sex", "localization"]


@dataclass(frozen=True)
class Labelled:
    """Images with a label.

    table: FIELDS and melanoma, 0 or 1, of each image. label is as the archive has it, dx one of splits.LABELS,
    lesion_id of one without a name the image's; group: what is drawn together, the patient where one is named, else the
    lesion; patient_id, dataset, age, sex, localization: "unknown" where there is none. files: of its rows; faults: of
    rows left out; unused: how many names of images no row used; groups: what `group` names, such as "patients";
    columns: what of FIELDS is read from which column.
    """

    table: pd.DataFrame
    files: list[Path]
    faults: list[str]
    unused: int
    groups: str
    columns: dict[str, str] = field(default_factory=dict)


def read_archive(
    archive: Path, melanomas: set[str] | None = None, columns: Mapping[str, str] | None = None
) -> Labelled:
    """Return the labelled images of a folder or a CSV; ValueError when it is neither of the layouts above.

    melanomas: the labels that mean melanoma, in the archive's own words; every other label is then another lesion.
    Without them, a label that is not known to be one or the other is a fault. columns: of COLUMNS or label -> the
    table's column, where it is not found by its name.
    """
    if archive.is_file():
        rows, names = read_rows([archive], columns or {}, asked=melanomas is None)
        folder = archive.parent
    elif not archive.is_dir():
        raise ValueError(f"{archive}: no such folder or file")
    elif tables := tables_in(archive):
        rows, names = read_rows(tables, columns or {}, asked=melanomas is None)
        folder = archive
    else:
        rows, names, folder = _rows_of_folders(archive), {"label": "the folder's name"}, archive
    return _labelled(rows, folder, melanomas, names)


def _rows_of_folders(archive: Path) -> pd.DataFrame:
    """Return a row for each image of a folder's folders, whose names are the labels."""
    folders = sorted(path for path in archive.iterdir() if path.is_dir())
    rows = [(str(path.relative_to(archive)), folder.name) for folder in folders for path in images_in(folder)]
    if not rows:
        raise ValueError(f"{archive}: no table (*.csv) and no folders with images, one for each class")
    table = pd.DataFrame(rows, columns=["image_id", "label"])
    table = table.reindex(columns=[*COLUMNS, "label", "detail"], fill_value="")
    return table.assign(where=table["image_id"])


def _labelled(rows: pd.DataFrame, folder: Path, melanomas: set[str] | None, names: dict[str, str]) -> Labelled:
    @cache
    def by_stem() -> dict[str, list[Path]]:  # where no row wants it, folders that are none of ours are not read
        stems: dict[str, list[Path]] = {}
        for path in images_in(folder):
            if path.is_file():
                stems.setdefault(path.stem, []).append(path)
        return stems

    labels = set(rows["label"].str.lower())
    if missing := sorted((melanomas or set()) - labels):
        raise ValueError(f"{folder}: no row has the label {missing[0]!r}, but {', '.join(sorted(labels)[:SHOWN])}")
    kept, faults = [], []
    for row in rows.to_dict("records"):
        try:
            file, melanoma = _file_of(row["image_id"], folder, by_stem), is_melanoma(row["label"], melanomas)
            described = _described(row, melanoma=melanoma)
        except ValueError as error:
            faults.append(f"{row.pop('where')}: {error}")
            continue
        kept.append(described | {"file": file, "melanoma": int(melanoma)})
    table = pd.DataFrame(kept, columns=[*FIELDS, "file", "melanoma"])
    disagreeing = table.groupby(table["file"].map(_content))["melanoma"].transform("nunique") > 1
    faults += [f"{name}: rows with different labels, all left out" for name in table["image_id"][disagreeing]]
    repeated = table["file"].duplicated() & ~disagreeing
    faults += [f"{name}: a second row, left out" for name in table["image_id"][repeated]]
    table = table[~disagreeing & ~repeated].reset_index(drop=True)
    unused = len(set(by_stem()) - {file.stem for file in table["file"]}) if by_stem.cache_info().misses else 0
    named = [name for name in GROUPS if (~rows[name].str.lower().isin(NOT_KNOWN)).any()]
    groups = " or ".join(GROUPS[name] for name in named) or "images"
    return Labelled(table.drop(columns="file"), table["file"].tolist(), faults, unused, groups, names)


def _content(file: Path) -> str:
    return sha256_file(file) if os.access(file, os.R_OK) else str(file)  # what cannot be read is named later


def _described(row: dict[Hashable, str], *, melanoma: bool) -> dict[str, str]:
    """Return a row's FIELDS, with "unknown" for what is not known.

    ValueError where a spreadsheet that opens what `validate` writes would run a cell.
    """
    known = {name: UNKNOWN if row[name].lower() in NOT_KNOWN else row[name] for name in DESCRIBING}
    for text in (row["image_id"], row["label"], *known.values()):
        if FORMULA.match(text):
            raise ValueError(f"{text!r}: a spreadsheet would take it for a formula")
    lesion, group = lesion_of(row)
    age = pd.to_numeric(known["age"], errors="coerce")
    return {
        **known,
        **{name: row[name] for name in ("image_id", "label")},
        "dx": diagnosis_of([row["detail"], row["label"]], melanoma=melanoma),
        "lesion_id": lesion,
        GROUP: group,
        "age": known["age"] if 0 <= age <= OLDEST else UNKNOWN,
    }


def lesion_of(row: Mapping[Hashable, str]) -> tuple[str, str]:
    """Return the name of a row's lesion, and of what is drawn together with it: its patient, if known, else it alone.

    A lesion that is not named is the image's; a patient's lesions may be numbered from 1.
    """
    lesion = f"image {row['image_id']}" if row["lesion_id"].lower() in NOT_KNOWN else row["lesion_id"]
    if row[PATIENT].lower() in NOT_KNOWN:
        return lesion, lesion
    patient = f"patient {row[PATIENT]}"
    return f"{patient}, {lesion}", patient


def _file_of(name: str, folder: Path, by_stem: Callable[[], dict[str, list[Path]]]) -> Path:
    """Return the file of a row: the path below the folder, or the only image whose path ends so, or has it as stem."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name}: outside the archive")
    try:
        if (folder / path).is_file():
            return folder / path
    except OSError as error:  # a name too long for the file system
        raise ValueError(f"{name}: {error.strerror}") from None
    known = by_stem().get(path.stem if path.suffix.lower() in SUFFIXES else path.name, [])
    if path.name != name:
        known = [file for file in known if file.parts[-len(path.parts) :] == path.parts]
    if not known:
        raise ValueError(f"{name}: no image")
    if len(known) > 1 and len(set(map(_content, known))) > 1:  # Kaggle's HAM10000 holds each image twice
        raise ValueError(f"{name}: {len(known)} images of this name")
    return known[0]
