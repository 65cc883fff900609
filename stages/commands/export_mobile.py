"""Write the selected student for phones' runtimes, with its metadata in a file beside it, and measure it here.

    melanoma-kd export_mobile litert | executorch

Each format is an extra in an environment of its own, for their packages exclude one another:
pip install 'melanoma-kd[edge]', or 'melanoma-kd[executorch]'. Reads what `quantize` reads, and its files in
models/<name>/onnx. Writes build/mobile/<name>: student_fp32.tflite or .pte, and student_fp32.json, as `predict` and
apps need it; metrics/<name>/mobile_<format>.csv: size, metrics on val, the largest change of a probability against the
ONNX file on all images of val and holdout, and milliseconds on one thread beside onnxruntime's.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from stages.dataset.settings import Target
from stages.deployment.deployed import open_deployed, score_pixels
from stages.deployment.session import DISTANCE, LOGITS, as_input
from stages.export.familiarity import Answering, farthest, fit_gaussian
from stages.export.gate import compare
from stages.export.graph import fold_batch_norms
from stages.export.settings import Quantize
from stages.foundation.files import write_csv, write_text, writing
from stages.foundation.names import STUDENT
from stages.foundation.params import read_params
from stages.foundation.probability import class_probability
from stages.foundation.settings import Data, OperatingPoint, Selection
from stages.mobile.formats import FORMATS, Run
from stages.networks.dataset import Dataset, open_dataset
from stages.networks.models import load_weights
from stages.statistics.decisions import fit_decision

ROUNDS, PER_ROUND = 20, 10  # of single images, interleaved: this file, then onnxruntime's


@dataclass(frozen=True)
class Params:
    data: Data
    target: Target
    kd: Selection
    quantize: Quantize
    evaluate: OperatingPoint


def milliseconds(runs: dict[str, Run], image: np.ndarray) -> dict[str, float]:
    """Return the median time of one image for each, measured in turns; image: float32 (1, 3, size, size)."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            for _ in range(PER_ROUND):
                began = time.perf_counter()
                run(image)
                seconds[name].append(time.perf_counter() - began)
    return {name: 1e3 * float(np.median(values)) for name, values in seconds.items()}


def measure(dataset: Dataset, runs: dict[str, Run], sensitivity: float) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return a row per file with its metrics on val; each file's p_melanoma and distance there, float (2, images)."""
    pack, melanoma = dataset.train.pack, dataset.train.melanoma
    rows = pack.rows(dataset.scored_ids)
    val = np.searchsorted(rows, dataset.val_rows)
    outputs = {name: score_pixels(run, pack.pixels, rows) for name, run in runs.items()}
    p = {name: class_probability(found[LOGITS], melanoma) for name, found in outputs.items()}
    table = compare(dataset.val_melanoma, {name: values[val] for name, values in p.items()}, sensitivity)
    table["largest_change"] = [float(np.abs(p[name] - p["fp32"]).max()) for name in table["method"]]
    return table, {name: np.stack([p[name][val], outputs[name][DISTANCE][val]]) for name in runs}


def export(name: str) -> None:
    """Convert, measure and write one format; ValueError where its packages are not there."""
    params, kind = read_params(Params), FORMATS[name]
    data, settings = params.data.name, params.evaluate
    models, target = Path("models", data), Path("build/mobile", data)
    dataset = open_dataset(Path("data/processed", data), params.target)
    weights = models / f"students/{params.kd.selected}.safetensors"
    student = load_weights(weights, architecture=STUDENT, classes=dataset.train.classes)
    torch.set_num_threads(1)
    answering = Answering(student, fit_gaussian(student, dataset.train))
    image = torch.from_numpy(as_input(dataset.train.pack.pixels[dataset.val_rows[:1]]))
    try:
        content = kind.convert(fold_batch_norms(answering), image)
        run = kind.open(content, 1)
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install 'melanoma-kd[{kind.extra}]'") from None
    onnx = open_deployed(models / "onnx/student_fp32.onnx", threads=1)
    runs = {"fp32": onnx.run, name: run}
    table, val = measure(dataset, runs, settings.sensitivity)
    p, distance = val[name]
    decision = fit_decision(dataset.val_melanoma, p, sensitivity=settings.sensitivity, coverage=settings.coverage)
    decision = decision.model_copy(update={"farthest": farthest(distance, params.quantize.refused)})
    sizes = {"fp32": (models / "onnx/student_fp32.onnx").stat().st_size, name: len(content)}
    times = milliseconds(runs, image.numpy())
    table["megabytes"] = [sizes[method] / 1e6 for method in table["method"]]
    table["ms_1_thread"] = [times[method] for method in table["method"]]
    table["method"] = table["method"].replace("fp32", "onnx")
    outputs = (target / f"student_fp32{kind.suffix}", target / "student_fp32.json")
    with writing(*outputs, Path("metrics", data, f"mobile_{name}.csv")) as (file, beside, metrics):
        file.write_bytes(content)
        write_text(beside, onnx.metadata.model_copy(update={"decision": decision}).model_dump_json())
        write_csv(metrics, table, digits=6)
    print(table.to_string(index=False))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="export_mobile", description="The student for phones. Research only.")
    parser.add_argument("format", choices=list(FORMATS))
    options = parser.parse_args(arguments)
    try:
        export(options.format)
    except (ValueError, OSError) as error:
        sys.exit(f"export_mobile: {error}")


if __name__ == "__main__":
    main()
