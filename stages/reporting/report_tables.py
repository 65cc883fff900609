"""The report's tables: the tidy ones that the evaluation wrote, as people read them."""

import pandas as pd

from stages.foundation.names import HEADLINE
from stages.reporting.findings import signed
from stages.reporting.labels import METRIC_NAMES
from stages.reporting.page import Table, models_table, with_interval

RANKING = {
    "ROC-AUC": ("all", "roc_auc"),
    "average precision": ("all", "average_precision"),
    "PR-AUC (trapezoid)": ("all", "pr_auc"),
    "Brier score": ("all", "brier_score"),
    "ECE": ("all", "ece"),
    "ECE, equal mass": ("all", "ece_equal_mass"),
    "MCE": ("all", "mce"),
    "calibration slope": ("all", "calibration_slope"),
    "calibration intercept": ("all", "calibration_intercept"),
}
BINS = "Holdout; 15 bins of equal width (as the study) and of equal mass; slope 1 and intercept 0 are perfect."
DECIDED = {
    "operating point": "Holdout, at the threshold that reaches the wanted sensitivity on val.",
    "0.5": "Holdout, as the study decided.",
}
TIDY = {
    "calibration": (
        "Calibration",
        "Holdout, before (none) and after scaling fitted on val: log odds times slope plus intercept.",
    ),
    "subgroups": ("Subgroups", "Holdout; groups under 20 melanomas are marked."),
    "subgroup_gaps": (
        "Gaps between groups",
        "Largest minus smallest level of 20 melanomas or more; above 0 by chance alone.",
    ),
    "referral": (
        "Referral",
        "Holdout, with class-conditional conformal bounds from val: melanoma is possible from melanoma_from, another "
        "lesion up to other_up_to; one possible decides, else refer. Coverage: share whose class stays possible.",
    ),
}
DECISIONS = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "balanced_accuracy")
HEADLINE_HEADS = {
    METRIC_NAMES.get(metric, metric) + ("" if at == "all" else " reached"): (at, metric)
    for at, metric in HEADLINE.values()
}

Tables = dict[str, pd.DataFrame]


def headline(tables: Tables, names: list[str]) -> Table:
    """Return the few numbers of the selected student and of what it is compared with."""
    note = "Holdout; sensitivity and specificity at each model's own threshold, chosen on val."
    rows = models_table(tables["models"], names, HEADLINE_HEADS)
    return Table("Headline", "models.csv", note, ["model", *HEADLINE_HEADS], rows)


def report_tables(tables: Tables) -> list[Table]:
    """Return all tables of the report in reading order."""
    tidy = {name: _tidy(title, f"{name}.csv", note, tables[name]) for name, (title, note) in TIDY.items()}
    return [
        *_models(tables["models"]),
        _comparisons(tables["comparisons"]),
        _wide(
            "Distillation ablation",
            "kd_ablation.csv",
            "The study's table: the grid and the control (alpha 0); F1, sensitivity, PPV and accuracy at 0.5.",
            tables["kd_ablation"],
            ["temperature", "alpha"],
        ),
        _wide(
            "scikit-learn baselines",
            "baselines.csv",
            "On hand-crafted colour, texture and shape features combined.",
            tables["baselines"],
            ["features"],
        ),
        _plain(
            "Quantisation",
            "quantization.csv",
            "On val, where the first method that passes the gate is taken.",
            tables["quantization"],
        ),
        _plain("Teacher against student", "agreement.csv", "Both decide at 0.5.", tables["agreement"]),
        _plain("Decisions, counted", "confusion.csv", "Images of the holdout.", tables["confusion"]),
        *tidy.values(),
    ]


def _models(models: pd.DataFrame) -> list[Table]:
    names = list(dict.fromkeys(models["model"]))
    cuts = models[models["at"] == "operating point"].drop_duplicates("model").set_index("model")["threshold"]
    ranking = models_table(models, names, RANKING)
    tables = [Table("Ranking and calibration", "models.csv", BINS, ["model", *RANKING], ranking)]
    for at, note in DECIDED.items():
        columns = {METRIC_NAMES.get(name, name.replace("_", " ")): (at, name) for name in DECISIONS}
        rows = models_table(models, names, columns)
        used = [f"{float(cuts[name]):.4f}" if at != "0.5" else "0.5" for name in names]
        rows = [[row[0], cut, *row[1:]] for row, cut in zip(rows, used, strict=True)]
        tables.append(Table(f"Decisions at {at}", "models.csv", note, ["model", "threshold", *columns], rows))
    return tables


def _comparisons(table: pd.DataFrame) -> Table:
    rows = [
        [
            row["family"],
            row["model"],
            row["reference"],
            METRIC_NAMES.get(row["metric"], row["metric"]) + ("" if row["at"] == "all" else f" at the {row['at']}"),
            f"{signed(row['difference'])} ({signed(row['low'])} to {signed(row['high'])})",
            f"{row['p']:.4f}",
            row["p_delong"] if row["p_delong"] == "-" else f"{float(row['p_delong']):.4f}",
            f"{row['p_holm']:.4f}",
            row["verdict"],
        ]
        for row in table.to_dict("records")
    ]
    head = ["family", "model", "reference", "metric", "difference", "p", "p (DeLong)", "p (Holm)", "verdict"]
    note = "Model minus reference on the same images of the holdout; p by the bootstrap over lesions."
    return Table("Paired comparisons", "comparisons.csv", note, head, rows)


def _wide(title: str, source: str, note: str, table: pd.DataFrame, facts: list[str]) -> Table:
    metrics = [name for name in table.columns if f"{name}_low" in table.columns]
    rows = [
        [
            row["model"],
            *(f"{row[name]:g}" for name in facts),
            *(with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in metrics),
        ]
        for row in table.to_dict("records")
    ]
    return Table(title, source, note, ["model", *facts, *(METRIC_NAMES.get(name, name) for name in metrics)], rows)


def _tidy(title: str, source: str, note: str, table: pd.DataFrame) -> Table:
    """Return a tidy table with its metrics side by side, "-" where a row has none of a metric."""
    facts = [name for name in table.columns if name not in ("metric", "value", "low", "high")]
    metrics = list(dict.fromkeys(table["metric"]))
    rows = []
    for key, part in table.groupby(facts, sort=False):
        found = part.set_index("metric")[["value", "low", "high"]]
        cells = [with_interval(*found.xs(metric)) if metric in found.index else "-" for metric in metrics]
        rows.append([*(_text(name, value) for name, value in zip(facts, key, strict=True)), *cells])
    head = [*facts, *(METRIC_NAMES.get(name, name) for name in metrics)]
    return Table(title, source, note, [name.replace("_", " ") for name in head], rows)


def _plain(title: str, source: str, note: str, table: pd.DataFrame) -> Table:
    rows = [[_text(str(name), value) for name, value in row.items()] for row in table.to_dict("records")]
    return Table(title, source, note, [name.replace("_", " ") for name in table.columns], rows)


def _text(column: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value) if column == "model" else str(value).replace("_", " ")
