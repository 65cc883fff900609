"""The results as Markdown: the tables, lists and figure that README.md and docs/ show."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from stages.reporting.drawing import as_svg, on_white
from stages.reporting.figures_models import deployment, deployment_rows
from stages.reporting.findings import signed
from stages.reporting.labels import METRIC_NAMES, label_of, labels_of, read_index, read_table
from stages.reporting.page import models_table, with_interval
from stages.reporting.report_tables import HEADLINE_HEADS

PUBLISHED = Path("metrics/published/models.csv")
Columns = dict[str, tuple[str, str]]  # head -> (at, metric)
RUNTIMES = {"pytorch": "teacher", "onnx fp32": "fp32", "onnx int8": "int8"}  # of deployment.csv, to kind or role
PAIRED = (
    "Paired, on the same images of the holdout: the first minus the second, with a 95 % interval and p by the "
    "bootstrap over lesions (Holm within each family of tests); **better** or **worse** where a difference is shown. "
    "Of ECE and Brier score less is better."
)


class Results:
    """The tables below metrics/<name> that README and docs/ are drawn from, models by their labels."""

    def __init__(self, folder: Path, published: Path = PUBLISHED) -> None:
        self.folder = folder
        self.index = read_index(folder / "evaluation")
        labels = pd.read_csv(published)
        self.published = list(labels["label"])
        names = pd.concat([self.index, labels])
        self.models = read_table(folder / "evaluation/models.csv", self.index)
        self.calibration = read_table(folder / "evaluation/calibration.csv", self.index)
        tables = [read_table(folder / "evaluation/comparisons.csv", self.index)]
        if (folder / "published_comparisons.csv").is_file():
            against = read_table(folder / "published_comparisons.csv", names)
            tables.append(against[against["model"] == self.int8])
        self.comparisons = pd.concat(tables)
        self.published_models = pd.DataFrame()
        if (folder / "published.csv").is_file():
            self.published_models = read_table(folder / "published.csv", names)

    @property
    def int8(self) -> str:
        return label_of(self.index, role="int8")

    def speed(self) -> dict[str, list[str]]:
        """Return megabytes and milliseconds, p50 with p95, of each model that `benchmark` timed."""
        if not (self.folder / "deployment.csv").is_file():
            return {}
        table = read_table(self.folder / "deployment.csv", self.index)
        selected = label_of(self.index, role="selected")
        cells = {}
        for row in table.to_dict("records"):
            role = RUNTIMES.get(row["runtime"])
            name = row["model"] if role == "teacher" else label_of(self.index, role=role) if role else None
            if name and (role == "teacher" or row["model"] == selected):
                cells[name] = [
                    f"{row['megabytes']:.2f}",
                    f"{row['ms_p50_1_thread']:.1f} ({row['ms_p95_1_thread']:.1f})",
                ]
        return cells


def results(found: Results) -> str:
    """Return README's table: what was published, the teacher, the student, its control and the int8 file."""
    names = [
        *labels_of(found.index, role="distilling")[:1],
        label_of(found.index, role="selected"),
        *labels_of(found.index, role="control"),
        found.int8,
    ]
    speed = found.speed()
    platt = found.calibration.query("calibration == 'platt' and metric == 'ece'").set_index("model")
    columns = {name: key for name, key in HEADLINE_HEADS.items() if name != "ECE"}
    lines = table_head(["model", *columns, "ECE, calibrated", "MB", "ms, p50 (p95)"])
    lines += [table_row([*row, "-", "-", "-"]) for row in published_rows(found, found.published[-1:], columns)]
    for name, row in zip(names, models_table(found.models, names, columns), strict=True):
        calibrated = with_interval(*numbers_of(platt, name))
        lines.append(table_row([*row, calibrated, *speed.get(name, ["-", "-"])]))
    return "\n".join([*lines, "", *machine(found.folder / "machine.json")])


def published_rows(found: Results, names: list[str], columns: Columns) -> list[list[str]]:
    """Return the cells of each published model; without its predictions for val it has no threshold, so "-"."""
    table = found.published_models
    rows = []
    for name in names if len(table) else []:
        cells = table[table["model"] == name].set_index(["at", "metric"])
        numbers = [with_interval(*numbers_of(cells, key)) if key[0] == "all" else "-" for key in columns.values()]
        rows.append([name, *numbers])
    return rows


