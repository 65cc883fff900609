"""The report's tables: the tidy ones that the evaluation wrote, as people read them."""

import pandas as pd

from stages.foundation.names import HEADLINE
from stages.reporting.labels import PLACES, Tables, difference_text, interval_text, metric_name, metric_text
from stages.reporting.page import Table, metric_rows

SCORES = ("roc_auc", "average_precision", "pr_auc", "log_loss", "brier_score", "ece")
RANKING = {metric_name(name): ("all", name) for name in SCORES} | {
    "ECE, equal mass": ("all", "ece_equal_mass"),
    "MCE": ("all", "mce"),
    "observed / expected": ("all", "observed_over_expected"),
    "calibration slope": ("all", "calibration_slope"),
    "calibration intercept": ("all", "calibration_intercept"),
}
DECISIONS = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "balanced_accuracy")
# "the study" is the original student project that this one started from
CALIBRATION_NOTE = (
    "Holdout; 15 bins of equal width (as the study) and of equal mass; slope 1 and intercept 0 are perfect."
)
SCALINGS = {"none": "all", "temperature": "temperature", "Platt": "platt"}  # -> models.csv's `at`
SCALING_NOTE = "Holdout, before (none) and after scaling fitted on val, whose slopes are in model_index.csv."
THRESHOLDS = {  # of models.csv, each with the note of its table
    "operating point": "Holdout, at the threshold that reaches the wanted sensitivity on val.",
    "0.5": "Holdout, as the study decided.",
}
BOUNDS = ("low", "high", "low_given", "high_given")
MAYBE = ("standard_error", "smallest_detectable", "p_obuchowski")  # of comparisons.csv: a number, or "-"
TIDY = {  # tables with the columns metric, value, low and high: title, file, note
    "subgroups": (
        "Subgroups",
        "subgroups.csv",
        "Holdout; groups under 20 melanomas are marked. A gap is that of the largest and the smallest level of 20 "
        "melanomas or more; it is above 0 by chance alone.",
    ),
    "unlikely": (
        "Melanoma unlikely, by diagnosis",
        "decisions.csv",
        "Holdout; share of each diagnosis in this band. It looks for melanoma alone: bcc, basal cell carcinoma, and "
        "akiec, actinic keratosis or intraepithelial carcinoma, count as other.",
    ),
    "repeatability": (
        "Repeatability",
        "decisions.csv",
        "Holdout; share of lesions with several images whose decision at the operating point changes with the image.",
    ),
    "consequences": (
        "Consequences",
        "decisions.csv",
        "Sensitivity and specificity of the holdout's lesions (the mean of a lesion's images) at the operating point, "
        "carried over to other shares of melanomas; net benefit per lesion at params.yaml's threshold probability.",
    ),
    "alterations": (
        "Altered images",
        "stress.csv",
        "Holdout; the exported int8 student at the operating point, each alteration at five strengths (4 and 5 of hair "
        "are a scribble). Changed: the share of images whose decision changes, of all and of the answered; missed in "
        "silence: melanomas neither flagged nor refused. Like: what in training does the like.",
    ),
    "alterations averaged": (
        "Altered images, averaged",
        "stress.csv",
        "Means over alterations: all, DermaMNIST-C's, each family, by what training does alike, if it alters.",
    ),
    "alterations compared": ("Altered images, compared", "stress.csv", "DermaMNIST-C's, strengths 1 to 3; paired."),
    "refusal": (
        "Unfamiliar pictures",
        "stress.csv",
        "Share that the exported int8 student refuses, by the bound on the distance chosen on val. Photographs are "
        "shown whole and by their quarters; intervals draw photographs.",
    ),
    "skin tones": (
        "Estimated skin tones",
        "stress.csv",
        "Holdout, by the typology angle of the frame. Light, camera and lesion move it: it describes no person.",
    ),
    "referral": (
        "Referral",
        "decisions.csv",
        "Holdout, with class-conditional conformal bounds from val: melanoma is possible from melanoma_from, another "
        "lesion up to other_up_to; where both are or neither is, the file cannot tell. Coverage: share whose class "
        "stays possible.",
    ),
}
REACHED = {"operating point": " reached"}
HEADLINE_HEADS = {metric_name(name) + REACHED.get(at, PLACES.get(at, "")): (at, name) for at, name in HEADLINE.values()}


def headline(tables: Tables, names: list[str]) -> Table:
    """Return the few numbers of the selected student and of what it is compared with."""
    note = "Holdout; sensitivity and specificity at each model's own threshold, chosen on val."
    rows = metric_rows(tables["models"], names, HEADLINE_HEADS)
    return Table(["model", *HEADLINE_HEADS], rows, "Headline", "models.csv", note)


