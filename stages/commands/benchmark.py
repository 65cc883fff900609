"""Measure size and speed of every teacher and of the student beside how good they are. A command, no stage.

    python -m stages.commands.benchmark

Reads models/<name>/teachers and students, models/<name>/onnx, metrics/<name>/models.csv. Writes
metrics/<name>/deployment.csv and machine.json, and plots/<name>/deployment.svg. A leaf: its times differ from run to
run, so no stage reads it and DVC does not track it. Close everything else first. Of the student every method of
quantisation is timed, and OpenVINO on the same two files where it is installed.
"""

import os
import platform
from contextlib import ExitStack
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stages.benchmarks.eager_memory import eager_megabytes
from stages.benchmarks.latency import Runner, eager, interleaved, onnx
from stages.benchmarks.memory import peak_megabytes
from stages.benchmarks.openvino import openvino
from stages.dataset.splits import Target, classes_of
from stages.export.graph import count_costs, export_onnx
from stages.export.weight_only import largest_value, quantize_weights
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, write_text, writing
from stages.foundation.names import GRID, STUDENT, Teacher, parse_teacher, student_key
from stages.foundation.params import Data, Part, Section, read_params
from stages.foundation.progress import track
from stages.learning.models import Classifier, load_weights
from stages.reporting.drawing import as_svg, readable
from stages.reporting.figures_models import deployment

INT8_FLAGS = ("avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")  # of /proc/cpuinfo: what decides int8's speed
ROUNDS = 30
BATCH = 32
BATCH_ROUNDS = 5


class Kd(Section):
    teachers: list[Teacher]
    temperature: int | float
    alpha: int | float
    repeated: str


class Image(Part):
    size: int


class Params(Section):
    data: Data
    target: Target
    teachers: list[Teacher]
    kd: Kd
    image: Image


def read_models(params: Params) -> dict[str, tuple[Path, str, Classifier]]:
    """Return the file, the architecture and the model of each teacher and of the selected student."""
    folder, classes = Path("models", params.data.name), classes_of(params.target)
    key = student_key(params.kd.temperature, params.kd.alpha)
    paths: dict[str, tuple[Path, str]] = {
        name: (folder / f"teachers/{name}.safetensors", parse_teacher(name)[0]) for name in params.teachers
    }
    paths[f"student_{key}"] = (folder / f"students/{key}.safetensors", STUDENT)
    return {
        name: (path, architecture, load_weights(path, architecture=architecture, classes=classes))
        for name, (path, architecture) in paths.items()
    }


def onnx_files(name: str, model: Classifier, params: Params) -> dict[str, bytes]:
    """Return a model's files by runtime: the student's as quantize wrote them, a teacher's fp32 and weight-only int8.

    The student's int8 is the method taken; the others go by their names.
    """
    if name.startswith("student"):
        folder = Path("models", params.data.name, "onnx")
        files = {f"onnx {kind}": (folder / f"student_{kind}.onnx").read_bytes() for kind in ("fp32", "int8")}
        methods = pd.read_csv(Path("metrics", params.data.name, "quantization.csv")).query("chosen == 'no'")["method"]
        others = [method for method in methods if (folder / f"methods/{method}.onnx").is_file()]
        peers = {f"openvino {kind}": files[f"onnx {kind}"] for kind in ("fp32", "int8") if find_spec("openvino")}
        return files | {f"onnx {method}": (folder / f"methods/{method}.onnx").read_bytes() for method in others} | peers
    fp32 = export_onnx(model, params.image.size)
    int8 = quantize_weights(fp32, largest_value)
    return {"onnx fp32": fp32.SerializeToString(), "onnx int8": int8.SerializeToString()}


def peaks(architecture: str, classes: int, model: Classifier, files: dict[str, bytes], size: int) -> dict[str, str]:
    """Return the peak megabytes of one image by runtime; OpenVINO's, the peer's, is not measured."""
    found = {name: peak_megabytes(content, size) for name, content in files.items() if name.startswith("onnx")}
    found["pytorch"] = eager_megabytes(architecture, classes, model.tta_rotations, size)
    return {name: f"{megabytes:.1f}" for name, megabytes in found.items()}


