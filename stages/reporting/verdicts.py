"""The report's first lines: four questions, each answered in the word that a paired test or an interval allows."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, as_svg, canvas
from stages.reporting.labels import METRIC_NAMES, label_of

FAMILIES = {  # of comparisons.csv, the first that is there
    "teacher": ("student against teacher",),
    "control": ("distillation against control, all seeds", "distillation against control"),
    "int8": ("int8 against fp32",),
}

SHOWN = ("better", "worse")


@dataclass(frozen=True)
class Verdict:
    """One card: a question, its answer in a word or two, the number behind it in words, its source, a picture."""

    question: str
    answer: str
    number: str
    source: str
    svg: str


def verdicts(comparisons: pd.DataFrame, models: pd.DataFrame, index: pd.DataFrame, sensitivity: float) -> list[Verdict]:
    """Return the four cards. comparisons and models: the evaluation's tables; sensitivity: wanted, chosen on val."""
    teacher, control, int8 = (_family(comparisons, name) for name in ("teacher", "control", "int8"))
    return [
        _compared(
            "Did the student keep the teacher's accuracy?", teacher, ("yes, better", "no loss shown", "no, worse")
        ),
        _compared("Did distillation help?", control, ("yes, better", "no gain shown", "no, worse")),
        _compared("Did int8 cost anything?", int8, ("no, better", "no loss shown", "yes, worse")),
        _operating_point(models, label_of(index, role="int8"), sensitivity),
    ]


def _family(comparisons: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows of the first pair of a question's family; no rows where nothing was compared."""
    for family in FAMILIES[name]:
        rows = comparisons[comparisons["family"] == family]
        if len(rows):
            return rows[(rows["model"] == rows["model"].iloc[0]) & (rows["reference"] == rows["reference"].iloc[0])]
    return comparisons.iloc[:0]


def _compared(question: str, rows: pd.DataFrame, answers: tuple[str, str, str]) -> Verdict:
    """Answer by ROC-AUC; of the other metrics, those with a difference shown are named beside it."""
    if rows.empty:
        return Verdict(question, "not compared", "This run trains no such pair.", "comparisons.csv", "")
    auc = rows[rows["metric"] == "roc_auc"].iloc[0]
    others = [row for row in rows.to_dict("records") if row["metric"] != "roc_auc" and row["verdict"] in SHOWN]
    answer = dict(zip(("better", "no difference shown", "worse"), answers, strict=True))[auc["verdict"]]
    number = (
        f"{auc['model']} minus {auc['reference']}: ROC-AUC {auc['difference']:+.4f} "
        f"({auc['low']:+.4f} to {auc['high']:+.4f}), p = {auc['p_holm']:.3f}."
    )
    number += "".join(f" {_other(row)}." for row in others)
    if others and auc["verdict"] == "no difference shown":
        answer += ", but see below"
    figure = picture(auc["difference"], auc["low"], auc["high"], reference=0.0, label="difference in ROC-AUC")
    return Verdict(question, answer, number, "comparisons.csv", as_svg(figure))


def _other(row: dict[Hashable, Any]) -> str:
    name = METRIC_NAMES.get(row["metric"], row["metric"]) + ("" if row["at"] == "all" else f" at the {row['at']}")
    return f"{name[0].upper()}{name[1:]} {row['difference']:+.4f}, p = {row['p_holm']:.3f}: {row['verdict']}"


def _operating_point(models: pd.DataFrame, label: str, sensitivity: float) -> Verdict:
    rows = models[(models["model"] == label) & (models["split"] == "holdout") & (models["at"] == "operating point")]
    reached, healthy = (rows[rows["metric"] == name].iloc[0] for name in ("sensitivity", "specificity"))
    low, high = reached["low"], reached["high"]
    answer = "yes" if low <= sensitivity <= high else "no, it misses more" if high < sensitivity else "it finds more"
    number = (
        f"{label}: sensitivity {reached['value']:.3f} ({low:.3f} to {high:.3f}) at the threshold that reached "
        f"{sensitivity:.2f} on val; specificity {healthy['value']:.3f} ({healthy['low']:.3f} to {healthy['high']:.3f})."
    )
    figure = picture(reached["value"], low, high, reference=sensitivity, label="sensitivity")
    return Verdict("Does the operating point hold?", answer, number, "models.csv", as_svg(figure))


def picture(value: float, low: float, high: float, *, reference: float, label: str) -> Figure:
    """Return one interval beside what it is held against."""
    with canvas(2.6, 0.75) as (figure, (axis,)):
        colour, _, marker = LOOKS[0]
        axis.plot([low, high], [0, 0], color=colour, linewidth=2)
        axis.plot(value, 0, marker, color=colour, markersize=6)
        axis.axvline(reference, color=INK, linewidth=0.8, linestyle=":")
        axis.set(ylim=(-1, 1), yticks=[], xlabel=label)
        axis.spines["left"].set_visible(False)
        axis.tick_params(labelsize=7)
        axis.locator_params(axis="x", nbins=4)
        axis.margins(x=0.15)
    return figure
