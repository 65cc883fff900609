"""Export the selected student to ONNX, fp32 and int8; int8 is by the first method that passes the gate.

    python -m stages.quantize

train.csv gives the calibration images, val.csv the gate and each file's decision: threshold, calibration, bounds of
referral (all of them the folds', with decision.from) and of refusal. Every method's file is kept, too, to be tried on
other machines.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from stages.deployment.decision import Decision
from stages.deployment.deployed import run_of, score_pixels
from stages.deployment.metadata import (
    INTENDED_USE,
    PREPROCESSING,
    Frame,
    Metadata,
    license_of,
    write_metadata,
)
from stages.deployment.session import as_input, open_session
from stages.export.aware_graph import AWARE, AWARE_FILE
from stages.export.calibration import calibration_pixels
from stages.export.familiarity import Answering, fit_gaussian
from stages.export.gate import check_export, choose, compare, decide, val_sample
from stages.export.graph import count_costs, export_onnx, serialize, shorten_names
from stages.export.ladder import LADDER
from stages.export.settings import Gauge, Method, Quantize
from stages.foundation import command
from stages.foundation.files import sha256_file, write_csv, write_json, writing
from stages.foundation.names import DISTANCE, LOGITS, STUDENT
from stages.foundation.onnx_file import read_model
from stages.foundation.params import dump_params, read_params
from stages.foundation.predictions import DECISIONS, RECORD, as_written, write_predictions
from stages.foundation.probability import class_probability
from stages.foundation.progress import track
from stages.foundation.record import code_hash, make_record
from stages.foundation.settings import Data, Deciding, Selection, Target, Threads
from stages.foundation.splits import MELANOMA
from stages.images.settings import ImageLimits
from stages.networks.dataset import Dataset, dataset_files, open_dataset
from stages.networks.device import Device
from stages.networks.models import Classifier, load_weights
from stages.networks.scoring import score_images
from stages.networks.train_images import TrainImages
from stages.statistics.folds import read_folds

PACKAGES = ["torch", "onnx", "onnxscript", "onnxruntime", "numpy"]
FP32, INT8 = "student_fp32", "student_int8"
CODE = ("quantize.py", "foundation", "images", "networks", "deployment", "statistics", "export")


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    kd: Selection
    image: ImageLimits
    quantize: Quantize
    evaluate: Gauge
    decision: Deciding
    compute: Threads


def quantized(
    fp32: onnx.ModelProto, aware: onnx.ModelProto, methods: list[Method], images: np.ndarray
) -> dict[str, onnx.ModelProto]:
    """Return "fp32" and each method -> its model, without metadata. aware: the file of quantization_aware."""
    models = {"fp32": fp32}
    for name in track(methods, len(methods), "methods"):
        models[name] = AWARE[name](aware) if name in AWARE else LADDER[name](fp32, images)
    return models


def score_val(student: Classifier, dataset: Dataset) -> np.ndarray:
    """Return the PyTorch student's p_melanoma of val, float64 (images,), in float32 on the CPU as ONNX files run."""
    logits = score_images(student, dataset.train.pack, dataset.val_rows, Device(torch.device("cpu"), mixed=False))
    return class_probability(logits, dataset.train.melanoma)


