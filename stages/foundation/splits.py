"""Split tables: their columns, the classes a model is trained on, and checks."""

import itertools
from pathlib import Path

import pandas as pd

from stages.foundation.files import read_table
from stages.foundation.settings import Target

METADATA = "HAM10000_metadata.csv"
COLUMNS = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
SOURCE = "dataset"  # the clinic and camera an image comes from; Harvard Dataverse's table has it, Kaggle's has not
PATIENT = "patient_id"  # of archives that say it
GROUP = "group"  # images that are in one split, and that a bootstrap draws together: of a patient, else of a lesion
DIAGNOSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
OTHER = "other"  # as a dx: no melanoma, and which of the others is not known
LABELS = (*DIAGNOSES, OTHER)
UNKNOWN = "unknown"

SPLITS = ("train", "val", "holdout")
SPLIT_COLUMNS = [*COLUMNS, "melanoma", "fold"]

MELANOMA = "mel"


def classes_of(target: Target, train: pd.DataFrame) -> tuple[str, ...]:
    """Return the classes in the order of the logits: the seven diagnoses, those train has, or melanoma and the rest.

    train: the table of the images trained on, whose dx may be OTHER, too.
    """
    if target == "own":
        return tuple(name for name in LABELS if name in set(train["dx"]))
    return DIAGNOSES if target == "dx" else (OTHER, MELANOMA)


def class_indices(table: pd.DataFrame, target: Target) -> list[int]:
    """Return the class of each row of train.csv as an index into classes_of; ValueError where a row is of none."""
    classes = classes_of(target, table)
    if target == "melanoma":
        return [int(value) for value in table["melanoma"]]
    if target == "dx" and (others := int((table["dx"] == OTHER).sum())):
        raise ValueError(f"target: dx: the dx of {others} images is {OTHER}; target: own takes that for a class, too")
    return [classes.index(dx) for dx in table["dx"]]


def read_split(path: Path) -> pd.DataFrame:
    """Return a split table with SPLIT_COLUMNS: text, but melanoma 0 or 1 and fold int.

    ValueError on another table, and on one that was edited by hand so that its columns contradict one another.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such split; dvc repro prepare_splits makes it")
    table = read_table(path)
    if list(table.columns) != SPLIT_COLUMNS:
        raise ValueError(f"{path}: wanted the columns {','.join(SPLIT_COLUMNS)}, found {','.join(table.columns)}")
    faults = {
        "an image that comes twice": table["image_id"].duplicated(),
        f"a dx that is none of {', '.join(LABELS)}": ~table["dx"].isin(LABELS),
        "a melanoma that is not 1 for dx mel and 0 for others": table["melanoma"]
        != (table["dx"] == MELANOMA).astype(int).astype(str),
        "a fold that is neither -1 nor a number": ~table["fold"].str.fullmatch("-1|[0-9]{1,4}").astype(bool),
    }
    for fault, rows in faults.items():
        if rows.any():
            raise ValueError(
                f"{path}: {int(rows.sum())} rows have {fault}, the first is {table['image_id'][rows].iloc[0]}"
            )
    return table.astype({"melanoma": int, "fold": int})


def read_sources(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """Return a split table with SOURCE and GROUP, from the sources.csv of its archive; ValueError where one lacks."""
    if not path.is_file():
        raise ValueError(f"{path}: no such table; dvc repro prepare_splits makes it")
    sources = read_table(path)
    if list(sources.columns) != ["image_id", SOURCE, GROUP]:
        raise ValueError(f"{path}: wanted the columns image_id,{SOURCE},{GROUP}, found {','.join(sources.columns)}")
    sources = sources.set_index("image_id").reindex(table["image_id"])
    if (missing := sources[SOURCE].isna()).any():
        raise ValueError(f"{path}: no row for {sources.index[missing][0]}")
    return table.assign(**{name: sources[name].to_numpy() for name in (SOURCE, GROUP)})


def check_disjoint(tables: dict[str, pd.DataFrame]) -> None:
    """Raise ValueError when two of the splits share a lesion or an image, or, where tables have it, a GROUP."""
    for name, other in itertools.combinations(tables, 2):
        for column in [column for column in ("lesion_id", "image_id", GROUP) if column in tables[name]]:
            shared = sorted(set(tables[name][column]) & set(tables[other][column]))
            if shared:
                raise ValueError(f"{name}.csv: {len(shared)} {column}s also in {other}: {shared[:3]}")


def check_classes(table: pd.DataFrame, name: str) -> None:
    """Raise ValueError unless a split has melanomas and other lesions; ROC-AUC needs both."""
    if table["melanoma"].nunique() < 2:
        melanomas = int(table["melanoma"].sum())
        raise ValueError(f"{name}: wanted melanomas and other lesions, found {melanomas} of {len(table)} melanomas")
