"""What the paired tests and intervals allow to be said: the report's cards, then one sentence per comparison."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.reporting.drawing import INK, LOOKS, as_svg, canvas
from stages.reporting.labels import difference_text, interval_text, label_of, metric_text, p_text

ANSWERS = {  # question -> families of comparisons.csv (the first that has rows), the answer to each of VERDICTS
    "Did the student keep the teacher's accuracy?": (
        ("student against teacher, all seeds", "student against teacher"),
        ("yes, better", "no loss shown", "no, worse"),
    ),
    "Did distillation help?": (
        ("distillation against control, all seeds", "distillation against control"),
        ("yes, better", "no gain shown", "no, worse"),
    ),
    "Did int8 cost anything?": (("int8 against fp32",), ("no, better", "no loss shown", "yes, worse")),
}
# Where `baselines.models` asks the released student, too, its card is the first: a clinic that adapts it wants to know.
RELEASED = (
    "Is it better than the released student?",
    ("int8 against the released student",),
    ("yes, better", "not shown", "no, worse"),
)
VERDICTS = ("better", "no difference shown", "worse")  # of a paired test
DIFFERENT = ("better", "worse")  # p < .05
VISIBLE = 0.0005  # what three decimals show: a smaller loss in another metric stands in the card's numbers alone
SHOWN = {"equivalent": "no: equivalent", "not inferior": "yes: not inferior"}  # claims, as answers


@dataclass(frozen=True)
class Verdict:
    """One card: a question, its answer in a word or two, the numbers behind it, their source, a small SVG element."""

    question: str
    answer: str
    number: str
    source: str
    svg: str


def verdicts(
    comparisons: pd.DataFrame, models: pd.DataFrame, subgroups: pd.DataFrame, index: pd.DataFrame, sensitivity: float
) -> list[Verdict]:
    """Return the five cards, and before them that of the released student, where it was asked.

    comparisons, models, subgroups: the evaluation's tables; sensitivity: wanted, chosen on val.
    """
    int8 = label_of(index, role="int8")
    sources = subgroups[(subgroups["model"] == int8) & (subgroups["group"] == "source")]
    question, families, answers = RELEASED
    released = _pair(comparisons, families)
    return [
        *([] if released.empty else [_compared(question, released, answers)]),
        *(
            _compared(question, _pair(comparisons, families), answers)
            for question, (families, answers) in ANSWERS.items()
        ),
        _operating_point(models, sources, int8, sensitivity),
        _lesion_or_camera(models, sources, index, int8),
    ]


def counted(consequences: pd.DataFrame, label: str) -> list[str]:
    """Return what a model's decisions mean among 1,000 lesions, a sentence for each share of melanomas."""
    names = {"found": "melanomas_found", "missed": "melanomas_missed", "other lesions flagged": "false_alarms"}
    sentences = []
    for prevalence, rows in consequences[consequences["model"] == label].groupby("prevalence", sort=False):
        counts = rows.set_index("metric")[["value", "low", "high"]].astype(float)
        said = (
            f"{value:.0f} {name} ({low:.0f} to {high:.0f})"
            for name, key in names.items()
            for value, low, high in counts.loc[[f"{key}_of_1000"]].to_numpy()
        )
        sentences.append(f"Of 1,000 lesions, {1000 * float(str(prevalence)):.0f} melanomas: {', '.join(said)}.")
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
    """Answer by the primary metric; of the others, those with a difference shown are named beside it."""
    if rows.empty:
        return Verdict(question, "not compared", "This run trains no such pair.", "comparisons.csv", "")
    first = rows[rows["primary"] == "yes"].iloc[0]
    others = rows[(rows["primary"] != "yes") & rows["verdict"].isin(DIFFERENT)].to_dict("records")
    answer = answers[VERDICTS.index(first["verdict"])]
    if first["claim"] in SHOWN and first["verdict"] == "worse":
        answer += f", but within {first['margin']}"
    elif first["claim"] in SHOWN and first["verdict"] not in DIFFERENT:
        answer = f"{SHOWN[first['claim']]} within {first['margin']}"
    losses = [row for row in others if row["verdict"] == "worse" and abs(row["difference"]) >= VISIBLE]
    if first["verdict"] != "worse" and losses:
        answer += f", but worse in {metric_text(losses[0])}"
    pair = f"{first['model']} minus {first['reference']}"
    number = f"{pair}: {metric_text(first)} {difference_text(first)}, {p_text(first['p_holm'])}"
    if first["smallest_detectable"] != "-":
        smallest = float(first["smallest_detectable"])
        number += f"; four of five such samples would show a true difference of {smallest:.3f}"
    number += f"{claim_text(dict(first))}."
    for row in others:
        name = metric_text(row)
        difference = f"{row['difference']:+.4f}, {p_text(row['p_holm'])}: {row['verdict']}"
        number += f" {name[0].upper()}{name[1:]} {difference}."
    figure = picture(first["difference"], first["low"], first["high"], reference=0.0, label="difference in ROC-AUC")
    return Verdict(question, answer, number, "comparisons.csv", as_svg(figure, f"{question} {difference_text(first)}"))


