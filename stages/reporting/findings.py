"""What the paired tests say, in sentences: the only place where numbers become words."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from stages.reporting.labels import METRIC_NAMES

METRICS = {"average_precision", "ece"}  # said beside ROC-AUC where two models were made to be compared
MANY = {"cell against the best on val", "student against baseline"}


def findings(comparisons: pd.DataFrame) -> list[str]:
    """Return a sentence per pair on ROC-AUC, and on METRICS outside of families of MANY, with interval and verdict."""
    said = (comparisons["metric"] == "roc_auc") | (
        comparisons["metric"].isin(METRICS) & ~comparisons["family"].isin(MANY)
    )
    return [_sentence(row) for row in comparisons[said].to_dict("records")]


def _sentence(row: dict[Hashable, Any]) -> str:
    delong = "" if row["p_delong"] == "-" else f", DeLong p = {float(row['p_delong']):.3f}"
    name = METRIC_NAMES[row["metric"]]
    model, reference = row["model"], row["reference"]
    verdict = row["verdict"]
    said = verdict if verdict.startswith("no") else f"{model} is {verdict}"
    return (
        f"{model} against {reference}: {name} {signed(row['difference'])} "
        f"({signed(row['low'])} to {signed(row['high'])}, p = {row['p_holm']:.3f}{delong}): {said}."
    )


def signed(value: float) -> str:
    """Return a difference with its sign and four digits."""
    return f"{value:+.4f}"
