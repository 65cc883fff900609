"""Choosing by more lesions than val's: what students that never saw an image say of it, on a final model's scale.

`melanoma-kd compare --keep NAME` writes such a table, metrics/folds/NAME.csv, of the students of all folds of train and
val. Five times as many melanomas choose a threshold with less than half the noise.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.foundation.files import read_table
from stages.foundation.names import FOLDS, VAL
from stages.foundation.probability import log_odds
from stages.statistics.intervals import Sample, draw_sample

COLUMNS = ["image_id", "lesion_id", "melanoma", "fold", "student", "p_melanoma", "recipe"]


@dataclass(frozen=True)
class Folds:
    """name: of the table; images: image_id, lesion_id, melanoma and p_melanoma of one student, each image once.

    val_ids: which of them are val's, in the order of val.csv.
    """

    name: str
    images: pd.DataFrame
    val_ids: list[str]

    def sample(self, replicates: int, seed: int) -> Sample:
        """Return the images with their bootstrap weights, drawn apart from those of other samples."""
        return draw_sample(self.images, replicates=replicates, seed=[seed, 2])

    def aligned(self, p_val: np.ndarray) -> np.ndarray:
        """Return p of all images on another model's scale, float64 (images,); p_val: that model's of val's images.

        The log odds are shifted and stretched so that on val they have the mean and standard deviation of the model's.
        ValueError where an image of val is not in the table.
        """
        found = self.images.set_index("image_id")["p_melanoma"].reindex(self.val_ids)
        if found.isna().any():
            raise ValueError(f"{FOLDS}/{self.name}.csv: no row for {found.index[found.isna()][0]}, an image of val")
        own, wanted, every = (log_odds(np.asarray(p)) for p in (found, p_val, self.images["p_melanoma"]))
        scaled = (every - own.mean()) / own.std() * wanted.std() + wanted.mean()
        return np.asarray(1 / (1 + np.exp(-scaled)))


def read_folds(name: str, student: str, val_ids: list[str]) -> Folds | None:
    """Return a student's scores of metrics/folds/<name>.csv; None for val, and for a student that is not there."""
    if name == VAL:
        return None
    path = FOLDS / f"{name}.csv"
    table = read_table(path)
    if list(table.columns) != COLUMNS:
        raise ValueError(f"{path}: wanted the columns {COLUMNS}, found {list(table.columns)}")
    of_student = table[table["student"] == student].reset_index(drop=True)
    if of_student.empty:
        print(f"note: {path} has no {student}, so val decides")
        return None
    images = of_student[COLUMNS[:3]].assign(p_melanoma=pd.to_numeric(of_student["p_melanoma"], errors="coerce"))
    images["melanoma"] = pd.to_numeric(images["melanoma"], errors="coerce")
    if not (images["p_melanoma"].between(0, 1) & images["melanoma"].isin([0, 1])).all():
        raise ValueError(f"{path}: wanted a p_melanoma from 0 to 1 and a melanoma of 0 or 1 in every row")
    if images["image_id"].duplicated().any():
        raise ValueError(f"{path}: {images['image_id'][images['image_id'].duplicated()].iloc[0]} is there twice")
    return Folds(name, images, val_ids)
