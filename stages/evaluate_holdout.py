"""Score every model's frozen predictions on val and holdout; the only stage that opens holdout.csv.

    python -m stages.evaluate_holdout

Reads data/processed/<name>: train.csv, val.csv, holdout.csv; models/<name>/predictions of the teachers, students,
ONNX files and baselines that params.yaml names. Writes metrics/<name>/headline.json (the selected student);
metrics/<name>/evaluation: model_index.csv (what each model is), predictions.csv (labels and probabilities, from which
all of it can be recomputed) and one table a question; plots/<name>/data: what the figures draw.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stages.dataset.predictions import DECISIONS, RECORD, TABLE, read_predictions, read_record
from stages.dataset.splits import SPLITS, check_classes, check_disjoint, read_split
from stages.deployment.decision import Decision
from stages.evaluation.evaluation import Evaluation, Predictions
from stages.evaluation.plot_data import overview, plot_data
from stages.evaluation.roles import Model, Roles, index_table, roles_of
from stages.evaluation.tables import TABLES, wide
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import HEADLINE, Teachers, student_key
from stages.foundation.params import read_params
from stages.foundation.settings import Baselines, Data, Evaluate, Kd

ABLATION = [
    *(("all", name) for name in ("roc_auc", "average_precision", "pr_auc", "ece")),
    *(("0.5", name) for name in ("f1", "sensitivity", "ppv", "accuracy")),
]


@dataclass(frozen=True)
class Params:
    data: Data
    teachers: Teachers
    kd: Kd
    baselines: Baselines
    evaluate: Evaluate


def prediction_files(model: Model) -> tuple[Path, Path]:
    """Return a model's predictions and its record below models/<name>/predictions."""
    if model.kind == "student":
        folder = Path("students", student_key(model.student))
    elif model.kind == "teacher":
        folder = Path("teachers", model.name)
    else:
        shared = Path("onnx" if model.kind == "onnx" else "baselines")
        return shared / f"{model.name}.csv", shared / RECORD
    return folder / TABLE, folder / RECORD


def describe_run(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return one row of run.csv: facts as they stand, parameters and inputs as hashes that show a difference."""
    hashed = {
        f"{part}_sha256": hashlib.sha256(json.dumps(record[part], sort_keys=True).encode()).hexdigest()[:16]
        for part in ("params", "inputs")
    }
    versions = " ".join(f"{package} {version}" for package, version in record["versions"].items())
    facts = {key: record.get(key, "-") for key in ("device", "instruction_set", "precision", "threads", "machine")}
    return {"model": name, "best_epoch": record.get("best_epoch", 0), **facts, **hashed, "versions": versions}


def ablation(models: pd.DataFrame, roles: Roles) -> pd.DataFrame:
    """Return the grid and the control with their T and alpha: the study's ablation table, with intervals."""
    cells = [model for model in roles.models if model.role in ("grid", "control", "selected")]
    table = wide(models, [model.name for model in cells], ABLATION)
    table.insert(1, "temperature", [model.temperature for model in cells])
    table.insert(2, "alpha", [model.alpha for model in cells])
    return table


def baseline_table(models: pd.DataFrame, records: dict[str, Any], names: list[str]) -> pd.DataFrame:
    """Return the baselines with how many features they see: the study's table, with intervals."""
    table = wide(models, names, ABLATION)
    table.insert(1, "features", [records[name]["features"] for name in names])
    return table


def headline(evaluation: Evaluation) -> dict[str, Any]:
    """Return the selected student's holdout numbers, and which cell of the grid val would have selected."""
    selected, best = evaluation.roles.selected, evaluation.best_cell
    print(f"selected {selected}; best of the grid on val: {best}")
    estimates = evaluation.estimates["holdout"][selected]
    (cell,) = [model for model in evaluation.roles.models if model.name == best]
    return {
        "val_best": student_key(cell.student),  # which student is selected stands in params.yaml
        **{name: round(float(estimates[key][0]), 4) for name, key in HEADLINE.items()},
    }


def read_splits(processed: Path) -> dict[str, pd.DataFrame]:
    """Return the three split tables, after checking that no lesion stands in two and val and holdout can be scored."""
    splits = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    check_disjoint(splits)
    for name in ("val", "holdout"):
        check_classes(splits[name], f"{name}.csv")
    return splits


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
    splits = read_splits(Path("data/processed", params.data.name))
    scored = {name: splits[name] for name in ("val", "holdout")}
    roles = roles_of(params.teachers, params.kd, params.baselines)
    p, records = {}, {}
    for model in roles.models:
        predictions, record = prediction_files(model)
        p[model.name] = {
            name: read_predictions(folder / predictions, list(table["image_id"])) for name, table in scored.items()
        }
        records[model.name] = read_record(folder / record)
    exported = {name: Decision(**values) for name, values in read_record(folder / "onnx" / DECISIONS).items()}
    evaluation = Evaluation(scored, p, roles, params.evaluate, exported)
    numbers = headline(evaluation)
    tables = {"model_index": index_table(roles), **{name: build(evaluation) for name, build in TABLES.items()}}
    tables["kd_ablation"] = ablation(tables["models"], roles)
    tables["baselines"] = baseline_table(tables["models"], records, roles.baselines)
    tables["run"] = pd.DataFrame([describe_run(model, record) for model, record in records.items()])
    drawn = plot_data(evaluation) | {"data_overview": overview(splits)}
    write(params.data.name, numbers, freeze(scored, p), tables, drawn)
    shown = wide(tables["models"], list(p), list(HEADLINE.values())).set_index("model")
    print(shown[list(HEADLINE)].round(4).to_string())


def write(
    name: str, numbers: dict[str, Any], frozen: pd.DataFrame, tables: dict[str, Any], drawn: dict[str, Any]
) -> None:
    """Write the headline, the frozen predictions, the tables and the plot data, all or none."""
    metrics, plots = Path("metrics", name), Path("plots", name)
    targets = [metrics / f"evaluation/{stem}.csv" for stem in tables] + [plots / f"data/{stem}.csv" for stem in drawn]
    with writing(metrics / "headline.json", metrics / "evaluation/predictions.csv", *targets) as (head, first, *rest):
        write_json(head, numbers)
        write_csv(first, frozen)
        for partial, table in zip(rest, [*tables.values(), *drawn.values()], strict=True):
            write_csv(partial, table, digits=6)


if __name__ == "__main__":
    command.run(main)
