"""Prediction tables with the columns image_id and p_melanoma, from which alone metrics are computed.

A model's table holds every packed image that is not in train.csv: those of val and of the holdout.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.foundation.files import read_table, write_csv
from stages.foundation.pack import Pack

COLUMNS = ["image_id", "p_melanoma"]
RECORD, DECISIONS = "record.json", "decisions.json"
IDS = {"image_id": str, "lesion_id": str}  # pandas' types of the ids in evaluation/predictions.csv: 007 is no number
DIGITS = 9  # significant digits in a table: enough for every float32


def scored_ids(pack: Pack, train_ids: list[str]) -> list[str]:
    """Return the packed images that are not in train.csv, in the pack's order; every model predicts these."""
    train = set(train_ids)
    return [name for name in pack.image_ids if name not in train]


def as_written(p_melanoma: np.ndarray) -> np.ndarray:
    """Return probabilities rounded as in a table, so that a fit before writing equals one after reading."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in p_melanoma])


def write_predictions(path: Path, image_ids: Sequence[str], p_melanoma: np.ndarray) -> None:
    """Write one model's table; ValueError on NaN and on values outside [0, 1]."""
    if not np.all((p_melanoma >= 0) & (p_melanoma <= 1)):
        raise ValueError(f"{path.name}: probabilities outside [0, 1], or not numbers")
    write_csv(path, pd.DataFrame({"image_id": image_ids, "p_melanoma": p_melanoma}), digits=DIGITS)


def read_predictions(path: Path, image_ids: Sequence[str]) -> np.ndarray:
    """Return p_melanoma of these images, in this order, float64 (images,); ValueError when one is missing."""
    if not path.is_file():
        raise ValueError(f"{path}: no such predictions; dvc repro makes them")
    table = read_table(path)
    if list(table.columns) != COLUMNS or table["image_id"].duplicated().any():
        raise ValueError(f"{path}: wanted the columns {COLUMNS} and each image once, found {list(table.columns)}")
    values = pd.to_numeric(table["p_melanoma"], errors="coerce")
    if not values.between(0, 1).all():
        raise ValueError(f"{path}: {int((~values.between(0, 1)).sum())} probabilities are no numbers from 0 to 1")
    p = values.set_axis(table["image_id"]).reindex(list(image_ids))
    missing = list(p.index[p.isna()])
    if missing:
        raise ValueError(f"{path}: no probability for {len(missing)} images, the first is {missing[0]}")
    return p.to_numpy()


def read_record(path: Path) -> Any:
    """Return the content of a JSON file: a RECORD or DECISIONS."""
    return json.loads(path.read_text(encoding="utf-8"))