def report_tables(tables: Tables) -> list[Table]:
    """Return all tables of the report in reading order. tables: the evaluation's and quantize's, by stem."""
    ablation = "The study's table: the grid and the control (alpha 0); F1, sensitivity, PPV and accuracy at 0.5."
    features = "On hand-crafted colour, texture and shape features combined."
    methods = "On val, where the first method that passes the gate is taken; intervals over lesions."
    return [
        *_models(tables["models"]),
        _calibration(tables["models"]),
        _comparisons(tables["comparisons"]),
        _plain("Distillation ablation", "models.csv", ablation, tables["ablation"]),
        _plain("scikit-learn baselines", "models.csv", features, tables["baselines"]),
        _plain("Quantisation", "quantization.csv", methods, tables["quantization"]),
        _plain("Teacher against student", "counts.csv", "Both decide at 0.5.", tables["agreement"]),
        _plain("Decisions, counted", "counts.csv", "Images of the holdout.", tables["outcomes"]),
        *(tidy_table(*about, tables[name]) for name, about in TIDY.items() if name in tables),
    ]


def _models(models: pd.DataFrame) -> list[Table]:
    names = list(dict.fromkeys(models["model"]))
    chosen = models[models["at"] == "operating point"].drop_duplicates("model").set_index("model")["threshold"]
    chosen = chosen.map(lambda cut: cut if cut == "-" else f"{float(cut):.4f}")
    rows = metric_rows(models, names, RANKING)
    tables = [Table(["model", *RANKING], rows, "Ranking and calibration", "models.csv", CALIBRATION_NOTE)]
    for at, note in THRESHOLDS.items():
        columns = {metric_name(name): (at, name) for name in DECISIONS}
        rows = [
            [name, at if at == "0.5" else chosen[name], *cells] for name, *cells in metric_rows(models, names, columns)
        ]
        tables.append(Table(["model", "threshold", *columns], rows, f"Decisions at {at}", "models.csv", note))
    return tables


def _calibration(models: pd.DataFrame) -> Table:
    scaled = models[models["at"] == "platt"]
    metrics, names = list(dict.fromkeys(scaled["metric"])), list(dict.fromkeys(scaled["model"]))
    columns = {metric_name(name): name for name in metrics}
    tables = [
        [
            [name, scaling, *cells]
            for name, *cells in metric_rows(models, names, {head: (at, metric) for head, metric in columns.items()})
        ]
        for scaling, at in SCALINGS.items()
    ]
    rows = [row for of_one_model in zip(*tables, strict=True) for row in of_one_model]
    return Table(["model", "scaling", *columns], rows, "Calibration", "models.csv", SCALING_NOTE)


def _comparisons(table: pd.DataFrame) -> Table:
    columns = ["family", "model", "reference", "compares", "metric", "difference", "standard_error"]
    columns += ["smallest_detectable", "p", "p_obuchowski", "p_holm", "verdict", "margin", "claim"]
    texts = table.assign(
        metric=[metric_text(row) for row in table.to_dict("records")],
        difference=[difference_text(row) for row in table.to_dict("records")],
        **{name: ["-" if cell == "-" else f"{float(cell):.4f}" for cell in table[name]] for name in MAYBE},
    )[columns].rename(columns={"p_obuchowski": "p (Obuchowski)", "p_holm": "p (Holm)"})
    note = (
        "Model minus reference on the same images of the holdout; p by the bootstrap over lesions, over seeds where "
        "trainings are compared, and over val's lesions where they choose a threshold or a scaling. Smallest "
        "detectable: the true difference that such a sample shows with power .8, before Holm's correction."
    )
    return _plain("Paired comparisons", "comparisons.csv", note, texts)


def tidy_table(title: str, source: str, note: str, table: pd.DataFrame) -> Table:
    """Return a tidy table with its metrics side by side, "-" where a row has none of a metric."""
    keys = [name for name in table.columns if name not in ("metric", "value", *BOUNDS)]
    metrics = list(dict.fromkeys(table["metric"]))
    rows = []
    for key, group in table.groupby(keys, sort=False) if keys else [((), table)]:
        estimates = group.set_index("metric")[["value", "low", "high"]]
        cells = [interval_text(*estimates.xs(metric)) if metric in estimates.index else "-" for metric in metrics]
        rows.append([*(_text(name, value) for name, value in zip(keys, key, strict=True)), *cells])
    head = [name.replace("_", " ") for name in (*keys, *(metric_name(name) for name in metrics))]
    return Table(head, rows, title, source, note)


def _plain(title: str, source: str, note: str, table: pd.DataFrame) -> Table:
    """Return a table as it is, but the columns <metric>, <metric>_low and <metric>_high as one."""
    metrics = [name for name in table.columns if f"{name}_low" in table.columns]
    bounds = {f"{name}_{end}" for name in metrics for end in ("low", "high")}
    columns = [name for name in table.columns if name not in bounds]
    rows = [
        [
            _estimate(name, *(row[f"{name}{end}"] for end in ("", "_low", "_high")))
            if name in metrics
            else _text(name, row[name])
            for name in columns
        ]
        for row in table.to_dict("records")
    ]
    return Table([metric_name(name) for name in columns], rows, title, source, note)


def _estimate(column: str, value: float, low: float, high: float) -> str:
    if column.endswith("_change"):
        return difference_text({"difference": value, "low": low, "high": high})
    return interval_text(value, low, high)


def _text(column: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}" if column in ("temperature", "alpha") else f"{value:.4f}"
    return str(value) if column == "model" else str(value).replace("_", " ")
