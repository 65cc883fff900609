"""Write the selected student for phones' runtimes, with its metadata in a file beside it, and measure it here.

    melanoma-kd export_mobile litert | executorch [--measure-only]

Each format is an extra in an environment of its own, for their packages exclude one another:
pip install '.[edge]', or '.[executorch]'. Reads what `quantize` reads, and its files in
models/<name>/onnx. Writes build/mobile/<name>/<format>: student_fp32 and, for LiteRT, student_int8, the same with int8
weights, as .tflite or .pte, each with a .json as `predict` and apps need it;
metrics/<name>/mobile_<format>.csv: size, metrics on val, the largest change of a probability against the ONNX file on
all images of val and holdout, and milliseconds on one thread beside onnxruntime's. With --measure-only the table alone,
of files written before: LiteRT's converter is made for x86, its runtime for Arm, too.
"""

import argparse
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stages.commands.mobile.formats import FORMATS, Format
from stages.commands.mobile.timing import interleaved
from stages.deployment.deployed import Run, open_deployed, score_pixels
from stages.deployment.metadata import FILE, Metadata
from stages.deployment.session import as_input
from stages.export.familiarity import Answering, fit_gaussian
from stages.export.gate import check_export, compare, decide, val_sample
from stages.export.graph import fold_batch_norms
from stages.export.settings import Gauge, Quantize
from stages.foundation.files import sha256_file, write_csv, write_text, writing
from stages.foundation.names import DISTANCE, LOGITS, STUDENT
from stages.foundation.params import read_params
from stages.foundation.probability import class_probability
from stages.foundation.settings import Data, Selection, Target
from stages.networks.dataset import Dataset, dataset_files, open_dataset
from stages.networks.models import load_weights

ROUNDS = 30  # of single images


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    kd: Selection
    quantize: Quantize
    evaluate: Gauge


@dataclass(frozen=True)
class Inputs:
    """What is exported, and what it is measured on. onnx: its ONNX files by method."""

    params: Params
    dataset: Dataset
    models: Path
    onnx: dict[str, Path]

    @property
    def weights(self) -> Path:
        return self.models / f"students/{self.params.kd.selected}.safetensors"

    @property
    def image(self) -> torch.Tensor:
        """One image of val, float32 (1, 3, size, size)."""
        return torch.from_numpy(as_input(self.dataset.train.pack.pixels[self.dataset.val_rows[:1]]))


def read_inputs() -> Inputs:
    """Return the inputs; ValueError where one is missing."""
    params = read_params(Params)
    models = Path("models", params.data.name)
    dataset = open_dataset(Path("data/processed", params.data.name), params.target)
    onnx = {"fp32": models / "onnx/student_fp32.onnx", "onnx_int8": models / "onnx/student_int8.onnx"}
    for path in onnx.values():
        if not path.is_file():
            raise ValueError(f"{path}: missing; dvc repro quantize")
    return Inputs(params, dataset, models, onnx)


def check_inputs(inputs: Inputs, metadata: Metadata) -> None:
    """Raise ValueError where weights or data are not those of the ONNX files, whose metadata this is."""
    processed = Path("data/processed", inputs.params.data.name)
    for path in (inputs.weights, *dataset_files(processed)):
        if metadata.hashes.get(path.name) != sha256_file(path):
            raise ValueError(f"{path}: not what the ONNX files were made of; dvc repro quantize")


