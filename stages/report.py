"""Draw every figure and write the report and the model card from the tables of the evaluation.

    python -m stages.report

Reads metrics/<name>, plots/<name>, the pack's pixels of the images shown, models/<name>/explanations.npy. Writes
plots/<name>/figures/*.svg, and plots/<name>/report with report.html (one self-contained page) and model_card.md.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from stages.dataset.pack import open_pack
from stages.dataset.splits import Target, classes_of
from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.names import Teacher, student_key, student_keys
from stages.foundation.params import Data, Part, Section, read_params
from stages.reporting.drawing import readable
from stages.reporting.figures import Drawn, Tables, draw_all, principal
from stages.reporting.findings import findings
from stages.reporting.page import Table, pictures, render
from stages.reporting.report_tables import headline, report_tables

METRICS = (
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
    "quantization",
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
FILE = "student_int8"  # what the card is about
FILES = (("method", "fp32"), ("chosen", "yes"))  # rows of quantization.csv
LIMIT = 25  # MB, of the study's check


class Kd(Section):
    teachers: list[Teacher] = Field(min_length=1)
    temperature: int | float
    alpha: int | float
    repeated: str


class Evaluate(Part):
    sensitivity: float
    replicates: int


class Params(Section):
    data: Data
    target: Target
    teachers: list[Teacher] = Field(min_length=1)
    kd: Kd
    evaluate: Evaluate


def read_tables(name: str) -> Tables:
    """Return the tables of the evaluation and of quantize by stem."""
    paths = [Path("metrics", name, f"{stem}.csv") for stem in METRICS]
    paths += [Path("plots", name, f"{stem}.csv") for stem in PLOTS]
    return {path.stem: pd.read_csv(path, dtype={"at": str, "p_delong": str}, keep_default_na=False) for path in paths}


def read_histories(name: str, teachers: list[str], keys: list[str]) -> Tables:
    """Return the training history of each model."""
    folder = Path("plots", name, "history")
    histories = {teacher: pd.read_csv(folder / f"teachers/{teacher}.csv") for teacher in teachers}
    return histories | {f"student_{key}": pd.read_csv(folder / f"students/{key}.csv") for key in keys}


def describe(tables: Tables, best: str, params: Params, size: int) -> dict[str, Any]:
    """Return what the page and the card say about the data and the selected student; best: of the grid on val."""
    selected = f"student_{student_key(params.kd.temperature, params.kd.alpha)}"
    holdout = tables["predictions"][tables["predictions"]["split"] == "holdout"]
    images = tables["data_overview"].query("column == 'diagnosis'").groupby("split")["images"].sum()
    models, methods = tables["models"], tables["quantization"]
    fp32, int8 = (methods.query(f"{column} == @value").iloc[0] for column, value in FILES)
    cut = models.query("model == @FILE and at == 'operating point'")["threshold"].iloc[0]
    return {
        "name": params.data.name,
        "synthetic": params.data.name == "demo",
        "selected": readable(selected),
        "best": readable(f"student_{best}"),
        "teachers": ", ".join(readable(name) for name in params.kd.teachers),
        "files": f"ONNX fp32 {fp32['megabytes']:.2f} MB, int8 {int8['megabytes']:.2f} MB "
        f"({str(int8['method']).replace('_', ' ')}; the study's limit of {LIMIT} MB is "
        f"{'kept' if int8['megabytes'] <= LIMIT else 'exceeded'})",
        "population": f"Holdout: {len(holdout)} images of {holdout['lesion_id'].nunique()} lesions, "
        f"{holdout['melanoma'].sum()} of them melanomas",
        "splits": ", ".join(str(images[split]) for split in ("train", "val", "holdout")),
        "replicates": params.evaluate.replicates,
        "sensitivity": params.evaluate.sensitivity,
        "threshold": f"{float(cut):.4f}",
        "size": size,
        "classes": ", ".join(classes_of(params.target)),
        "findings": findings(tables["comparisons"]),
        "headline": headline(tables, principal(tables)),
    }


def own_rows(table: Table, model: str) -> Table:
    """Return a table of one model alone, without its name."""
    rows = [row[1:] for row in table.rows if row[0] == model]
    return Table(table.title, table.source, table.note, table.head[1:], rows)


def main() -> None:
    params = read_params(Params)
    name, processed = params.data.name, Path("data/processed", params.data.name)
    keys = student_keys(student_key(params.kd.temperature, params.kd.alpha), params.kd.repeated)
    tables = read_tables(name)
    teachers: list[str] = list(params.teachers)
    figures = draw_all(tables, read_histories(name, teachers, keys), teachers, [f"student_{key}" for key in keys])
    pack = open_pack(processed / "pack.npy", processed / "pack_manifest.csv")
    pixels = pack.pixels[pack.rows(list(tables["examples"]["image_id"]))]
    best = json.loads(Path("metrics", name, "headline.json").read_text(encoding="utf-8"))["val_best"]
    facts = describe(tables, best, params, pack.size)
    shown = report_tables(tables)
    by_title = {table.title: own_rows(table, readable(FILE)) for table in shown}
    galleries = pictures(
        tables["examples"], pixels, np.load(Path("models", name, "explanations.npy"), allow_pickle=False)
    )
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
        write_text(folder / f"{figure.name}.svg", figure.svg)


if __name__ == "__main__":
    command.run(main)
