"""The page of an external validation."""

from pathlib import Path

import pandas as pd

from stages.reporting.drawing import as_svg
from stages.reporting.figures_curves import bands, calibration
from stages.reporting.labels import Tables, interval_text, metric_text
from stages.reporting.page import Table, render
from stages.reporting.report_tables import tidy_table

BESIDE = {  # metric -> where it is computed
    "roc_auc": "all",
    "average_precision": "all",
    "sensitivity": "operating point",
    "specificity": "operating point",
    "ppv": "operating point",
    "npv": "operating point",
    "ece": "all",
    "calibration_slope": "all",
    "calibration_intercept": "all",
    "observed_over_expected": "all",
}
NOTES = {  # table -> title and note
    "metrics": ("Every metric", "Of all images, and of those not refused."),
    "site": (
        "A threshold for this clinic",
        "Chosen by these images alone, as each draw of their lesions would choose it, and tried on all of them: what "
        "`predict --threshold` may be given. Melanomas lacking: until its sensitivity is known to 2 points.",
    ),
    "calibration": ("Calibration", "Before (none) and after the scaling that the file holds."),
    "shares": ("Referral and refusal", "Shares of images; coverage: of each class, for which it stays possible."),
    "consequences": (
        "Consequences",
        "Sensitivity and specificity at the operating point, a lesion being the mean of its images, carried over to "
        "other shares of melanomas.",
    ),
    "subgroups": ("Subgroups", "Groups under 20 melanomas are marked."),
}


def validation_page(
    name: str,
    file: dict[str, str],
    population: dict[str, str],
    tables: Tables,
    faults: list[str],
    development: pd.DataFrame,
) -> str:
    """Return the page as HTML.

    file: `model` and `data` of the exported file; population: `population`, `unit` and `replicates`; development: its
    metrics on the holdout of its own data, empty where they are not known.
    """
    curves = dict(list(tables["bands"].assign(model=name).groupby("curve")))
    roc = bands(curves["roc"], xlabel="false positive rate (1 - specificity)", ylabel="sensitivity")
    figures = {
        "roc": (as_svg(roc, "ROC"), "ROC with pointwise 95 % band. Source: bands.csv."),
        "calibration": (
            as_svg(calibration(curves["calibration"]), "calibration"),
            "Share of melanomas by the file's calibrated probability, smoothed, with a 95 % band; a calibrated model "
            "lies on the diagonal. Source: bands.csv.",
        ),
    }
    drawn = [tidy_table(title, f"{stem}.csv", note, tables[stem]) for stem, (title, note) in NOTES.items()]
    beside = _beside(tables["metrics"], development, file["data"])
    return render(
        Path(__file__).with_name("validation.html.j2"),
        name=name,
        **file,
        **population,
        beside=beside,
        figures=figures,
        tables=drawn,
        faults=faults,
    )


def _beside(metrics: pd.DataFrame, development: pd.DataFrame, data: str) -> Table:
    """Return this archive's metrics next to those of the development's holdout."""
    columns = {"this archive": metrics[metrics["images"] == "all"]}
    if len(development):
        columns = {f"holdout of {data}": development, **columns}
    rows = []
    for metric, at in BESIDE.items():
        cells = [_cell(table, metric, at) for table in columns.values()]
        rows.append([metric_text({"metric": metric, "at": at}), *cells])
    note = "Calibration metrics are of the probability as the model gives it."
    if len(development):
        note = f"The same file, with the same threshold, on both. {note}"
    return Table(["metric", *columns], rows, "On this archive", "metrics.csv", note)


def _cell(table: pd.DataFrame, metric: str, at: str) -> str:
    rows = table[(table["metric"] == metric) & (table["at"] == at)]
    return interval_text(*rows.iloc[0][["value", "low", "high"]]) if len(rows) else "-"
