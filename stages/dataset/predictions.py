"""Frozen prediction tables: (image_id, p_melanoma), the only thing metrics are computed from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stages.foundation.files import write_csv

COLUMNS = ["image_id", "p_melanoma"]


def write_predictions(path: Path, image_ids: Sequence[str], p_melanoma: np.ndarray) -> None:
    """Write one model's table; ValueError when a probability is not one."""
    if not np.all((p_melanoma >= 0) & (p_melanoma <= 1)):
        raise ValueError(f"{path.name}: probabilities outside [0, 1], or not numbers")
    write_csv(path, pd.DataFrame({"image_id": image_ids, "p_melanoma": p_melanoma}))


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
