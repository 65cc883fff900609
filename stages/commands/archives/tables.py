"""The tables of labelled archives: which file holds the labels, and what its columns are."""

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stages.commands.archives.labels import DETAIL, LABEL, NATURE, find_labels
from stages.foundation.files import read_table
from stages.foundation.splits import MELANOMA, METADATA, PATIENT, SOURCE

COLUMNS = {  # ours -> names it has elsewhere, in lower case; the first that a table has is taken
    "image_id": ("file", "filename", "image_id", "image", "image_name", "isic_id", "img_id", "derm"),
    PATIENT: (PATIENT, "patient"),
    "lesion_id": ("lesion_id", "lesion", "case_num"),
    SOURCE: (SOURCE, "source", "attribution"),
    "age": ("age", "age_approx"),
    "sex": ("sex", "gender"),
    "localization": (
        "localization",
        "anatom_site_general",
        "anatom_site_general_challenge",
        "region",
        "location",
    ),
}
DESCRIBING = [name for name in COLUMNS if name != "image_id"]  # columns that may be missing or empty
ASKED = {  # what a user calls a column -> ours
    "image": "image_id",
    "label": "label",
    "patient": PATIENT,
    "lesion": "lesion_id",
    "source": SOURCE,
    "age": "age",
    "sex": "sex",
    "site": "localization",
}
BELOW = ("meta/meta.csv", "PH2_dataset.txt", "PH2Dataset/PH2_dataset.txt")  # Derm7pt's table, and PH2's
OF_PH2 = {"0": "common nevus", "1": "atypical nevus", "2": "melanoma"}  # its column Clinical Diagnosis
PH2_NAME, PH2_LABEL = "name", "clinical diagnosis"


def tables_in(folder: Path) -> list[Path]:
    """Return the tables of a folder, that with the labels first; ValueError where several have labels.

    The others say more of the same images, as ISIC's metadata beside its ground truth; none where the folder has none.
    """
    if (own := folder / METADATA).is_file():
        return [own]
    tables = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv")
    tables = tables or [path for name in BELOW if (path := folder / name).is_file()][:1]
    if len(tables) < 2:
        return tables
    names = {path: {name.strip().lower() for name in read_table(path).columns} for path in tables}
    labels = [path for path, columns in names.items() if columns & {*LABEL, MELANOMA, NATURE} - {"diagnosis"}]
    if len(labels) != 1:
        listed = ", ".join(path.name for path in tables)
        raise ValueError(f"{folder}: {len(tables)} tables, {listed}; name the one with the labels")
    images = [path for path in tables if path not in labels and names[path] & set(COLUMNS["image_id"])]
    return labels + images


def read_rows(
    tables: list[Path], chosen: Mapping[str, str], *, asked: bool = True, labels: bool = True
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the rows of a table, all text, and ours -> the column each is read from.

    They have COLUMNS, label, detail (a diagnosis beside the label, if any) and `where`: the number of each row; the
    header is the first. tables: the first holds the labels, what it lacks is read from the others by the image. chosen:
    of ASKED -> a column; asked: ValueError where it is not certain what a label means; labels: whether any are wanted.
    """
    path, *others = tables
    table = _read(path)
    names = {name.strip().lower(): name for name in table.columns}
    for ours, theirs in chosen.items():
        if ours not in ASKED or theirs.lower() not in names:
            wanted = f"one of {', '.join(ASKED)}" if ours not in ASKED else f"a column of {', '.join(names)}"
            raise ValueError(f"{path}: {ours}={theirs}: wanted {wanted}")
    columns = {ours: next((names[name] for name in theirs if name in names), "") for ours, theirs in COLUMNS.items()}
    columns |= {ASKED[ours]: names[theirs.lower()] for ours, theirs in chosen.items()}
    if not columns["image_id"]:
        raise ValueError(
            f"{path}: wanted one of the columns {', '.join(COLUMNS['image_id'])}; found {', '.join(names)}"
        )
    label, texts = columns.pop("label", ""), pd.Series("", table.index)
    if label:
        texts = table[label]
    elif labels:
        texts, label = find_labels(path, table, names, asked=asked)
    rows = pd.DataFrame({ours: table[name].str.strip() if name else "" for ours, name in columns.items()}, table.index)
    detail = next((names[name] for name in DETAIL if name in names and names[name] != label), "")
    rows["label"], rows["detail"] = texts.str.strip(), table[detail].str.strip() if detail else ""
    for other in others:
        columns |= _add(rows, _read(other), [name for name in DESCRIBING if not columns[name]])
    found = {ours: name for ours, name in (columns | {"label": label}).items() if name}
    return rows.assign(where=[f"row {line}" for line in range(2, len(table) + 2)]), found


def _add(rows: pd.DataFrame, other: pd.DataFrame, lacking: list[str]) -> dict[str, str]:
    """Add to rows what another table says of their images, in place, and return ours -> its column."""
    names = {name.strip().lower(): name for name in other.columns}
    image = next(names[name] for name in COLUMNS["image_id"] if name in names)
    by_image = other.drop_duplicates(image).set_index(image)
    columns = {ours: next((names[name] for name in COLUMNS[ours] if name in names), "") for ours in lacking}
    for ours, name in columns.items():
        if name:
            rows[ours] = by_image[name].reindex(rows["image_id"]).fillna("").str.strip().to_numpy()
    return columns


def _read(path: Path) -> pd.DataFrame:
    """Return a table, all text; PH2's is text between double bars, of which two columns are taken."""
    if path.suffix.lower() == ".csv":
        return read_table(path)
    lines = [re.split(r"\s*\|\|\s*", line.strip().strip("|").strip()) for line in path.read_text("utf-8").splitlines()]
    header = next((line for line in lines if line[0].lower() == PH2_NAME), [])
    places = {name.lower(): place for place, name in enumerate(header)}
    if PH2_LABEL not in places:
        raise ValueError(f"{path}: wanted a CSV, or PH2's table with the columns Name and Clinical Diagnosis")
    found = [line for line in lines if len(line) == len(header) and line != header]
    labels = [OF_PH2.get(line[places[PH2_LABEL]], line[places[PH2_LABEL]]) for line in found]
    return pd.DataFrame({"image": [line[0] for line in found], "label": labels}, dtype=str)