def measure(
    path: Path, architecture: str, model: Classifier, files: dict[str, bytes], params: Params, every: int
) -> list[dict[str, Any]]:
    """Return one row per runtime of one model: size, memory, milliseconds at batch 1, images per second at 32."""
    size = params.image.size
    one, many = (np.random.default_rng(0).random((n, 3, size, size), dtype=np.float32) for n in (1, BATCH))
    costs, rows = count_costs(model, size), {}
    memory = peaks(architecture, len(classes_of(params.target)), model, files, size)
    for name in ("pytorch", *files):
        megabytes = len(files[name]) / 1e6 if name in files else path.stat().st_size / 1e6
        rows[name] = {"runtime": name, **costs, "megabytes": megabytes, "peak_megabytes": memory.get(name, "-")}
    for threads, label in ((1, "1_thread"), (every, "all_threads")):
        runners: dict[str, Runner] = {"pytorch": eager(model, threads)}
        with ExitStack() as processes:
            for name, content in files.items():
                peer = name.startswith("openvino")
                runners[name] = processes.enter_context(openvino(content, threads)) if peer else onnx(content, threads)
            alone = interleaved(runners, one, rounds=ROUNDS)
            batched = interleaved(runners, many, rounds=BATCH_ROUNDS, warmup=1)
        for name, row in rows.items():
            p50, p95 = np.quantile(alone[name], [0.5, 0.95]) * 1000
            row |= {f"ms_p50_{label}": p50, f"ms_p95_{label}": p95}
            row |= {f"speedup_{label}": np.median(alone["pytorch"]) / p50 * 1000}
            row |= {f"times_fp32_{label}": p50 / 1000 / np.median(alone["onnx fp32"])}
            row |= {f"images_per_second_{label}": BATCH / np.median(batched[name])}
    return list(rows.values())


def join(table: pd.DataFrame, models: pd.DataFrame, selected: str) -> pd.DataFrame:
    """Return the measured rows with ROC-AUC and ECE on the holdout, and a row per student: all cost the same.

    A file that was not scored, such as a teacher's int8, has "-".
    """
    students = [f"student_{key}" for key in GRID if f"student_{key}" != selected]
    twins = [
        table[(table["model"] == selected) & (table["runtime"] == "pytorch")].assign(model=name) for name in students
    ]
    table = pd.concat([table, *twins], ignore_index=True)
    holdout = models[(models["split"] == "holdout") & (models["at"] == "all")].set_index(["model", "metric"])
    scored = {(selected, "onnx fp32"): "student_fp32", (selected, "onnx int8"): "student_int8"}
    for metric in ("roc_auc", "ece"):
        for end in ("value", "low", "high"):
            found = []
            for name, runtime in zip(table["model"], table["runtime"], strict=True):
                row = name if runtime == "pytorch" else scored.get((name, runtime))
                found.append("-" if row is None else f"{holdout[end][row, metric]:.6g}")
            table[metric if end == "value" else f"{metric}_{end}"] = found
    return table


def machine(every: int) -> dict[str, Any]:
    """Return what the times depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "int8_instructions": [flag for flag in INT8_FLAGS if any(flag in line.split() for line in lines)],
        "threads": every,
        "system": platform.system(),
        **{name: version(name) for name in ("torch", "onnxruntime", "openvino") if find_spec(name)},
    }


def main() -> None:
    params = read_params(Params)
    every = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = read_models(params)
    rows = [
        {"model": name, **row}
        for name, (path, architecture, model) in track(found.items(), len(found), "models")
        for row in measure(path, architecture, model, onnx_files(name, model, params), params, every)
    ]
    metrics, plots = Path("metrics", params.data.name), Path("plots", params.data.name)
    selected = f"student_{student_key(params.kd.temperature, params.kd.alpha)}"
    table = join(pd.DataFrame(rows), pd.read_csv(metrics / "models.csv", dtype={"at": str}), selected)
    targets = (metrics / "deployment.csv", metrics / "machine.json", plots / "deployment.svg")
    with writing(*targets) as (csv, facts, figure):
        write_csv(csv, table, digits=4)
        write_json(facts, machine(every))
        write_text(figure, as_svg(deployment(table)))
    shown = table.assign(model=table["model"].map(readable))
    print(
        shown[
            ["model", "runtime", "megabytes", "ms_p50_1_thread", "speedup_1_thread", "times_fp32_1_thread", "roc_auc"]
        ].to_string(index=False)
    )


if __name__ == "__main__":
    command.run(main)
