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
from stages.foundation.sweep import CONTROL, GRID, Teacher, student_key, student_keys
from stages.images.labels import SPLITS, check_disjoint, read_split

DRAWN = {"roc": curves.roc, "pr": curves.precision_recall, "reliability": curves.reliability_bins, "thresholds": curves.thresholds}
TABLES = ("models", "run", "predictions")


class Kd(Part):
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
    """Return the selected student's holdout numbers, and whether val would have selected it."""
    val = models[models["split"] == "val"].set_index("model")["roc_auc"]
    holdout = models[models["split"] == "holdout"].set_index("model")
    selected = student_key(params.kd.temperature, params.kd.alpha)
    best = val[[f"student_{key}" for key in GRID]].idxmax().removeprefix("student_")
    print(f"selected {selected}; best of the grid on val: {best}")
    row = holdout.loc[f"student_{selected}"]
    numbers = {name: round(float(row[name]), 4) for name in ("roc_auc", "average_precision", "sensitivity", "specificity", "ece")}
    return {
        "student": selected,
        "best_on_val": best,
        **numbers,
        "int8_roc_auc": round(float(holdout.loc["student_int8", "roc_auc"]), 4),
        "control_roc_auc": round(float(holdout.loc[f"student_{CONTROL}", "roc_auc"]), 4),
    }


def main() -> None:
    params = read_params(Params)
    processed = Path("data/processed", params.data.name)
    folder = Path("models", params.data.name, "predictions")
    splits = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    check_disjoint(splits)
    scored = {name: splits[name] for name in ("val", "holdout")}
    labels = {name: table["melanoma"].to_numpy() for name, table in scored.items()}
    for name, y in labels.items():
        check_labels(y, f"{name}.csv")
    files = model_files(params)
    p = {
        model: {name: read_predictions(folder / csv, table["image_id"]) for name, table in scored.items()}
        for model, (csv, _) in files.items()
    }
    rows = [{"model": model, **row} for model, values in p.items() for row in score(labels, values, params.evaluate.sensitivity)]
    models = pd.DataFrame(rows)
    records = {model: json.loads((folder / record).read_text(encoding="utf-8")) for model, (_, record) in files.items()}
    frozen = [
        table[["image_id", "lesion_id", "melanoma"]].assign(split=name, **{model: values[name] for model, values in p.items()})
        for name, table in scored.items()
    ]
    tables = {
        "models": models,
        "run": pd.DataFrame([describe_run(model, record) for model, record in records.items()]),
        "predictions": pd.concat(frozen, ignore_index=True),
    }
    drawn = {name: curves.curves(curve, labels["holdout"], {m: v["holdout"] for m, v in p.items()}) for name, curve in DRAWN.items()}
    numbers = headline(models, params)
    metrics, plots = Path("metrics", params.data.name), Path("plots", params.data.name)
    targets = [metrics / "headline.json", *(metrics / f"{n}.csv" for n in TABLES), *(plots / f"{n}.csv" for n in DRAWN)]
    with writing(*targets) as (head, *partials):
        write_json(head, numbers)
        for partial, table in zip(partials, [*(tables[n] for n in TABLES), *drawn.values()], strict=True):
            write_csv(partial, table, digits=6)
    print(models[models["split"] == "holdout"][["model", "roc_auc", "average_precision", "sensitivity", "specificity", "ece"]].round(4).to_string(index=False))


if __name__ == "__main__":
    command.run(main)
