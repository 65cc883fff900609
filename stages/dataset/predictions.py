"""Frozen prediction tables, (image_id, p_melanoma): the only thing metrics are computed from.

A model's table holds every packed image that is not in train.csv: val's and the holdout's.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.dataset.pack import Pack
from stages.foundation.files import write_csv, write_json

COLUMNS = ["image_id", "p_melanoma"]
TABLE, RECORD, DECISIONS = "predictions.csv", "record.json", "decisions.json"
DIGITS = 9  # significant ones in a table: they keep every float32


def scored_ids(pack: Pack, train_ids: list[str]) -> list[str]:
    """Return the packed images that are not trained on, in the pack's order: every model is scored on these."""
    train = set(train_ids)
    return [name for name in pack.image_ids if name not in train]


def as_written(p_melanoma: np.ndarray) -> np.ndarray:
    """Return probabilities as a table holds them, so that what is fitted before writing is what a reader would fit."""
    return np.array([float(f"{value:.{DIGITS}g}") for value in p_melanoma])


def write_predictions(path: Path, image_ids: Sequence[str], p_melanoma: np.ndarray) -> None:
    """Write one model's table; ValueError when a probability is not one."""
    if not np.all((p_melanoma >= 0) & (p_melanoma <= 1)):
        raise ValueError(f"{path.name}: probabilities outside [0, 1], or not numbers")
    write_csv(path, pd.DataFrame({"image_id": image_ids, "p_melanoma": p_melanoma}), digits=DIGITS)


def write_predictions_folder(
    folder: Path, image_ids: Sequence[str], p_melanoma: np.ndarray, record: dict[str, Any]
) -> None:
    """Write one model's table and the record of its run into a new folder."""
    folder.mkdir()
    write_predictions(folder / TABLE, image_ids, p_melanoma)
    write_json(folder / RECORD, record)


def read_predictions(path: Path, image_ids: Sequence[str]) -> np.ndarray:
    """Return p_melanoma of these images in this order, float64 (images,); ValueError names what is missing."""
    if not path.is_file():
        raise ValueError(f"{path}: no such predictions; dvc repro makes them")
    table = pd.read_csv(path)
    if list(table.columns) != COLUMNS or table["image_id"].duplicated().any():
        raise ValueError(f"{path}: wanted the columns {COLUMNS} and each image once, found {list(table.columns)}")
    p = table.set_index("image_id")["p_melanoma"].reindex(list(image_ids))
    missing = list(p.index[p.isna()])
    if missing:
        raise ValueError(f"{path}: no probability for {len(missing)} images, the first is {missing[0]}")
    return p.to_numpy()


def read_record(path: Path) -> Any:
    """Return what a JSON file beside predictions holds."""
    return json.loads(path.read_text(encoding="utf-8"))
