"""Score every model's frozen predictions on val and holdout; the only stage that opens holdout.csv.

    python -m stages.evaluate_holdout

predictions.csv and images.csv hold what all metrics can be recomputed from; model_index.csv says what each model is.
headline.json holds val's numbers, by which choices may be made, holdout.json those of the holdout. "The study" is the
original student project whose README this project started from.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.evaluation.evaluation import Evaluation, Predictions
from stages.evaluation.frozen import IMAGES, PREDICTIONS, image_table, prediction_table, read_stress
from stages.evaluation.plot_data import overview, plot_data
from stages.evaluation.roles import CONTROL_MODEL, ENSEMBLE, Model, Roles, index_table, roles_of
from stages.evaluation.scores import ALL, WITHIN, blanks_filled
from stages.evaluation.stress import stress
from stages.evaluation.tables import TABLES
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import HEADLINE, TABLE, TURNED, VAL, Teachers
from stages.foundation.params import read_params
from stages.foundation.predictions import DECISIONS, RECORD, as_written, read_predictions, read_record
from stages.foundation.probability import mean_probability
from stages.foundation.settings import Baselines, Data, Deciding, Evaluate, Kd
from stages.foundation.splits import SOURCE, SPLITS, check_classes, check_disjoint, read_sources, read_split
from stages.statistics.folds import read_folds


@dataclass(frozen=True)
class Params:
    data: Data
    teachers: Teachers
    kd: Kd
    baselines: Baselines
    evaluate: Evaluate
    decision: Deciding


def read_all(folder: Path, roles: Roles, splits: dict[str, pd.DataFrame]) -> Predictions:
    """Return every model's probabilities of val and holdout, the ensemble's those of the mean log odds.

    They are rounded as in their tables, so that the frozen ones give the same numbers.
    """
    scored, train = {name: splits[name] for name in ("val", "holdout")}, splits["train"]
    image_ids = {split: list(table["image_id"]) for split, table in scored.items()}

    def read(path: Path) -> dict[str, np.ndarray]:
        return {split: read_predictions(folder / path, ids) for split, ids in image_ids.items()}

    def ensemble(table: str) -> dict[str, np.ndarray]:
        members = [read(Path("teachers", key, table)) for key in roles.names("distilling")]
        return {split: as_written(mean_probability([member[split] for member in members])) for split in scored}

    def of(model: Model) -> dict[str, np.ndarray]:
        if model.kind == "source":
            return {split: source_alone(train, table) for split, table in scored.items()}
        if model.key == ENSEMBLE:
            return ensemble(TURNED if model.kind == "turned" else TABLE)
        return read(model.predictions)

    return {model.name: of(model) for model in roles.models}


def source_alone(train: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Return the share of melanoma in train of each image's source, of all of train where train has no such source."""
    shares = train.groupby(SOURCE)["melanoma"].mean()
    return as_written(table[SOURCE].map(shares).fillna(train["melanoma"].mean()).to_numpy())


def describe_models(evaluation: Evaluation, records: dict[str, Any], farthest: dict[str, float]) -> pd.DataFrame:
    """Return model_index.csv: what each model is, its scalings, and the run it is from; blanks are "-".

    records: of the models that were trained. The hashes are of parameters and of inputs. farthest: of the models that
    refuse pictures, the distance from which on they do.
    """
    rows = []
    for row in index_table(evaluation.roles).to_dict("records"):
        record, scalings = records.get(row["model"]), evaluation.scalings.get(row["model"])
        if scalings is not None:
            temperature, platt = scalings["temperature"], scalings["platt"]
            row |= {"temperature_slope": temperature.slope, "platt_slope": platt.slope}
            row |= {"platt_intercept": platt.intercept}
        row |= {"farthest": repr(farthest[row["model"]]) if row["model"] in farthest else "-"}  # every digit decides
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


