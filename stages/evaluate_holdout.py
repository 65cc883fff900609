"""Score every model's frozen predictions on val and holdout; the only stage that opens holdout.csv.

    python -m stages.evaluate_holdout

Reads data/processed/<name>: train.csv, val.csv, holdout.csv; models/<name>/predictions of the teachers, students,
ONNX files and baselines that params.yaml names. Writes metrics/<name>/headline.json (the selected student);
metrics/<name>/evaluation: model_index.csv (what each model is), predictions.csv (labels and probabilities, from which
all metrics can be recomputed) and one table a question; plots/<name>/data: what the figures draw. "The study" is the
original student project whose README this project started from.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.dataset.predictions import DECISIONS, IDS, RECORD, read_predictions, read_record
from stages.dataset.splits import SPLITS, check_classes, check_disjoint, read_split
from stages.deployment.decision import Decision
from stages.evaluation.evaluation import Evaluation, Predictions
from stages.evaluation.plot_data import overview, plot_data
from stages.evaluation.roles import ENSEMBLE, Roles, index_table, roles_of
from stages.evaluation.stress import refusal, robustness, skin_tones
from stages.evaluation.tables import TABLES, wide
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import HEADLINE, TABLE, TURNED, Teachers
from stages.foundation.params import read_params
from stages.foundation.probability import mean_probability
from stages.foundation.settings import Baselines, Data, Evaluate, Kd

ABLATION = [  # (at, metric): the columns of two of the study's tables
    *(("all", name) for name in ("roc_auc", "average_precision", "pr_auc", "ece")),
    *(("0.5", name) for name in ("f1", "sensitivity", "ppv", "accuracy")),
]

STRESS = ("altered", "pictures", "skin")  # tables of stress_test


@dataclass(frozen=True)
class Params:
    data: Data
    teachers: Teachers
    kd: Kd
    baselines: Baselines
    evaluate: Evaluate


def read_all(folder: Path, roles: Roles, scored: dict[str, pd.DataFrame]) -> Predictions:
    """Return every model's probabilities of the scored images; the ensemble's are those of the mean log odds."""
    image_ids = {split: list(table["image_id"]) for split, table in scored.items()}

    def read(path: Path) -> dict[str, np.ndarray]:
        return {split: read_predictions(folder / path, ids) for split, ids in image_ids.items()}

    def ensemble(table: str) -> dict[str, np.ndarray]:
        members = [read(Path("teachers", key, table)) for key in roles.names("distilling")]
        return {split: mean_probability([member[split] for member in members]) for split in scored}

    return {
        model.name: ensemble(TURNED if model.kind == "turned" else TABLE)
        if model.key == ENSEMBLE
        else read(model.predictions)
        for model in roles.models
    }


def describe_run(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return one row of run.csv: device, threads and versions as recorded; hashes of parameters and of inputs."""
    hashed = {
        f"{part}_sha256": hashlib.sha256(json.dumps(record[part], sort_keys=True).encode()).hexdigest()[:16]
        for part in ("params", "inputs")
    }
    versions = " ".join(f"{package} {version}" for package, version in record["versions"].items())
    machine = {key: record.get(key, "-") for key in ("device", "instruction_set", "precision", "threads", "machine")}
    return {"model": name, "epochs": record.get("epochs", 0), **machine, **hashed, "versions": versions}


