"""Labelled archives in the layouts they come in: a table beside images, or a folder for each class.

A table is HAM10000's metadata, a ground truth of an ISIC challenge (a column for each class, or `target`), an export of
the ISIC archive, or any CSV with a column for the file and one for the label. A row that cannot be used is a fault and
is left out; nothing is guessed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stages.dataset.splits import DIAGNOSES, MELANOMA, METADATA, UNKNOWN
from stages.foundation.files import read_table

COLUMNS = {  # ours -> names it has elsewhere, in lower case; the first that a table has is taken
    "image_id": ("file", "filename", "image_id", "image", "image_name", "isic_id"),
    "label": ("label", "dx", "diagnosis", "target", "melanoma", "class", "benign_malignant"),
    "lesion_id": ("lesion_id", "lesion", "patient_id", "patient"),
    "age": ("age", "age_approx"),
    "sex": ("sex",),
    "localization": ("localization", "anatom_site_general", "anatom_site_general_challenge"),
}
OPTIONAL = ("lesion_id", "age", "sex", "localization")
ONE_HOT = "mel"  # a column of ISIC's ground truths that have one for each class
MELANOMAS = {MELANOMA, "melanoma", "1", "1.0", "true", "yes"}
OTHERS = {*DIAGNOSES, "nevus", "other", "0", "0.0", "false", "no", "benign"} - MELANOMAS
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Labelled:
    """Images with a label.

    table: image_id, label (as the archive has it), melanoma (0 or 1), lesion_id (the lesion's or patient's, else the
    image's own), age, sex, localization ("unknown" where there is none); files: of its rows; faults: of rows left out.
    """

    table: pd.DataFrame
    files: list[Path]
    faults: list[str]


def read_archive(archive: Path, melanomas: set[str] | None = None) -> Labelled:
    """Return the labelled images of a folder or a CSV; ValueError when it is neither of the layouts above.

    melanomas: the labels that mean melanoma, in the archive's own words; every other label is then another lesion.
    Without them, a label that is not known to be one or the other is a fault.
    """
    if archive.is_file():
        rows, folder = _rows_of(archive), archive.parent
    elif not archive.is_dir():
        raise ValueError(f"{archive}: no such folder or file")
    elif tables := _tables(archive):
        rows, folder = _rows_of(tables[0]), archive
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


def _rows_of(path: Path) -> pd.DataFrame:
    """Return image_id, label and the OPTIONAL columns of a table, all text."""
    table = read_table(path)
    names = {name.strip().lower(): name for name in table.columns}
    found = {ours: next((names[name] for name in theirs if name in names), None) for ours, theirs in COLUMNS.items()}
    if found["label"] is None and ONE_HOT in names:
        table["label"] = pd.to_numeric(table[names[ONE_HOT]], errors="coerce").map({1.0: MELANOMA, 0.0: "other"})
        table["label"] = table["label"].fillna(table[names[ONE_HOT]])
        found["label"] = "label"
    for ours in ("image_id", "label"):
        if found[ours] is None:
            raise ValueError(f"{path}: wanted one of the columns {', '.join(COLUMNS[ours])}; found {', '.join(names)}")
    rows = {ours: table[name].str.strip() if name else "" for ours, name in found.items()}
    return pd.DataFrame(rows, index=table.index)


def _rows_of_folders(archive: Path) -> pd.DataFrame:
    """Return a row for each image of a folder's folders, whose names are the labels."""
    folders = sorted(path for path in archive.iterdir() if path.is_dir())
    rows = [(str(path.relative_to(archive)), folder.name) for folder in folders for path in _images(folder)]
    if not rows:
        raise ValueError(f"{archive}: no table (*.csv) and no folders with images, one for each class")
    return pd.DataFrame(rows, columns=["image_id", "label"]).reindex(columns=list(COLUMNS), fill_value="")


def _labelled(rows: pd.DataFrame, folder: Path, melanomas: set[str] | None) -> Labelled:
    stems: dict[str, list[Path]] = {}
    for path in _images(folder):
        stems.setdefault(path.stem, []).append(path)
    kept, files, faults = [], [], []
    for number, row in enumerate(rows.to_dict("records"), start=2):  # as an editor counts lines below the header
        try:
            file, melanoma = _file_of(row["image_id"], folder, stems), _melanoma(row["label"], melanomas)
        except ValueError as error:
            faults.append(f"row {number}: {error}")
            continue
        kept.append(row | {"melanoma": int(melanoma), "lesion_id": row["lesion_id"] or row["image_id"]})
        files.append(file)
    table = pd.DataFrame(kept, columns=[*COLUMNS, "melanoma"])
    repeated = table["image_id"].duplicated()
    faults += [f"{name}: a second row, left out" for name in table["image_id"][repeated]]
    files = [file for file, twice in zip(files, repeated, strict=True) if not twice]
    return Labelled(table[~repeated].replace("", UNKNOWN).reset_index(drop=True), files, faults)


def _file_of(name: str, folder: Path, stems: dict[str, list[Path]]) -> Path:
    """Return the file of a row: a path below the folder, or the only image anywhere below it with this stem."""
    path = folder / name
    if path.is_file():
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{name}: outside the archive")
        return path
    found = stems.get(Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name, [])
    if len({file.read_bytes() for file in found}) != 1:  # Kaggle's HAM10000 holds each image twice
        raise ValueError(f"{name}: " + ("no image" if not found else f"{len(found)} images of this name"))
    return found[0]


def _melanoma(label: str, melanomas: set[str] | None) -> bool:
    known = label.lower()
    if melanomas is not None:
        if not known:
            raise ValueError("no label")
        return known in melanomas
    if known in MELANOMAS or known in OTHERS:
        return known in MELANOMAS
    raise ValueError(f"label {label!r}: melanoma or not? --melanoma LABEL names the labels that are")


def _images(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(parent, name) for name in sorted(names) if Path(name).suffix.lower() in SUFFIXES)
