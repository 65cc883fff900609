"""Export the selected student to ONNX, fp32 and int8; the int8 method is the first of a ladder that passes the gate.

    python -m stages.quantize

Reads data/processed/<name>: the pack, train.csv (calibration images), val.csv (the gate, the threshold, Platt's
scaling, the bounds of referral); models/<name>/students/<the key that kd.* selects>. Writes models/<name>/onnx:
student_{fp32,int8}.onnx and, to try on other machines, methods/<method>.onnx, all with metadata that say how to use
them; models/<name>/predictions/onnx: student_{fp32,int8}.csv (every packed image that is not in train.csv) and
record.json; metrics/<name>/quantization.csv.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from pydantic import Field, field_validator

from stages.dataset.predictions import write_predictions
from stages.dataset.splits import MELANOMA, Target
from stages.deployment.metadata import (
    INTENDED_USE,
    LICENCE,
    PREPROCESSING,
    ROTATIONS,
    Decision,
    Facts,
    Frame,
    write_facts,
)
from stages.deployment.session import as_input, open_session, score_pixels
from stages.export.gate import Gate, check_export, choose, compare
from stages.export.graph import count_costs, export_onnx
from stages.export.ladder import LADDER
from stages.foundation import command
from stages.foundation.files import sha256_file, write_csv, write_json, writing
from stages.foundation.names import STUDENT, student_key
from stages.foundation.params import Data, Part, Section, read_params
from stages.foundation.probability import class_probability
from stages.foundation.progress import track
from stages.foundation.record import make_record
from stages.images.decoding import Limits
from stages.learning.dataset import Dataset, dataset_files, open_dataset
from stages.learning.device import Device
from stages.learning.models import Classifier, load_weights
from stages.learning.scoring import score_images
from stages.statistics.calibration import fit_platt
from stages.statistics.decisions import fit_referral
from stages.statistics.metrics import check_labels, threshold_at_sensitivity

FP32, INT8 = "student_fp32", "student_int8"
# What turned weights into a file: its preprocessing, its graph, its rounding.
CODE = ("learning/models", "export/graph", "export/weight_only", "export/ladder", "quantize")


class Kd(Part):
    temperature: int | float
    alpha: int | float


class Compute(Part):
    threads: int = Field(ge=1)


class Quantize(Section):
    methods: list[str] = Field(min_length=1)
    images: int = Field(ge=1)
    seed: int = Field(ge=0)
    gate: Gate

    @field_validator("methods")
    @classmethod
    def _are_of_the_ladder(cls, methods: list[str]) -> list[str]:
        strangers = [name for name in methods if name not in LADDER]
        if strangers or len(set(methods)) < len(methods):
            raise ValueError(f"wanted names of {list(LADDER)}, each once")
        return methods


class Evaluate(Part):
    sensitivity: float
    coverage: float


class Image(Part):
    limits: Limits


class Params(Section):
    data: Data
    target: Target
    kd: Kd
    image: Image
    quantize: Quantize
    evaluate: Evaluate
    compute: Compute


def calibration_images(dataset: Dataset, settings: Quantize) -> np.ndarray:
    """Return training images as the model takes them, float32 (images, 3, size, size), drawn by the seed."""
    rows = np.random.default_rng(settings.seed).permutation(dataset.train_rows)[: settings.images]
    return as_input(dataset.pack.pixels[np.sort(rows)])


def quantise(fp32: onnx.ModelProto, names: list[str], images: np.ndarray) -> dict[str, bytes]:
    """Return the fp32 file and one by each method of the ladder, without facts."""
    models = {name: LADDER[name](fp32, images) for name in track(names, len(names), "methods")}
    return {name: model.SerializeToString(deterministic=True) for name, model in {"fp32": fp32, **models}.items()}


def score_val(student: Classifier, dataset: Dataset, threads: int) -> np.ndarray:
    """Return the PyTorch student's p_melanoma of val in float32 on the CPU, as ONNX will run it: float64 (images,)."""
    torch.set_num_threads(threads)
    logits = score_images(student, dataset.pack, dataset.val_rows, Device(torch.device("cpu"), mixed=False))
    return class_probability(logits, dataset.melanoma)