def _operating_point(models: pd.DataFrame, sources: pd.DataFrame, label: str, sensitivity: float) -> Verdict:
    """Say what is found and what it costs, with the threshold's own noise, and how far sources differ in it."""
    rows = models[(models["model"] == label) & (models["split"] == "holdout") & (models["at"] == "operating point")]
    estimates = rows.set_index("metric")[["value", "low", "high"]].astype(float)
    (value, low, high), specificity = (list(estimates.loc[name]) for name in ("sensitivity", "specificity"))
    answer = f"it finds {value:.0%} of the melanomas and flags {1 - specificity[0]:.0%} of the others"
    wanted = (
        "is not contradicted" if low <= sensitivity <= high else "was too much" if high < sensitivity else "is exceeded"
    )
    number = (
        f"{label}: sensitivity {interval_text(value, low, high)}, specificity {interval_text(*specificity)}. That "
        f"{sensitivity:.2f} of the melanomas are found, as on val, {wanted}. Intervals draw the threshold, too."
    )
    if len(shares := sources[sources["metric"] == "specificity"]["value"].astype(float)):
        number += f" By source, {shares.min():.2f} to {shares.max():.2f} of the others are let go."
    figure = picture(value, low, high, reference=sensitivity, label="sensitivity")
    question = "What does the operating point cost?"
    return Verdict(question, answer, number, "models.csv, subgroups.csv", as_svg(figure, f"{question} {answer}"))


def _lesion_or_camera(models: pd.DataFrame, sources: pd.DataFrame, index: pd.DataFrame, label: str) -> Verdict:
    """Set ROC-AUC over pairs of one source beside the pooled one and that of knowing the source alone."""
    question = "Is it the lesion or the camera?"
    rows = models[(models["split"] == "holdout") & (models["metric"] == "roc_auc")].set_index(["model", "at"])
    if (label, "within sources") not in rows.index:
        why = "The archive does not say which clinic and camera its images are from, or has too few of each kind."
        return Verdict(question, "not known", why, "models.csv", "")
    alone = label_of(index, kind="source")
    keys = {"within": (label, "within sources"), "pooled": (label, "all"), "alone": (alone, "all")}
    cells = rows[["value", "low", "high"]].astype(float)
    values = {name: cells.loc[[key]].to_numpy()[0].tolist() for name, key in keys.items()}
    answer = f"{values['within'][0]:.3f} within one source, {values['pooled'][0]:.3f} over all"
    number = (
        f"{label}: ROC-AUC {interval_text(*values['within'])} over pairs of images from one clinic and camera, "
        f"{interval_text(*values['pooled'])} over all pairs. Who knows the source and no image has "
        f"{values['alone'][0]:.3f} over all, 0.5 within."
    )
    each = sources[sources["metric"] == "roc_auc"].to_dict("records")
    number += "".join(f" {row['level']}: {float(row['value']):.3f}." for row in each)
    value, low, high = values["within"]
    figure = picture(value, low, high, reference=values["pooled"][0], label="ROC-AUC within; dotted: over all")
    return Verdict(question, answer, number, "models.csv, subgroups.csv", as_svg(figure, f"{question} {answer}"))


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
