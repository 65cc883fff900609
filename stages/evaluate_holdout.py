"""Score every model's frozen predictions on val and holdout; the only stage that opens holdout.csv.

    python -m stages.evaluate_holdout

predictions.csv holds labels and probabilities, from which all metrics can be recomputed; model_index.csv says what each
model is. "The study" is the original student project whose README this project started from.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.deployment.decision import Decision
from stages.evaluation.evaluation import Evaluation, Predictions
from stages.evaluation.plot_data import overview, plot_data
from stages.evaluation.roles import ENSEMBLE, Roles, index_table, roles_of
from stages.evaluation.scores import blanks_filled
from stages.evaluation.stress import stress
from stages.evaluation.tables import TABLES
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import HEADLINE, TABLE, TURNED, Teachers
from stages.foundation.params import read_params
from stages.foundation.predictions import DECISIONS, IDS, RECORD, read_predictions, read_record
from stages.foundation.probability import mean_probability
from stages.foundation.settings import Baselines, Data, Evaluate, Kd
from stages.foundation.splits import SPLITS, check_classes, check_disjoint, read_split

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


def describe_models(evaluation: Evaluation, records: dict[str, Any]) -> pd.DataFrame:
    """Return model_index.csv: what each model is, its scalings fitted on val, and the run it is from; blanks are "-".

    records: of the models that were trained. The hashes are of parameters and of inputs.
    """
    rows = []
    for row in index_table(evaluation.roles).to_dict("records"):
        record, scalings = records.get(row["model"]), evaluation.scalings.get(row["model"])
        if scalings is not None:
            temperature, platt = scalings["temperature"], scalings["platt"]
            row |= {"temperature_slope": temperature.slope, "platt_slope": platt.slope}
            row |= {"platt_intercept": platt.intercept}
        rows.append(row | (describe_run(record) if record else {}))
    return blanks_filled(pd.DataFrame(rows))


def describe_run(record: dict[str, Any]) -> dict[str, Any]:
    """Return epochs, features, device, threads and versions as recorded, and hashes of parameters and of inputs."""
    hashed = {
        f"{part}_sha256": hashlib.sha256(json.dumps(record[part], sort_keys=True).encode()).hexdigest()[:16]
        for part in ("params", "inputs")
    }
    versions = " ".join(f"{package} {version}" for package, version in record["versions"].items())
    keys = ("epochs", "features", "device", "instruction_set", "precision", "threads", "machine")
    return {**{key: record[key] for key in keys if key in record}, **hashed, "versions": versions}


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
    tables = {"model_index": describe_models(evaluation, records)}
    tables |= {name: build(evaluation) for name, build in TABLES.items()}
    stressed = (pd.read_csv(folder / f"stress/{stem}.csv", dtype=IDS, keep_default_na=False) for stem in STRESS)
    tables["stress"] = stress(evaluation, *stressed)
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
    estimates = evaluation.estimates["holdout"]
    summary = {model: {name: estimates[model][key][0] for name, key in HEADLINE.items()} for model in p}
    print(pd.DataFrame(summary).T.round(4).to_string())


if __name__ == "__main__":
    command.run(main)