def score_unseen(model: bytes, dataset: Dataset, threads: int) -> np.ndarray:
    """Return the model's p_melanoma of every packed image that is not in train.csv, float64 (images,)."""
    rows = dataset.pack.rows(dataset.unseen)
    logits = score_pixels(open_session(model, threads=threads), dataset.pack.pixels, rows)
    return class_probability(logits, dataset.melanoma)


def describe(params: Params, dataset: Dataset, p_val: np.ndarray, rotations: int, hashes: dict[str, str]) -> Facts:
    """Return what a model file says of itself; its threshold, scaling and bounds come from its own p on val."""
    labels = dataset.val_melanoma
    platt, rule = fit_platt(labels, p_val), fit_referral(labels, p_val, params.evaluate.coverage)
    return Facts(
        student=student_key(params.kd.temperature, params.kd.alpha),
        data=params.data.name,
        classes=list(dataset.classes),
        melanoma=MELANOMA,
        preprocessing=PREPROCESSING + (ROTATIONS.format(rotations) if rotations > 1 else ""),
        frame=Frame(size=dataset.pack.size, **params.image.limits.model_dump()),
        decision=Decision(
            threshold=threshold_at_sensitivity(labels, p_val, params.evaluate.sensitivity),
            sensitivity=params.evaluate.sensitivity,
            **vars(platt),
            **vars(rule),
        ),
        hashes=hashes,
        licence=LICENCE,
        intended_use=INTENDED_USE,
    )


def code_hash() -> str:
    """Return one sha256 over the modules of CODE."""
    paths = [Path(__file__).parent / f"{name}.py" for name in CODE]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def with_facts(content: bytes, facts: Facts) -> bytes:
    """Return a model's file with its facts inside."""
    model = onnx.load_from_string(content)
    write_facts(model, facts)
    return model.SerializeToString(deterministic=True)


def main() -> None:
    params = read_params(Params)
    key, threads = student_key(params.kd.temperature, params.kd.alpha), params.compute.threads
    processed, models = Path("data/processed", params.data.name), Path("models", params.data.name)
    dataset = open_dataset(processed, params.target)
    check_labels(dataset.val_melanoma, "val.csv")
    weights = models / f"students/{key}.safetensors"
    student = load_weights(weights, architecture=STUDENT, classes=dataset.classes)
    fp32 = export_onnx(student, dataset.pack.size)
    names = params.quantize.methods
    files = quantise(fp32, names, calibration_images(dataset, params.quantize))
    p_melanoma = {name: score_unseen(content, dataset, threads) for name, content in files.items()}
    position = {name: i for i, name in enumerate(dataset.unseen)}
    val = [position[dataset.pack.image_ids[row]] for row in dataset.val_rows]
    p_val = {name: values[val] for name, values in p_melanoma.items()}
    inputs = [*dataset_files(processed), weights]
    hashes = {path.name: sha256_file(path) for path in inputs} | {"code": code_hash()}
    files = {
        name: with_facts(content, describe(params, dataset, p_val[name], student.tta_rotations, hashes))
        for name, content in files.items()
    }
    p_torch = {"pytorch": score_val(student, dataset, threads)}
    table = compare(dataset.val_melanoma, p_torch | p_val, params.evaluate.sensitivity)
    sizes = {"pytorch": weights.stat().st_size, **{name: len(content) for name, content in files.items()}}
    table["megabytes"] = [sizes[name] / 1e6 for name in table["method"]]
    check_export(table)
    released = {FP32: "fp32", INT8: choose(table, params.quantize.gate)}
    ran: dict[str, Any] = {"student": key, "device": "cpu", "threads": threads, "method": released[INT8]}
    packages = ["torch", "onnx", "onnxscript", "onnxruntime", "numpy"]
    record = make_record(params.model_dump(), inputs, packages, **ran, **count_costs(student, dataset.pack.size))
    targets = (models / "onnx", models / "predictions/onnx", Path("metrics", params.data.name, "quantization.csv"))
    with writing(*targets) as (folder, predictions, metrics):
        (folder / "methods").mkdir(parents=True)
        predictions.mkdir()
        for method in names:
            (folder / f"methods/{method}.onnx").write_bytes(files[method])
        for name, method in released.items():
            (folder / f"{name}.onnx").write_bytes(files[method])
            write_predictions(predictions / f"{name}.csv", dataset.unseen, p_melanoma[method])
        write_json(predictions / "record.json", record)
        write_csv(metrics, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    command.run(main)