@contextmanager
def one_core() -> Iterator[None]:
    """Run the body on one core, with one thread of PyTorch's: ExecuTorch cannot be told its threads."""
    threads, cores = torch.get_num_threads(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    torch.set_num_threads(1)
    try:
        if cores:
            os.sched_setaffinity(0, {min(cores)})
        yield
    finally:
        torch.set_num_threads(threads)
        if cores:
            os.sched_setaffinity(0, cores)


def convert(inputs: Inputs, kind: Format) -> dict[str, bytes]:
    """Return the files, fp32 and int8 where the format has it; ValueError where its packages are not there."""
    train, image = inputs.dataset.train, inputs.image
    student = load_weights(inputs.weights, architecture=STUDENT, classes=train.classes)
    try:
        answering = Answering(student, fit_gaussian(student, train))
        files = {"fp32": kind.convert(fold_batch_norms(answering), image)}
        if kind.quantize is not None:
            files["int8"] = kind.quantize(files["fp32"])
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install '.[{kind.extra}]'") from None
    return files


def read_files(folder: Path, kind: Format) -> dict[str, bytes]:
    """Return the files that an export has written; ValueError where there is none."""
    paths = {precision: folder / f"student_{precision}{kind.suffix}" for precision in ("fp32", "int8")}
    if not paths["fp32"].is_file():
        raise ValueError(f"{paths['fp32']}: missing; melanoma-kd export_mobile writes it")
    return {precision: path.read_bytes() for precision, path in paths.items() if path.is_file()}


def measure(inputs: Inputs, runs: dict[str, Run]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return a row per file with its metrics on val and its speed; p_melanoma and distance there, float (2, images)."""
    dataset = inputs.dataset
    pack, melanoma = dataset.train.pack, dataset.train.melanoma
    rows = pack.rows(dataset.scored_ids)
    val = np.searchsorted(rows, dataset.val_rows)
    outputs = {name: score_pixels(run, pack.pixels, rows) for name, run in runs.items()}
    p = {name: class_probability(found[LOGITS], melanoma) for name, found in outputs.items()}
    on_val = {name: values[val] for name, values in p.items()}
    sample = val_sample(Path("data/processed", inputs.params.data.name), inputs.params.evaluate)
    table = compare(sample, on_val, inputs.params.evaluate)
    table["largest_change"] = [float(np.abs(p[name] - p["fp32"]).max()) for name in table["method"]]
    seconds = interleaved(runs, inputs.image.numpy(), rounds=ROUNDS)
    table["ms_1_thread"] = [1000 * float(np.median(seconds[name])) for name in table["method"]]
    return table, {name: np.stack([p[name][val], outputs[name][DISTANCE][val]]) for name in runs}


def export(name: str, measure_only: bool) -> None:
    """Convert, measure and write one format, or only measure what is written."""
    inputs, kind = read_inputs(), FORMATS[name]
    data = inputs.params.data.name
    target, metrics = Path("build/mobile", data, name), Path("metrics", data, f"mobile_{name}.csv")
    onnx = {method: open_deployed(path, threads=1) for method, path in inputs.onnx.items()}
    check_inputs(inputs, onnx["fp32"].metadata)
    files = read_files(target, kind) if measure_only else convert(inputs, kind)
    runs = {method: model.run for method, model in onnx.items()}
    runs |= {f"{name}_{precision}": kind.open(content, 1) for precision, content in files.items()}
    table, val = measure(inputs, runs)
    check_export(table, f"{name}_fp32")
    sizes = {method: path.stat().st_size for method, path in inputs.onnx.items()}
    sizes |= {f"{name}_{precision}": len(content) for precision, content in files.items()}
    table["megabytes"] = [sizes[method] / 1e6 for method in table["method"]]
    table["method"] = table["method"].replace("fp32", "onnx_fp32")
    labels, metadata = inputs.dataset.val_melanoma, onnx["fp32"].metadata
    with writing(metrics, *([] if measure_only else [target])) as (partial, *folders):
        write_csv(partial, table, digits=6)
        for folder in folders:
            folder.mkdir(parents=True)
            for precision, content in files.items():
                p, distance = val[f"{name}_{precision}"]
                decision = decide(labels, p, distance, inputs.params.evaluate, inputs.params.quantize.refused)
                hashes = metadata.hashes | {FILE: hashlib.sha256(content).hexdigest()}
                described = metadata.model_copy(update={"decision": decision, "hashes": hashes})
                (folder / f"student_{precision}{kind.suffix}").write_bytes(content)
                write_text(folder / f"student_{precision}.json", described.model_dump_json())
    print(table.to_string(index=False))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", choices=list(FORMATS))
    parser.add_argument("--measure-only", action="store_true", help="convert nothing, measure what was written before")


def main(options: argparse.Namespace) -> None:
    with one_core():
        export(options.format, options.measure_only)
