"""Score every model's frozen predictions on val and holdout; the only stage that opens holdout.csv.

    python -m stages.evaluate_holdout

Reads data/processed/<name>: train.csv, val.csv, holdout.csv; models/<name>/predictions of the teachers, students,
ONNX files and baselines that params.yaml names. Writes metrics/<name>: headline.json (the selected student),
predictions.csv (labels and probabilities, from which all of it can be recomputed) and one table a question; and
plots/<name>: the data of every figure.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from stages.dataset.predictions import read_predictions
from stages.dataset.splits import SPLITS, check_disjoint, read_split
from stages.evaluation.evaluation import Evaluation, Predictions, Roles, Settings
from stages.evaluation.plot_data import overview, plot_data
from stages.evaluation.tables import TABLES, wide
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import CONTROL, GRID, Teacher, parse_key, repeat_keys, student_key, student_keys
from stages.foundation.params import Data, Part, Section, read_params
from stages.statistics.metrics import check_labels

HEADLINE = {
    "roc_auc": ("all", "roc_auc"),
    "average_precision": ("all", "average_precision"),
    "sensitivity": ("operating point", "sensitivity"),
    "specificity": ("operating point", "specificity"),
    "ece": ("all", "ece"),
}
ABLATION = [
    *(("all", name) for name in ("roc_auc", "average_precision", "pr_auc", "ece")),
    *(("0.5", name) for name in ("f1", "sensitivity", "ppv", "accuracy")),
]


class Kd(Section):
    teachers: list[Teacher] = Field(min_length=1)
    temperature: int | float
    alpha: int | float
    repeated: str


class Baselines(Part):
    models: list[str]


class Evaluate(Section):
    sensitivity: float = Field(gt=0, le=1)
    coverage: float = Field(gt=0, lt=1)
    replicates: int = Field(ge=100)
    seed: int = Field(ge=0)


class Params(Section):
    data: Data
    teachers: list[Teacher] = Field(min_length=1)
    kd: Kd
    baselines: Baselines
    evaluate: Evaluate


def model_files(params: Params) -> dict[str, tuple[str, str]]:
    """Return, for each model by name, its predictions and its record below models/<name>/predictions."""
    teachers = {name: f"teachers/{name}" for name in params.teachers}
    selected = student_key(params.kd.temperature, params.kd.alpha)
    students = {f"student_{key}": f"students/{key}" for key in student_keys(selected, params.kd.repeated)}
    files = {name: (f"{stem}.csv", f"{stem}.json") for name, stem in (teachers | students).items()}
    files |= {name: (f"onnx/{name}.csv", "onnx/record.json") for name in ("student_fp32", "student_int8")}
    return files | {name: (f"baselines/{name}.csv", "baselines/record.json") for name in params.baselines.models}


def roles(params: Params) -> Roles:
    """Return which of these models play which part."""
    selected = student_key(params.kd.temperature, params.kd.alpha)
    return Roles(
        teachers=list(params.kd.teachers),
        grid=[f"student_{key}" for key in GRID],
        selected=f"student_{selected}",
        control=f"student_{CONTROL}",
        repeats={
            f"student_{key}": [f"student_{name}" for name in (key, *repeat_keys(key))]
            for key in (params.kd.repeated, CONTROL)
        },
        fp32="student_fp32",
        int8="student_int8",
        baselines=list(params.baselines.models),
    )


def describe_run(name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return one row of run.csv: facts as they stand, parameters and inputs as hashes that show a difference."""
    hashed = {
        f"{part}_sha256": hashlib.sha256(json.dumps(record[part], sort_keys=True).encode()).hexdigest()[:16]
        for part in ("params", "inputs")
    }
    versions = " ".join(f"{package} {version}" for package, version in record["versions"].items())
    facts = {key: record.get(key, "-") for key in ("device", "instruction_set", "precision", "threads", "machine")}
    return {"model": name, "best_epoch": record.get("best_epoch", 0), **facts, **hashed, "versions": versions}


def ablation(models: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return the grid and the control with their T and alpha: the study's ablation table, with intervals."""
    keys = list(dict.fromkeys([*GRID, CONTROL, student_key(params.kd.temperature, params.kd.alpha)]))
    table = wide(models, [f"student_{key}" for key in keys], ABLATION)
    students = [parse_key(key) for key in keys]
    table.insert(1, "temperature", [student.T for student in students])
    table.insert(2, "alpha", [student.alpha for student in students])
    return table


def baseline_table(models: pd.DataFrame, records: dict[str, Any], names: list[str]) -> pd.DataFrame:
    """Return the baselines with how many features they see: the study's table, with intervals."""
    table = wide(models, names, ABLATION)
    table.insert(1, "features", [records[name]["features"] for name in names])
    return table


def headline(evaluation: Evaluation) -> dict[str, Any]:
    """Return the selected student's holdout numbers, and which cell of the grid val would have selected."""
    best, selected = evaluation.best_cell, evaluation.roles.selected
    print(f"selected {selected}; best of the grid on val: {best}")
    found = evaluation.estimates["holdout"][selected]
    return {
        "val_best": best.removeprefix("student_"),  # which student is selected stands in params.yaml
        **{name: round(float(found[key][0]), 4) for name, key in HEADLINE.items()},
    }


def read_splits(processed: Path) -> dict[str, pd.DataFrame]:
    """Return the three split tables, after checking that no lesion stands in two and val and holdout can be scored."""
    splits = {name: read_split(processed / f"{name}.csv") for name in SPLITS}
    check_disjoint(splits)
    for name in ("val", "holdout"):
        check_labels(splits[name]["melanoma"].to_numpy(), f"{name}.csv")
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
    files = model_files(params)
    p = {
        model: {name: read_predictions(folder / csv, list(table["image_id"])) for name, table in scored.items()}
        for model, (csv, _) in files.items()
    }
    records = {model: json.loads((folder / record).read_text(encoding="utf-8")) for model, (_, record) in files.items()}
    evaluation = Evaluation(scored, p, roles(params), Settings(**params.evaluate.model_dump()))
    numbers = headline(evaluation)
    tables = {name: build(evaluation) for name, build in TABLES.items()}
    tables["kd_ablation"] = ablation(tables["models"], params)
    tables["baselines"] = baseline_table(tables["models"], records, params.baselines.models)
    tables["run"] = pd.DataFrame([describe_run(model, record) for model, record in records.items()])
    drawn = plot_data(evaluation) | {"data_overview": overview(splits)}
    metrics, plots = Path("metrics", params.data.name), Path("plots", params.data.name)
    targets = [metrics / f"{name}.csv" for name in tables] + [plots / f"{name}.csv" for name in drawn]
    with writing(metrics / "headline.json", metrics / "predictions.csv", *targets) as (head, frozen, *rest):
        write_json(head, numbers)
        write_csv(frozen, freeze(scored, p))
        for partial, table in zip(rest, [*tables.values(), *drawn.values()], strict=True):
            write_csv(partial, table, digits=6)
    shown = wide(tables["models"], list(p), list(HEADLINE.values())).set_index("model")
    print(shown[list(HEADLINE)].round(4).to_string())


if __name__ == "__main__":
    command.run(main)
