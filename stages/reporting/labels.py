"""Models' names for people, from the evaluation's model_index.csv: every table that is read is relabelled once."""

from pathlib import Path

import pandas as pd

METRIC_NAMES = {
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC (trapezoid)",
    "average_precision": "average precision",
    "f1": "F1",
    "ppv": "PPV",
    "npv": "NPV",
    "balanced_accuracy": "balanced accuracy",
    "ece": "ECE",
    "brier_score": "Brier score",
}


def read_index(folder: Path) -> pd.DataFrame:
    """Return metrics/<name>/evaluation/model_index.csv, all text; ValueError where it is not there."""
    path = folder / "model_index.csv"
    if not path.is_file():
        raise ValueError(f"{path}: no such table; dvc repro evaluate_holdout makes it")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read_table(path: Path, index: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose models, in cells or as column heads, go by their labels."""
    table = pd.read_csv(path, dtype={"at": str, "p_delong": str}, keep_default_na=False)
    labels = dict(zip(index["model"], index["label"], strict=True))
    for column in {"model", "reference"} & set(table.columns):
        table[column] = table[column].replace(labels)
    return table.rename(columns=labels)


def labels_of(index: pd.DataFrame, **facts: str) -> list[str]:
    """Return the labels of the models whose columns hold these values, for example `kind="teacher"`."""
    for column, value in facts.items():
        index = index[index[column] == value]
    return list(index["label"])


def label_of(index: pd.DataFrame, **facts: str) -> str:
    """Return the label of the one model whose columns hold these values; ValueError unless it is one."""
    (label,) = labels_of(index, **facts)
    return label
