"""Draw every figure and write the report and the model card from the tables of the evaluation.

    python -m stages.report

Reads metrics/<name>, plots/<name>, the pack's pixels of the images shown, models/<name>/explanations.npy. Writes
plots/<name>/figures/*.svg, and plots/<name>/report with report.html (one self-contained page) and model_card.md.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.dataset.pack import open_pack
from stages.dataset.settings import Target
from stages.dataset.splits import classes_of
from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.names import Teachers, student_keys
from stages.foundation.params import read_params
from stages.foundation.settings import Data, Evaluate, Kd
from stages.reporting.drawing import on_white
from stages.reporting.figures import Drawn, Tables, draw_all
from stages.reporting.findings import findings
from stages.reporting.labels import label_of, labels_of, read_index, read_table
from stages.reporting.page import Table, pictures, render
from stages.reporting.report_tables import headline, report_tables
from stages.reporting.verdicts import verdicts

EVALUATION = (
    "models",
    "comparisons",
    "calibration",
    "subgroups",
    "subgroup_gaps",
    "referral",
    "agreement",
    "confusion",
    "kd_ablation",
    "baselines",
    "predictions",
)
PLOTS = (
    "roc",
    "pr",
    "roc_band",
    "pr_band",
    "thresholds",
    "confidence",
    "reliability",
    "decision_curve",
    "risk_coverage",
    "data_overview",
    "examples",
)
FILES = (("method", "fp32"), ("chosen", "yes"))  # rows of quantization.csv
LIMIT = 25  # MB, of the study's check


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    teachers: Teachers
    kd: Kd
    evaluate: Evaluate


def read_tables(name: str, index: pd.DataFrame) -> Tables:
    """Return the tables of the evaluation and of quantize by stem, models by their labels."""
    metrics, plots = Path("metrics", name), Path("plots", name)
    paths = [metrics / f"evaluation/{stem}.csv" for stem in EVALUATION] + [metrics / "quantization.csv"]
    paths += [plots / f"data/{stem}.csv" for stem in PLOTS]
    return {path.stem: read_table(path, index) for path in paths}


def read_histories(name: str, params: Params, index: pd.DataFrame) -> Tables:
    """Return the training history of each model by its label."""
    folder = Path("plots", name, "history")
    keys = student_keys(params.kd.selected, params.kd.repeated)
    paths = [folder / f"teachers/{key}.csv" for key in params.teachers]
    paths += [folder / f"students/{key}.csv" for key in keys]
    labels = [*labels_of(index, kind="teacher"), *labels_of(index, kind="student")]
    return {label: pd.read_csv(path) for label, path in zip(labels, paths, strict=True)}


def describe(tables: Tables, index: pd.DataFrame, best: str, params: Params, size: int) -> dict[str, Any]:
    """Return what the page and the card say about the data and the selected student; best: of the grid on val."""
    selected = label_of(index, role="selected")
    holdout = tables["predictions"].query("split == 'holdout'")
    images = tables["data_overview"].query("column == 'diagnosis'").groupby("split")["images"].sum()
    models, methods = tables["models"], tables["quantization"]
    fp32, int8 = (methods.query(f"{column} == @value").iloc[0] for column, value in FILES)
    decided = models[(models["model"] == label_of(index, role="int8")) & (models["at"] == "operating point")]
    return {
        "name": params.data.name,
        "synthetic": params.data.name == "demo",
        "selected": selected,
        "best": label_of(index, model=f"student_{best}"),
        "teachers": ", ".join(labels_of(index, role="distilling")),
        "files": f"ONNX fp32 {fp32['megabytes']:.2f} MB, int8 {int8['megabytes']:.2f} MB "
        f"({str(int8['method']).replace('_', ' ')}; the study's limit of {LIMIT} MB is "
        f"{'kept' if int8['megabytes'] <= LIMIT else 'exceeded'})",
        "population": f"Holdout: {len(holdout)} images of {holdout['lesion_id'].nunique()} lesions, "
        f"{holdout['melanoma'].sum()} of them melanomas",
        "splits": ", ".join(str(images[split]) for split in ("train", "val", "holdout")),
        "replicates": params.evaluate.replicates,
        "sensitivity": params.evaluate.sensitivity,
        "threshold": f"{float(decided['threshold'].iloc[0]):.4f}",
        "size": size,
        "classes": ", ".join(classes_of(params.target)),
        "findings": findings(tables["comparisons"]),
        "verdicts": verdicts(tables["comparisons"], models, index, params.evaluate.sensitivity),
        "headline": headline(tables, labels_of(index, detail="yes")),
    }


def own_rows(table: Table, model: str) -> Table:
    """Return a table of one model alone, without its name."""
    rows = [row[1:] for row in table.rows if row[0] == model]
    return Table(table.title, table.source, table.note, table.head[1:], rows)


def main() -> None:
    params = read_params(Params)
    name = params.data.name
    index = read_index(Path("metrics", name, "evaluation"))
    tables = read_tables(name, index)
    figures = draw_all(tables, read_histories(name, params, index), index)
    pack = open_pack(Path("data/processed", name, "pack"))
    rows = pack.rows(list(tables["examples"]["image_id"]))
    pack.verify(rows)
    best = json.loads(Path("metrics", name, "headline.json").read_text(encoding="utf-8"))["val_best"]
    facts = describe(tables, index, best, params, pack.size)
    shown = report_tables(tables)
    by_title = {table.title: own_rows(table, label_of(index, role="int8")) for table in shown}
    heat = np.load(Path("models", name, "explanations.npy"), allow_pickle=False)
    galleries = pictures(tables["examples"], pack.pixels[rows], heat)
    page = render("report.html.j2", **facts, tables=shown, figures=figures, galleries=galleries)
    card = render("model_card.md.j2", **facts, calibration=by_title["Calibration"], subgroups=by_title["Subgroups"])
    with writing(Path("plots", name, "figures"), Path("plots", name, "report")) as (folder, report):
        write_figures(folder, figures)
        report.mkdir()
        write_text(report / "report.html", page)
        write_text(report / "model_card.md", card)


def write_figures(folder: Path, figures: list[Drawn]) -> None:
    """Write each figure as an SVG file of its own."""
    folder.mkdir()
    for figure in figures:
        write_text(folder / f"{figure.name}.svg", on_white(figure.svg))


if __name__ == "__main__":
    command.run(main)
