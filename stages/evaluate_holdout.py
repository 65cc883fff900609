"""Score every model's frozen predictions on val and holdout; the only stage that opens holdout.csv.

    python -m stages.evaluate_holdout

Reads data/processed/<name>: train.csv, val.csv, holdout.csv; models/<name>/predictions of the teachers, students,
ONNX files and baselines that params.yaml names. Writes metrics/<name>: headline.json (the selected student),
models.csv (every model, both splits), predictions.csv (labels and probabilities, from which all of it can be
recomputed), run.csv (what each model's bits depend on); plots/<name>: roc, pr, reliability and thresholds.csv.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from stages.evidence import curves
from stages.evidence.metrics import (
    calibration_metrics,
    check_labels,
    decision_metrics,
    ranking_metrics,
    threshold_at_sensitivity,
)
from stages.evidence.predictions import read_predictions
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.params import Data, Part, Section, read_params
from stages.foundation.sweep import GRID, Teacher, student_key, student_keys
from stages.images.labels import SPLITS, check_disjoint, read_split

DRAWN = {
    "roc": curves.roc,
    "pr": curves.precision_recall,
    "reliability": curves.reliability_bins,
    "thresholds": curves.thresholds,
}
HEADLINE = ("roc_auc", "average_precision", "sensitivity", "specificity", "ece")

Predictions = dict[str, dict[str, np.ndarray]]  # model -> split -> p_melanoma


class Kd(Section):
    teachers: list[Teacher] = Field(min_length=1)
    temperature: int | float
    alpha: int | float


class Baselines(Part):
    models: list[str]


class Evaluate(Section):
    sensitivity: float = Field(gt=0, le=1)


class Params(Section):
    data: Data
    teachers: list[Teacher] = Field(min_length=1)
    kd: Kd
    baselines: Baselines
    evaluate: Evaluate


def model_files(params: Params) -> dict[str, tuple[str, str]]:
    """Return, for each model by name, its predictions and its record below models/<name>/predictions."""
    teachers = {name: f"teachers/{name}" for name in params.teachers}
    students = {f"student_{key}": f"students/{key}" for key in student_keys(params.kd.temperature, params.kd.alpha)}
    files = {name: (f"{stem}.csv", f"{stem}.json") for name, stem in (teachers | students).items()}
    files |= {name: (f"onnx/{name}.csv", "onnx/record.json") for name in ("student_fp32", "student_int8")}
    return files | {name: (f"baselines/{name}.csv", "baselines/record.json") for name in params.baselines.models}


def score(labels: dict[str, np.ndarray], p: dict[str, np.ndarray], sensitivity: float) -> list[dict[str, Any]]:
    """Return one row per split for one model: at 0.5, and at the threshold that reaches `sensitivity` on val."""
    threshold = threshold_at_sensitivity(labels["val"], p["val"], sensitivity)
    rows = []
    for split, y in labels.items():
        at_half = {f"{name}_at_half": value for name, value in decision_metrics(y, p[split], 0.5).items()}
        ranking, calibration = ranking_metrics(y, p[split]), calibration_metrics(y, p[split])
        at_operating_point = {"threshold": threshold, **decision_metrics(y, p[split], threshold)}
        rows.append({"split": split, **ranking, **calibration, **at_operating_point, **at_half})
    return rows


def describe_run(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return one row of run.csv: facts as they stand, parameters and inputs as hashes that show a difference."""
    hashed = {
        f"{part}_sha256": hashlib.sha256(json.dumps(record[part], sort_keys=True).encode()).hexdigest()[:16]
        for part in ("params", "inputs")
    }
    versions = " ".join(f"{package} {version}" for package, version in record["versions"].items())
    facts = {key: record.get(key, "-") for key in ("device", "instruction_set", "precision", "threads", "machine")}
    return {"model": name, "best_epoch": record.get("best_epoch", 0), **facts, **hashed, "versions": versions}


def headline(models: pd.DataFrame, params: Params) -> dict[str, Any]:
    """Return the selected student's holdout numbers, and which cell of the grid val would have selected."""
    val = models[models["split"] == "val"].set_index("model")["roc_auc"]
    holdout = models[models["split"] == "holdout"].set_index("model")
    selected = student_key(params.kd.temperature, params.kd.alpha)
    best = max(GRID, key=lambda key: float(val[f"student_{key}"]))
    print(f"selected {selected}; best of the grid on val: {best}")
    numbers = {name: round(float(holdout[name][f"student_{selected}"]), 4) for name in HEADLINE}
    return {"val_best": best, **numbers}  # which student is selected stands in params.yaml


def read_labels(processed: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of val and holdout, after checking that no lesion stands in two splits."""
    splits = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    check_disjoint(splits)
    scored = {name: splits[name] for name in ("val", "holdout")}
    for name, table in scored.items():
        check_labels(table["melanoma"].to_numpy(), f"{name}.csv")
    return scored


def freeze(scored: dict[str, pd.DataFrame], p: Predictions) -> pd.DataFrame:
    """Return labels and every model's probabilities of both splits: what all numbers can be recomputed from."""
    columns = ["image_id", "lesion_id", "melanoma"]
    tables = [
        table[columns].assign(split=name, **{model: values[name] for model, values in p.items()})
        for name, table in scored.items()
    ]
    return pd.concat(tables, ignore_index=True)


def main() -> None:
    params = read_params(Params)
    folder = Path("models", params.data.name, "predictions")
    scored = read_labels(Path("data/processed", params.data.name))
    labels = {name: table["melanoma"].to_numpy() for name, table in scored.items()}
    files = model_files(params)
    p = {
        model: {name: read_predictions(folder / csv, list(table["image_id"])) for name, table in scored.items()}
        for model, (csv, _) in files.items()
    }
    records = {model: json.loads((folder / record).read_text(encoding="utf-8")) for model, (_, record) in files.items()}
    sensitivity = params.evaluate.sensitivity
    models = pd.DataFrame(
        [{"model": m, **row} for m, values in p.items() for row in score(labels, values, sensitivity)]
    )
    run = pd.DataFrame([describe_run(model, record) for model, record in records.items()])
    on_holdout = {model: values["holdout"] for model, values in p.items()}
    drawn = [curves.curves(curve, labels["holdout"], on_holdout) for curve in DRAWN.values()]
    numbers = headline(models, params)
    metrics, plots = Path("metrics", params.data.name), Path("plots", params.data.name)
    tables = [metrics / f"{name}.csv" for name in ("predictions", "models", "run")]
    with writing(metrics / "headline.json", *tables, *(plots / f"{n}.csv" for n in DRAWN)) as (head, first, *rest):
        write_json(head, numbers)
        write_csv(first, freeze(scored, p))
        for partial, table in zip(rest, [models, run, *drawn], strict=True):
            write_csv(partial, table, digits=6)
    shown = models[models["split"] == "holdout"].set_index("model")[list(HEADLINE)]
    print(shown.round(4).to_string())


if __name__ == "__main__":
    command.run(main)
