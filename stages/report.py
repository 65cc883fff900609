"""Draw every figure and write the report and the model card from the tables of the evaluation.

    python -m stages.report

Reads metrics/<name>, plots/<name>, the pack's pixels of the images shown, models/<name>/explanations.npy. Writes
plots/<name>/figures/*.svg, and plots/<name>/report with report.html (one self-contained page) and model_card.md.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.deployment.metadata import license_of
from stages.foundation import command
from stages.foundation.files import write_text, writing
from stages.foundation.names import Teachers, parse_student
from stages.foundation.pack import open_pack
from stages.foundation.params import read_params
from stages.foundation.settings import DEMO, Data, Evaluate, Kd, Target
from stages.foundation.splits import classes_of
from stages.reporting.drawing import on_white
from stages.reporting.figures import draw_all
from stages.reporting.labels import (
    Tables,
    ablation_table,
    baseline_table,
    label_of,
    labels_of,
    read_index,
    read_questions,
    read_table,
)
from stages.reporting.page import TEMPLATES, Table, pictures, render
from stages.reporting.report_tables import headline, report_tables
from stages.reporting.verdicts import counted, verdicts

EVALUATION = ("models", "comparisons", "subgroups", "predictions")
QUESTIONS = ("decisions", "stress", "counts")  # tables that hold several
PLOTS = ("roc", "pr", "thresholds", "confidence", "reliability", "data_overview", "examples")
# The tables of the model card, by the names its template has for them: of the int8 file alone, and whole ones.
CARD_INT8 = {
    "calibration": "Calibration",
    "subgroups": "Subgroups",
    "repeatability": "Repeatability",
    "consequences": "Consequences",
}
CARD_WHOLE = {
    "alterations": "Altered images, averaged",
    "refusal": "Unfamiliar pictures",
    "skin_tones": "Estimated skin tones",
}
MILD = "1 to 3"  # strengths of alterations in the card; the report has each
NEXT = """
The report: {report}
    dvc metrics show                    val's numbers, by which to choose
    dvc plots show                      every table and curve as one page
    dvc exp run -S kd.temperature=2     change one number; what it touches runs again, no more"""
ORIGINS = {"ham10000": "Tschandl et al. 2018", DEMO: "drawn by the pipeline"}  # of images


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    teachers: Teachers
    kd: Kd
    evaluate: Evaluate


def read_tables(name: str, index: pd.DataFrame) -> Tables:
    """Return the tables of the evaluation and of quantize by stem or question, models by their labels."""
    metrics, plots = Path("metrics", name), Path("plots", name)
    paths = [metrics / f"evaluation/{stem}.csv" for stem in EVALUATION] + [metrics / "quantization.csv"]
    paths += [plots / f"data/{stem}.csv" for stem in PLOTS]
    tables = {path.stem: read_table(path, index) for path in paths}
    for stem in QUESTIONS:
        tables |= read_questions(metrics / f"evaluation/{stem}.csv", index)
    tables |= read_questions(plots / "data/bands.csv", index, "curve", "band_")
    return tables | {
        "ablation": ablation_table(tables["models"], index),
        "baselines": baseline_table(tables["models"], index),
    }


def read_histories(name: str, params: Params, index: pd.DataFrame) -> Tables:
    """Return the training history of each model by its label."""
    folder, kd = Path("plots", name, "history"), params.kd
    kinds = {key: "students" if parse_student(key).seed is None else "repeats" for key in kd.students}
    paths = [folder / f"teachers/{key}.csv" for key in params.teachers]
    paths += [folder / kind / f"{key}.csv" for key, kind in kinds.items()]
    labels = [*labels_of(index, kind="teacher"), *labels_of(index, kind="student")]
    return {label: pd.read_csv(path) for label, path in zip(labels, paths, strict=True)}


def trained_how(teachers: list[str], alpha: float) -> str:
    """Return whether the selected student learned from teachers, by their labels; alpha: their term's weight."""
    if alpha == 0:
        return "trained without a teacher"
    mean = "the mean logits of " if len(teachers) > 1 else ""
    return f"distilled (Hinton et al. 2015) from {mean}{'; '.join(teachers)}"


