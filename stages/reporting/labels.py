"""How models, metrics and numbers are written for people. Every table that is read is relabelled once."""

from pathlib import Path
from typing import Any

import pandas as pd

Tables = dict[str, pd.DataFrame]  # by the stem of their files
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
    """Return a table whose models, in cells or as column heads, are called by their labels."""
    table = pd.read_csv(path, dtype={"at": str, "p_obuchowski": str, "margin": str}, keep_default_na=False)
    labels = dict(zip(index["model"], index["label"], strict=True))
    for column in {"model", "reference"} & set(table.columns):
        table[column] = table[column].replace(labels)
    return table.rename(columns=labels)


def labels_of(index: pd.DataFrame, **values: str) -> list[str]:
    """Return the labels of the models whose columns hold these values, for example `kind="teacher"`."""
    for column, value in values.items():
        index = index[index[column] == value]
    return list(index["label"])


def label_of(index: pd.DataFrame, **values: str) -> str:
    """Return the label of the one model whose columns hold these values; ValueError unless it is one."""
    (label,) = labels_of(index, **values)
    return label


def teacher_of(index: pd.DataFrame) -> str:
    """Return the label of what students are compared with: the mean of several teachers, or the only one."""
    return (labels_of(index, role="ensemble") or labels_of(index, role="distilling"))[0]


def metric_name(metric: str) -> str:
    """Return a metric's name for people."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def metric_text(row: Any) -> str:
    """Return a row's metric by name, with the threshold it was computed at where one decides."""
    return metric_name(row["metric"]) + ("" if row["at"] == "all" else f" at the {row['at']}")


def interval_text(value: float, low: float, high: float) -> str:
    """Return a metric with its interval, three decimals."""
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def difference_text(row: Any, detail: str = "") -> str:
    """Return the difference of a row of comparisons with its interval, signed, four decimals; detail: after it."""
    return f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}{detail})"
