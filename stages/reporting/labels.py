"""How models, metrics and numbers are written for people. Every table that is read is relabelled once."""

from pathlib import Path
from typing import Any

import pandas as pd

from stages.foundation.predictions import IDS
from stages.foundation.settings import RELEASED

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
    "roc_auc_within": "ROC-AUC within sources",
    "mean_specificity": "mean specificity over sensitivities 0.90 to 1",
}
PLACES = {  # where a metric is computed, besides at a threshold -> what follows its name
    "all": "",
    "within sources": " within sources",
    "by lesion": " by lesion",
    "platt": ", recalibrated",
    "platt from the holdout": ", recalibrated on the holdout",
    "temperature": ", temperature-scaled",
}


def read_index(folder: Path) -> pd.DataFrame:
    """Return metrics/<name>/evaluation/model_index.csv, all text; ValueError where it is not there."""
    path = folder / "model_index.csv"
    if not path.is_file():
        raise ValueError(f"{path}: no such table; dvc repro evaluate_holdout makes it")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read_table(path: Path, index: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose models, in cells or as column heads, are called by their labels."""
    table = pd.read_csv(path, dtype={**IDS, "at": str, "p_obuchowski": str, "margin": str}, keep_default_na=False)
    labels = dict(zip(index["model"], index["label"], strict=True))
    for column in {"model", "reference"} & set(table.columns):
        table[column] = table[column].replace(labels)
    return table.rename(columns=labels)


def read_questions(path: Path, index: pd.DataFrame, column: str = "question", prefix: str = "") -> Tables:
    """Return a table that holds several, one below the other, as these: a question, or curve, -> its rows.

    Columns that a question has no value in are left out. prefix: of the keys.
    """
    table, parts = read_table(path, index), {}
    for question, rows in table.groupby(column, sort=False):
        filled = rows.drop(columns=column).loc[:, lambda part: (part != "-").any()]
        parts[f"{prefix}{question}"] = filled.apply(_numbers).reset_index(drop=True)
    return parts


def _numbers(column: pd.Series) -> pd.Series:
    """Return a column as numbers where all of it is, but not the thresholds "0.5" beside "operating point"."""
    try:
        return column if column.name == "at" else pd.to_numeric(column)
    except ValueError:
        return column


ABLATION = {  # columns of the original student project's tables: metric -> where it is computed
    **dict.fromkeys(("roc_auc", "average_precision", "pr_auc", "ece"), "all"),
    **dict.fromkeys(("f1", "sensitivity", "ppv", "accuracy"), "0.5"),
}


def ablation_table(models: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return the grid and the control, with T, alpha and the metrics of ABLATION on the holdout."""
    students = index[(index["kind"] == "student") & index["role"].isin(["grid", "control", "selected"])]
    table = wide(models, students["label"])
    table.insert(1, "temperature", students["temperature"].astype(float).to_numpy())
    table.insert(2, "alpha", students["alpha"].astype(float).to_numpy())
    return table


def baseline_table(models: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return the baselines with their number of features and the metrics of ABLATION on the holdout."""
    baselines = index[index["kind"] == "baseline"]
    table = wide(models, baselines["label"])
    counts = baselines.set_index("model")["features"].items()
    table.insert(1, "features", ["-" if name == RELEASED else int(count) for name, count in counts])
    return table


def wide(models: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Return one row per model with value, low and high of the metrics of ABLATION on the holdout, side by side."""
    holdout = models[models["split"] == "holdout"].set_index(["model", "at", "metric"]).sort_index()
    rows = []
    for label in map(str, labels):
        row: dict[str, object] = {"model": label}
        for metric, at in ABLATION.items():
            cells = holdout.xs((label, at, metric))
            row |= {metric: cells["value"], f"{metric}_low": cells["low"], f"{metric}_high": cells["high"]}
        rows.append(row)
    return pd.DataFrame(rows)


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
    """Return a row's metric by name, with where it was computed: a threshold, pairs of one source, a scaling."""
    return metric_name(row["metric"]) + PLACES.get(row["at"], f" at the {row['at']}")


def p_text(p: float) -> str:
    """Return a p value as "p = 0.012", never as 0, nor as 0.050 where it is below."""
    digits = 4 if 0.0495 <= p < 0.0505 else 3
    return f"p = {p:.{digits}f}" if p >= 0.0005 else "p < 0.001"


def interval_text(value: float, low: float, high: float) -> str:
    """Return a metric with its interval, three decimals; alone where it cannot vary, as 0.5 by the source within it."""
    return f"{value:.3f}" if low == high else f"{value:.3f} ({low:.3f} to {high:.3f})"


def difference_text(row: Any, detail: str = "") -> str:
    """Return the difference of a row of comparisons with its interval, signed, four decimals; detail: after it."""
    return f"{row['difference']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f}{detail})"