def describe(tables: Tables, index: pd.DataFrame, best: str, params: Params, size: int) -> dict[str, Any]:
    """Return what the templates of the page and the card need beside tables, figures and pictures.

    best: the key of the grid's best student on val; size: pixels of an image's side.
    """
    selected = label_of(index, role="selected")
    holdout = tables["predictions"].query("split == 'holdout'")
    images_of_lesions = f"{len(holdout)} images of {holdout['lesion_id'].nunique()} lesions"
    melanoma = holdout[holdout["melanoma"] == 1]
    melanomas = f"{len(melanoma)} images of {melanoma['lesion_id'].nunique()} melanomas"
    diagnoses = tables["data_overview"].query("column == 'diagnosis'").rename(columns={"level": "dx"})
    images, trained_on = diagnoses.groupby("split")["images"].sum(), diagnoses.query("split == 'train'")
    models, methods = tables["models"], tables["quantization"]
    fp32, int8 = (methods.query(condition).iloc[0] for condition in ("method == 'fp32'", "chosen == 'yes'"))
    decisions = models[(models["model"] == label_of(index, role="int8")) & (models["at"] == "operating point")]
    return {
        "name": params.data.name,
        "licence": license_of(params.data.name),
        "synthetic": params.data.name == DEMO,
        "origin": ORIGINS.get(params.data.name, "not known to this project"),
        "selected": selected,
        "best": label_of(index, model=f"student_{best}"),
        "trained": trained_how(labels_of(index, role="distilling"), params.kd.alpha),
        "files": f"ONNX fp32 {fp32['megabytes']:.2f} MB, int8 {int8['megabytes']:.2f} MB "
        f"({str(int8['method']).replace('_', ' ')})",
        "population": f"Holdout: {images_of_lesions}, {melanomas} among them",
        "n": f"n = {images_of_lesions}, {melanomas} among them",
        "labels": dict(zip(index["model"], index["label"], strict=True)),
        "splits": ", ".join(str(images[split]) for split in ("train", "val", "holdout")),
        "replicates": params.evaluate.replicates,
        "sensitivity": params.evaluate.sensitivity,
        "threshold": f"{float(decisions['threshold'].iloc[0]):.4f}",
        "size": size,
        "classes": ", ".join(classes_of(params.target, trained_on)),
        "verdicts": verdicts(tables["comparisons"], models, tables["subgroups"], index, params.evaluate.sensitivity),
        "counted": counted(tables["consequences"], label_of(index, role="int8")),
        "headline": headline(tables, labels_of(index, detail="yes")),
    }


def rows_of(table: Table, model: str) -> Table:
    """Return a table of one model alone, without the column that names it."""
    return replace(table, head=table.head[1:], rows=[row[1:] for row in table.rows if row[0] == model])


def mild_ones(table: Table) -> Table:
    """Return what is averaged over alterations at the strengths 1 to 3 alone, without the column that says so."""
    column = table.head.index("strength")
    rows = [[*row[:column], *row[column + 1 :]] for row in table.rows if row[column] == MILD]
    head = [*table.head[:column], *table.head[column + 1 :]]
    return replace(table, head=head, rows=rows, note=f"{table.note} Strengths {MILD}.")


def main() -> None:
    params = read_params(Params)
    name = params.data.name
    index = read_index(Path("metrics", name, "evaluation"))
    tables = read_tables(name, index)
    figures = draw_all(tables, read_histories(name, params, index), index)
    pack = open_pack(Path("data/processed", name, "pack"))
    rows = pack.rows(list(tables["examples"]["image_id"]))
    pack.verify(rows)
    best = json.loads(Path("metrics", name, "headline.json").read_text(encoding="utf-8"))["val"]["best"]
    description = describe(tables, index, best, params, pack.size)
    page_tables = report_tables(tables)
    int8 = {table.title: rows_of(table, label_of(index, role="int8")) for table in page_tables}
    heat = np.load(Path("models", name, "explanations.npy"), allow_pickle=False)
    galleries = pictures(tables["examples"], pack.pixels[rows], heat)
    whole = {table.title: table for table in page_tables}
    shown = {"tables": page_tables, "paired": whole["Paired comparisons"], "figures": figures, "galleries": galleries}
    page = render(TEMPLATES / "report.html.j2", **description, **shown)
    card_tables = {
        **{stem: int8.get(title) for stem, title in CARD_INT8.items()},  # no lesion may have several images
        **{stem: whole[title] for stem, title in CARD_WHOLE.items()},
    }
    card_tables["alterations"] = mild_ones(whole[CARD_WHOLE["alterations"]])
    card = render(TEMPLATES / "model_card.md.j2", **description, **card_tables)
    with writing(Path("plots", name, "figures"), Path("plots", name, "report")) as (folder, report):
        folder.mkdir()
        for figure, svg in figures.items():
            write_text(folder / f"{figure}.svg", on_white(svg))
        report.mkdir()
        write_text(report / "report.html", page)
        write_text(report / "model_card.md", card)
    print(NEXT.format(report=Path("plots", name, "report/report.html")))


if __name__ == "__main__":
    command.run(main)