def ablation(models: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Return the grid and the control with their T and alpha: the study's ablation table, with intervals."""
    cells = [model for model in roles.models if model.role in ("grid", "control", "selected")]
    table = wide(models, [model.name for model in cells], ABLATION)
    table.insert(1, "temperature", [model.temperature for model in cells])
    table.insert(2, "alpha", [model.alpha for model in cells])
    return table


def baseline_table(models: pd.DataFrame, records: dict[str, Any], names: list[str]) -> pd.DataFrame:
    """Return the baselines with their number of features: the study's table, with intervals."""
    table = wide(models, names, ABLATION)
    table.insert(1, "features", [records[name]["features"] for name in names])
    return table


def headline(evaluation: Evaluation) -> dict[str, Any]:
    """Return the selected student's holdout metrics, and the student of the grid with the highest ROC-AUC on val."""
    selected, best = evaluation.roles.one("selected"), evaluation.best_of_grid
    print(f"selected {selected}; best of the grid on val: {best.name}")
    estimates = evaluation.estimates["holdout"][selected]
    return {
        "val_best": best.key,  # which student is selected stands in params.yaml
        **{name: round(float(estimates[key][0]), 4) for name, key in HEADLINE.items()},
    }


def read_splits(processed: Path) -> dict[str, pd.DataFrame]:
    """Return the three split tables; ValueError if a lesion is in two, or val or holdout lacks a class."""
    splits = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    check_disjoint(splits)
    for name in ("val", "holdout"):
        check_classes(splits[name], f"{name}.csv")
    return splits


def prediction_table(scored: dict[str, pd.DataFrame], p: Predictions) -> pd.DataFrame:
    """Return one row per image of val and holdout: ids, label, split and each model's probability."""
    columns = ["image_id", "lesion_id", "melanoma"]
    tables = [
        table[columns].assign(split=name, **{model: values[name] for model, values in p.items()})
        for name, table in scored.items()
    ]
    return pd.concat(tables, ignore_index=True)


def main() -> None:
    params = read_params(Params)
    folder = Path("models", params.data.name, "predictions")
    splits = read_splits(Path("data/processed", params.data.name))
    scored = {name: splits[name] for name in ("val", "holdout")}
    method = read_record(folder / "onnx" / RECORD)["method"]
    roles = roles_of(params.teachers, params.kd, params.baselines, method)
    p = read_all(folder, roles, scored)
    trained = [model for model in roles.models if model.kind not in ("ensemble", "turned")]
    records = {model.name: read_record((folder / model.predictions).with_name(RECORD)) for model in trained}
    exported = {name: Decision(**values) for name, values in read_record(folder / "onnx" / DECISIONS).items()}
    evaluation = Evaluation(scored, p, roles, params.evaluate, exported)
    headline_metrics = headline(evaluation)
    tables = {"model_index": index_table(roles), **{name: build(evaluation) for name, build in TABLES.items()}}
    altered, pictures, skin = (
        pd.read_csv(folder / f"stress/{stem}.csv", dtype=IDS, keep_default_na=False) for stem in STRESS
    )
    tables["robustness"] = robustness(evaluation, altered)
    tables["refusal"] = refusal(evaluation, altered, pictures)
    tables["skin_tones"] = skin_tones(evaluation, skin)
    tables["kd_ablation"] = ablation(tables["models"], roles)
    tables["baselines"] = baseline_table(tables["models"], records, roles.baselines)
    tables["run"] = pd.DataFrame([describe_run(model, record) for model, record in records.items()])
    metrics, plots = Path("metrics", params.data.name), Path("plots", params.data.name)
    outputs = {metrics / f"evaluation/{stem}.csv": table for stem, table in tables.items()}
    figures = plot_data(evaluation) | {"data_overview": overview(splits)}
    outputs |= {plots / f"data/{stem}.csv": table for stem, table in figures.items()}
    frozen = metrics / "evaluation/predictions.csv"
    with writing(metrics / "headline.json", frozen, *outputs) as (partial, frozen_partial, *partials):
        write_json(partial, headline_metrics)
        write_csv(frozen_partial, prediction_table(scored, p))
        for path, table in zip(partials, outputs.values(), strict=True):
            write_csv(path, table, digits=6)
    summary = wide(tables["models"], list(p), list(HEADLINE.values())).set_index("model")
    print(summary[list(HEADLINE)].round(4).to_string())


if __name__ == "__main__":
    command.run(main)