def shown(found: Results, *, difference: bool) -> str:
    """Return a line per pair of `principal_pairs`, with the metrics in which a difference is shown, or is not.

    Where none is, ROC-AUC and average precision alone are listed: what the pair was compared for.
    """
    lines = []
    for (model, reference), part in principal_pairs(found).groupby(["model", "reference"], sort=False):
        told = part["verdict"].isin(["better", "worse"])
        rows = part[told] if difference else part[~told & part["metric"].isin(["roc_auc", "average_precision"])]
        said = [_metric(row, verdict=difference) for row in rows.to_dict("records")]
        if said:
            lines.append(f"- {model} against {reference}: {'; '.join(said)}.")
    return "\n".join(lines)


def principal_pairs(found: Results) -> pd.DataFrame:
    """Return the comparisons README lists: with teacher, control, fp32, best baseline, published student."""
    table = found.comparisons
    holdout = found.models.query("split == 'holdout' and metric == 'roc_auc'").set_index("model")["value"]
    best = holdout.loc[labels_of(found.index, kind="baseline")].idxmax()
    families = ["student against teacher", "distillation against control, all seeds", "int8 against fp32"]
    wanted = table["family"].isin(families) | table["reference"].isin([best, *found.published[-1:]])
    return table[wanted & table["at"].isin(["all", "operating point"])]


def comparison_rows(comparisons: pd.DataFrame) -> str:
    """Return the whole table of paired tests: a row per pair, a column per metric that no threshold decides."""
    metrics = ["roc_auc", "average_precision", "brier_score", "ece"]
    lines = [PAIRED, "", *table_head(["model", "against", *(f"{METRIC_NAMES[name]}, difference" for name in metrics)])]
    for (model, reference), part in comparisons.query("at == 'all'").groupby(["model", "reference"], sort=False):
        rows = part.set_index("metric").to_dict("index")
        cells = [_cell(rows[name]) if name in rows else "-" for name in metrics]
        lines.append(table_row([model, reference, *cells]))
    return "\n".join(lines)


def every_model(found: Results) -> str:
    """Return the headline numbers of every model on the holdout."""
    names = [name for name in found.index["label"] if name in set(found.models["model"])]
    rows = published_rows(found, found.published, HEADLINE_HEADS)
    rows += models_table(found.models, names, HEADLINE_HEADS)
    return "\n".join([*table_head(["model", *HEADLINE_HEADS]), *map(table_row, rows)])


def numbers_of(table: pd.DataFrame, key: Any) -> list[float]:
    """Return value, low and high of one row."""
    value, low, high = table.loc[key, ["value", "low", "high"]].astype(float)
    return [value, low, high]


def machine(path: Path) -> list[str]:
    """Return the sentence that says where the times are from."""
    if not path.is_file():
        return []
    facts = json.loads(path.read_text(encoding="utf-8"))
    return [
        f"Times: one image, one thread, {facts['processor']} with {facts['instruction_set']}; teachers and students in "
        f"PyTorch {facts['torch']} eager, ONNX files in onnxruntime {facts['onnxruntime']}."
    ]


def draw_figure(found: Results) -> str:
    """Return README's figure, from the times that `benchmark` measured."""
    table = read_table(found.folder / "deployment.csv", found.index)
    return on_white(as_svg(deployment(deployment_rows(table, found.index))))


def table_head(names: list[str]) -> list[str]:
    return [table_row(names), "|---" * len(names) + "|"]


def table_row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _metric(row: Any, *, verdict: bool) -> str:
    name = METRIC_NAMES.get(row["metric"], row["metric"])
    interval = f"{signed(row['difference'])} ({signed(row['low'])} to {signed(row['high'])})"
    return f"{name} {interval}, {row['verdict']}" if verdict else f"{name} {interval}"


def _difference(row: Any) -> str:
    return f"{signed(row['difference'])} ({signed(row['low'])} to {signed(row['high'])}, p = {row['p_holm']:.3f})"


def _cell(row: Any) -> str:
    verdict = "" if row["verdict"].startswith("no") else f": **{row['verdict']}**"
    return f"{_difference(row)}{verdict}"
