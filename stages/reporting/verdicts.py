"""What the paired tests and intervals allow to be said: the report's cards, then one sentence per comparison."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, as_svg, canvas
from stages.reporting.labels import difference_text, interval_text, label_of, metric_name, metric_text

ANSWERS = {  # question -> families of comparisons.csv (the first that has rows), the answer to each of VERDICTS
    "Did the student keep the teacher's accuracy?": (
        ("student against teacher",),
        ("yes, better", "no loss shown", "no, worse"),
    ),
    "Did distillation help?": (
        ("distillation against control, all seeds", "distillation against control"),
        ("yes, better", "no gain shown", "no, worse"),
    ),
    "Did int8 cost anything?": (("int8 against fp32",), ("no, better", "no loss shown", "yes, worse")),
}
VERDICTS = ("better", "no difference shown", "worse")  # of a paired test
DIFFERENT = ("better", "worse")  # p < .05
VISIBLE = 0.0005  # what three decimals show: a smaller loss in another metric stands in the card's numbers alone
SHOWN = {"equivalent": "no: equivalent", "not inferior": "yes: not inferior"}  # claims, as answers
METRICS = {"average_precision", "log_loss", "ece"}  # said beside ROC-AUC where two models were made to be compared
LARGE_FAMILIES = {  # ROC-AUC alone is said
    "cell against the best on val",
    "student against baseline",
    "ensemble against its teachers",
    "distillation against control, all seeds, four turns",
    "four turns against one",
}


@dataclass(frozen=True)
class Verdict:
    """One card: a question, its answer in a word or two, the numbers behind it, their source, a small SVG element."""

    question: str
    answer: str
    number: str
    source: str
    svg: str


def verdicts(comparisons: pd.DataFrame, models: pd.DataFrame, index: pd.DataFrame, sensitivity: float) -> list[Verdict]:
    """Return the four cards. comparisons and models: the evaluation's tables; sensitivity: wanted, chosen on val."""
    return [
        *(
            _compared(question, _pair(comparisons, families), answers)
            for question, (families, answers) in ANSWERS.items()
        ),
        _operating_point(models, label_of(index, role="int8"), sensitivity),
    ]


def findings(comparisons: pd.DataFrame) -> list[str]:
    """Return a sentence per pair on ROC-AUC, and on METRICS outside of LARGE_FAMILIES, with interval and verdict."""
    both = comparisons["metric"].isin(METRICS) & ~comparisons["family"].isin(LARGE_FAMILIES)
    sentences = []
    for row in comparisons[(comparisons["metric"] == "roc_auc") | both].to_dict("records"):
        test = "" if row["p_obuchowski"] == "-" else f", Obuchowski p = {float(row['p_obuchowski']):.3f}"
        difference = difference_text(row, f", p = {row['p_holm']:.3f}{test}")
        verdict = f"{row['model']} is {row['verdict']}" if row["verdict"] in DIFFERENT else row["verdict"]
        pair = f"{row['model']} against {row['reference']} ({row['compares']})"
        smallest = row["smallest_detectable"]
        detectable = "" if smallest == "-" else f"; detectable {float(smallest):.4f}"
        sentences.append(f"{pair}: {metric_name(row['metric'])} {difference}: {verdict}{detectable}{claim_text(row)}.")
    return sentences


def claim_text(row: dict[Hashable, Any]) -> str:
    """Return what a row of comparisons shows of its margin, to follow a sentence; nothing where none is set."""
    return "" if row["claim"] == "-" else f"; within {row['margin']}: {row['claim']}"


def _pair(comparisons: pd.DataFrame, families: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows of the first pair in the first of these families; no rows where nothing was compared."""
    for family in families:
        rows = comparisons[comparisons["family"] == family]
        if len(rows):
            return rows[(rows["model"] == rows["model"].iloc[0]) & (rows["reference"] == rows["reference"].iloc[0])]
    return comparisons.iloc[:0]


def _compared(question: str, rows: pd.DataFrame, answers: tuple[str, ...]) -> Verdict:
    """Answer by ROC-AUC; of the other metrics, those with a difference shown are named beside it."""
    if rows.empty:
        return Verdict(question, "not compared", "This run trains no such pair.", "comparisons.csv", "")
    auc = rows[rows["metric"] == "roc_auc"].iloc[0]
    others = rows[(rows["metric"] != "roc_auc") & rows["verdict"].isin(DIFFERENT)].to_dict("records")
    answer = answers[VERDICTS.index(auc["verdict"])]
    if auc["claim"] in SHOWN and auc["verdict"] == "worse":
        answer += f", but within {auc['margin']}"
    elif auc["claim"] in SHOWN and auc["verdict"] not in DIFFERENT:
        answer = f"{SHOWN[auc['claim']]} within {auc['margin']}"
    losses = [row for row in others if row["verdict"] == "worse" and abs(row["difference"]) >= VISIBLE]
    if auc["verdict"] != "worse" and losses:
        answer += ", but see below"
    number = f"{auc['model']} minus {auc['reference']}: ROC-AUC {difference_text(auc)}, p = {auc['p_holm']:.3f}"
    if auc["smallest_detectable"] != "-":
        smallest = float(auc["smallest_detectable"])
        number += f"; four of five such samples would show a true difference of {smallest:.3f}"
    number += f"{claim_text(dict(auc))}."
    for row in others:
        name = metric_text(row)
        difference = f"{row['difference']:+.4f}, p = {row['p_holm']:.3f}: {row['verdict']}"
        number += f" {name[0].upper()}{name[1:]} {difference}."
    figure = picture(auc["difference"], auc["low"], auc["high"], reference=0.0, label="difference in ROC-AUC")
    return Verdict(question, answer, number, "comparisons.csv", as_svg(figure, f"{question} {difference_text(auc)}"))


def _operating_point(models: pd.DataFrame, label: str, sensitivity: float) -> Verdict:
    rows = models[(models["model"] == label) & (models["split"] == "holdout") & (models["at"] == "operating point")]
    estimates = rows.set_index("metric")[["value", "low", "high"]].astype(float)
    (value, low, high), specificity = (list(estimates.loc[name]) for name in ("sensitivity", "specificity"))
    answer = "yes" if low <= sensitivity <= high else "no, it misses more" if high < sensitivity else "it finds more"
    number = (
        f"{label}: sensitivity {interval_text(value, low, high)} at the threshold that reached {sensitivity:.2f} on "
        f"val; specificity {interval_text(*specificity)}."
    )
    figure = picture(value, low, high, reference=sensitivity, label="sensitivity")
    question = "Does the operating point hold?"
    return Verdict(question, answer, number, "models.csv", as_svg(figure, f"{question} {value:.3f}"))


def picture(value: float, low: float, high: float, *, reference: float, label: str) -> Figure:
    """Return a value with its interval as one horizontal bar, and a dotted line at the reference."""
    with canvas(2.6, 0.75) as (figure, (axis,)):
        color, _, marker = LOOKS[0]
        axis.plot([low, high], [0, 0], color=color, linewidth=2)
        axis.plot(value, 0, marker, color=color, markersize=6)
        axis.axvline(reference, color=INK, linewidth=0.8, linestyle=":")
        axis.set(ylim=(-1, 1), yticks=[], xlabel=label)
        axis.spines["left"].set_visible(False)
        axis.tick_params(labelsize=7)
        axis.locator_params(axis="x", nbins=4)
        axis.margins(x=0.15)
    return figure