def score_onnx(
    model: onnx.ModelProto, dataset: Dataset, rows: np.ndarray, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return p_melanoma of these rows of the pack, float64 (images,), rounded as in their table; and distance."""
    run = run_of(open_session(serialize(model), threads=threads))
    outputs = score_pixels(run, dataset.train.pack.pixels, rows)
    return as_written(class_probability(outputs[LOGITS], dataset.train.melanoma)), outputs[DISTANCE]


def score_all(p_val: np.ndarray, model: onnx.ModelProto, dataset: Dataset, threads: int) -> np.ndarray:
    """Return p_melanoma of `dataset.scored_ids`, float64 (images,), where that of val is known."""
    rows = dataset.train.pack.rows(dataset.scored_ids)
    in_val = np.isin(rows, dataset.val_rows)
    p = np.empty(len(rows))
    p[np.searchsorted(rows, dataset.val_rows)] = p_val
    p[~in_val], _ = score_onnx(model, dataset, rows[~in_val], threads)
    return p


def decide_all(
    params: Params, dataset: Dataset, answers: dict[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, Decision]:
    """Return each file's decision. answers: its p_melanoma and distance of val, (images,)."""
    val_ids = [dataset.train.pack.image_ids[row] for row in dataset.val_rows]
    folds = read_folds(params.decision.table, params.kd.selected, val_ids)
    return {
        name: decide(dataset.val_melanoma, *answer, params.evaluate, params.quantize.refused, folds)
        for name, answer in answers.items()
    }


def describe(params: Params, images: TrainImages, decision: Decision, hashes: dict[str, str]) -> Metadata:
    """Return the metadata of one file."""
    return Metadata(
        student=params.kd.selected,
        data=params.data.name,
        classes=list(images.classes),
        melanoma=MELANOMA,
        preprocessing=PREPROCESSING,
        frame=Frame(size=images.pack.size, **params.image.limits.model_dump()),
        decision=decision,
        hashes=hashes,
        licence=license_of(params.data.name),
        intended_use=INTENDED_USE,
    )


def main() -> None:
    params = read_params(Params)
    threads = params.compute.threads
    torch.set_num_threads(threads)
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    weights = models / f"students/{params.kd.selected}.safetensors"
    student = load_weights(weights, architecture=STUDENT, classes=dataset.train.classes)
    images = as_input(calibration_pixels(dataset.train, params.quantize.images, params.quantize.seed))
    answering = Answering(student, fit_gaussian(student, dataset.train))
    size = dataset.train.pack.size
    fp32 = export_onnx(answering, size, [LOGITS, DISTANCE])
    _, aware = read_model(models / AWARE_FILE)
    onnx_models = quantized(fp32, aware, params.quantize.methods, images)
    answers = {name: score_onnx(model, dataset, dataset.val_rows, threads) for name, model in onnx_models.items()}
    decisions = decide_all(params, dataset, answers)
    inputs = [*dataset_files(processed), weights, models / AWARE_FILE]
    hashes = {path.name: sha256_file(path) for path in inputs} | {"code": code_hash(CODE)}
    for name, model in onnx_models.items():
        shorten_names(model)
        write_metadata(model, describe(params, dataset.train, decisions[name], hashes))
    files = {name: serialize(model) for name, model in onnx_models.items()}
    p_val = {"pytorch": score_val(student, dataset)} | {name: p for name, (p, _) in answers.items()}
    table = compare(val_sample(processed, params.evaluate), p_val, params.evaluate)
    sizes = {"pytorch": weights.stat().st_size, **{name: len(content) for name, content in files.items()}}
    table["megabytes"] = [sizes[name] / 1e6 for name in table["method"]]
    check_export(table, "pytorch")
    chosen = {FP32: "fp32", INT8: choose(table, params.quantize.gate)}
    run: dict[str, Any] = {"student": params.kd.selected, "device": "cpu", "threads": threads, "method": chosen[INT8]}
    run["megabytes"] = round(sizes[chosen[INT8]] / 1e6, 4)
    record = make_record(dump_params(params), inputs, PACKAGES, **run, **count_costs(student, size))
    targets = (models / "onnx", models / "predictions/onnx", Path("metrics", params.data.name, "quantization.csv"))
    with writing(*targets) as (folder, predictions, metrics):
        write_files(folder, files, chosen)
        predictions.mkdir()
        for name, method in chosen.items():
            p = score_all(p_val[method], onnx_models[method], dataset, threads)
            write_predictions(predictions / f"{name}.csv", dataset.scored_ids, p)
        write_json(predictions / RECORD, record)
        write_json(predictions / DECISIONS, {name: decisions[method].model_dump() for name, method in chosen.items()})
        write_csv(metrics, table)
    print(table.to_string(index=False))


def write_files(folder: Path, files: dict[str, bytes], chosen: dict[str, str]) -> None:
    """Write every method's file into methods/, and the chosen ones by name. chosen: file name -> method."""
    (folder / "methods").mkdir(parents=True)
    for method, content in files.items():
        if method != "fp32":
            (folder / f"methods/{method}.onnx").write_bytes(content)
    for name, method in chosen.items():
        (folder / f"{name}.onnx").write_bytes(files[method])


if __name__ == "__main__":
    command.run(main)