def headline(evaluation: Evaluation, megabytes: float) -> dict[str, Any]:
    """Return what choices may be made by: the selected student's metrics on val, and the released file's size.

    best: the student of the grid with the highest ROC-AUC on val; gain: in the primary metric, over the control.
    """
    selected, best = evaluation.roles.one("selected"), evaluation.best_of_grid
    print(f"selected {selected}; best of the grid on val: {best.name}")
    estimates, control = (evaluation.estimate("val", name) for name in (selected, CONTROL_MODEL))
    primary = evaluation.primary("val")
    keys = {"roc_auc_within": (WITHIN, "roc_auc"), "roc_auc": (ALL, "roc_auc"), "log_loss": (ALL, "log_loss")}
    values = {name: round(float(estimates[key][0]), 4) for name, key in keys.items() if key in estimates}
    gain = round(float(estimates[primary][0] - control[primary][0]), 4)
    return {"val": {"best": best.key, **values, "gain": gain}, "megabytes": megabytes}


def holdout_headline(evaluation: Evaluation) -> dict[str, float]:
    """Return the selected student's main metrics on the holdout, by which nothing is to be chosen."""
    estimates = evaluation.estimate("holdout", evaluation.roles.one("selected"))
    return {name: round(float(estimates[key][0]), 4) for name, key in HEADLINE.items() if key in estimates}


def read_splits(processed: Path) -> dict[str, pd.DataFrame]:
    """Return the three split tables with SOURCE and GROUP.

    ValueError if a lesion or group is in two, or val or holdout lacks a class.
    """
    tables = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    splits = {name: read_sources(processed / "sources.csv", table) for name, table in tables.items()}
    check_disjoint(splits)
    for name in ("val", "holdout"):
        check_classes(splits[name], f"{name}.csv")
    return splits


def main() -> None:
    params = read_params(Params)
    folder = Path("models", params.data.name, "predictions")
    splits = read_splits(Path("data/processed", params.data.name))
    scored = {name: splits[name] for name in ("val", "holdout")}
    exported = read_record(folder / "onnx" / RECORD)
    known = pd.concat(splits.values())[SOURCE].nunique() > 1
    roles = roles_of(params.teachers, params.kd, params.baselines, exported["method"], sources=known)
    p = read_all(folder, roles, splits)
    trained = [model for model in roles.models if model.kind not in ("ensemble", "turned", "source")]
    records = {model.name: read_record((folder / model.predictions).with_name(RECORD)) for model in trained}
    folds = read_folds(params.decision.table, params.kd.selected, list(splits["val"]["image_id"]))
    evaluation = Evaluation(scored, p, roles, params.evaluate, folds)
    int8 = roles.one("int8")
    exported_as = read_record(folder / "onnx" / DECISIONS)
    farthest = exported_as[int8]["farthest"]
    index = describe_models(evaluation, records, {int8: farthest})
    decided = {name: decision["decided_on"] for name, decision in exported_as.items()}
    tables = {"model_index": index.assign(decided_on=[decided.get(name, VAL) for name in index["model"]])}
    tables |= {name: build(evaluation) for name, build in TABLES.items()}
    tables["stress"] = stress(evaluation, farthest, read_stress(folder / "stress"))
    metrics, plots = Path("metrics", params.data.name), Path("plots", params.data.name)
    outputs = {metrics / f"evaluation/{stem}.csv": table for stem, table in tables.items()}
    figures = plot_data(evaluation) | {"data_overview": overview(splits)}
    outputs |= {plots / f"data/{stem}.csv": table for stem, table in figures.items()}
    outputs |= {metrics / "evaluation" / IMAGES: image_table(splits)}
    summaries = {"headline": headline(evaluation, exported["megabytes"]), "holdout": holdout_headline(evaluation)}
    frozen = metrics / "evaluation" / PREDICTIONS
    written = [metrics / f"{name}.json" for name in summaries]
    with writing(*written, frozen, *outputs) as (partial, holdout_partial, frozen_partial, *partials):
        for path, summary in zip((partial, holdout_partial), summaries.values(), strict=True):
            write_json(path, summary)
        write_csv(frozen_partial, prediction_table(scored, p))
        for path, table in zip(partials, outputs.values(), strict=True):
            write_csv(path, table, digits=6)
    estimates = evaluation.estimates["holdout"]
    shown = {name: key for name, key in HEADLINE.items() if key in estimates[next(iter(p))]}
    summary = {model: {name: estimates[model][key][0] for name, key in shown.items()} for model in p}
    print(pd.DataFrame(summary).T.round(4).to_string())


if __name__ == "__main__":
    command.run(main)
