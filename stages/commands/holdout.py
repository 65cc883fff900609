"""The evaluation's tables of a data set, and what an exported file reached on the holdout it was developed with."""

from pathlib import Path

import numpy as np
import pandas as pd

INT8 = "student_int8"  # of the tables: the model that the released file holds
SAME = 1e-6  # of a threshold: how exactly models.csv holds it


def evaluation_of(name: str) -> Path:
    """Return the folder of a data set's tables: those of the run in place, else those that Git keeps of an earlier."""
    folder = Path("metrics", name, "evaluation")
    return folder if folder.is_dir() else Path("metrics", name, "run/evaluation")


def holdout_rows(data: str, threshold: float) -> pd.DataFrame:
    """Return models.csv's rows of the int8 file with this threshold, on the holdout of the data it was trained on.

    No rows where there is no models.csv, or it is of another file, whose threshold is another.
    """
    path = evaluation_of(data) / "models.csv"
    if not path.is_file():
        return pd.DataFrame()
    table = pd.read_csv(path, dtype={"at": str})
    table = table[(table["model"] == INT8) & (table["split"] == "holdout")]
    thresholds = pd.to_numeric(table["threshold"], errors="coerce")
    own = np.isclose(thresholds, threshold, rtol=SAME, atol=0).any()
    return table.drop(columns=["model", "split"]) if own else pd.DataFrame()
