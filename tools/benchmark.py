"""Measure size, memory and speed of every teacher and of the student.

    make benchmark

Reads models/<name>/teachers and students, and models/<name>/onnx. Writes metrics/<name>/deployment.csv and
machine.json. A leaf: its times differ from run to run, so no stage reads it and DVC does not track it. Close everything
else first. Of the student every method of quantisation is timed.
"""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stages.commands.machine import usable_cores
from stages.commands.mobile.timing import interleaved
from stages.export.graph import count_costs, export_onnx
from stages.export.weight_only import quantize_weights
from stages.foundation import command
from stages.foundation.files import write_csv, write_json, writing
from stages.foundation.names import STUDENT, Teachers, parse_teacher
from stages.foundation.params import read_params
from stages.foundation.progress import track
from stages.foundation.settings import Data, Kd
from stages.images.settings import Image
from stages.networks.models import Classifier, load_weights
from tools.runtimes import eager, eager_megabytes, onnx, onnx_megabytes

INT8_FLAGS = ("avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm")  # of /proc/cpuinfo: what decides int8's speed
ROUNDS = 100  # 30 put the cost of the distance at 8 % once and at 2.8 % another time
BATCH = 32
BATCH_ROUNDS = 5


@dataclass(frozen=True)
class Params:
    data: Data
    teachers: Teachers
    kd: Kd
    image: Image


@dataclass(frozen=True)
class Candidate:
    """One model to measure. path: its weights; files: its exported files by runtime."""

    name: str
    path: Path
    architecture: str
    model: Classifier
    files: dict[str, bytes]


def read_models(params: Params) -> Iterator[Candidate]:
    """Yield each teacher and the selected student, with their exported files."""
    folder = Path("models", params.data.name)
    for key in params.teachers:
        path, architecture = folder / f"teachers/{key}.safetensors", parse_teacher(key).architecture
        model = load_weights(path, architecture=architecture)
        yield Candidate(key, path, architecture, model, teacher_files(model, params.image.size))
    path = folder / f"students/{params.kd.selected}.safetensors"
    model = load_weights(path, architecture=STUDENT)
    files = student_files(params.data.name)
    files["onnx fp32 without distance"] = export_onnx(model, params.image.size).SerializeToString()  # what it costs
    yield Candidate(f"student_{params.kd.selected}", path, STUDENT, model, files)


def student_files(name: str) -> dict[str, bytes]:
    """Return the student's files as quantize wrote them: fp32, the int8 method taken, the others by their names."""
    folder = Path("models", name, "onnx")
    methods = pd.read_csv(Path("metrics", name, "quantization.csv")).query("chosen == 'no'")["method"]
    paths = {kind: folder / f"student_{kind}.onnx" for kind in ("fp32", "int8")}
    others = {method: folder / f"methods/{method}.onnx" for method in methods}
    paths |= {method: path for method, path in others.items() if path.is_file()}
    return {f"onnx {kind}": path.read_bytes() for kind, path in paths.items()}


def teacher_files(model: Classifier, size: int) -> dict[str, bytes]:
    """Return a teacher exported here: fp32 and weight-only int8."""
    fp32 = export_onnx(model, size)
    int8 = quantize_weights(fp32)
    return {"onnx fp32": fp32.SerializeToString(), "onnx int8": int8.SerializeToString()}


def measure(candidate: Candidate, size: int, every: int) -> list[dict[str, Any]]:
    """Return one row per runtime of one model: size, memory, milliseconds at batch 1, images per second at 32.

    every: the number of threads that "all threads" are.
    """
    model, files = candidate.model, candidate.files
    one, many = (np.random.default_rng(0).random((n, 3, size, size), dtype=np.float32) for n in (1, BATCH))
    costs = count_costs(model, size)
    megabytes = {"pytorch": candidate.path.stat().st_size / 1e6}
    megabytes |= {name: len(content) / 1e6 for name, content in files.items()}
    memory = {"pytorch": eager_megabytes(candidate.architecture, len(candidate.model.classes), size)}
    memory |= {name: onnx_megabytes(content, size) for name, content in files.items()}
    rows = {
        name: {"runtime": name, **costs, "megabytes": megabytes[name], "peak_megabytes": f"{memory[name]:.1f}"}
        for name in ("pytorch", *files)
    }
    for threads, label in ((1, "1_thread"), (every, "all_threads")):
        runners = {"pytorch": eager(model, threads)}
        runners |= {name: onnx(content, threads) for name, content in files.items()}
        alone = interleaved(runners, one, rounds=ROUNDS)
        batched = interleaved(runners, many, rounds=BATCH_ROUNDS, warmup=1)
        for name, row in rows.items():
            row |= {f"{key}_{label}": value for key, value in speed(name, alone, batched).items()}
    return list(rows.values())


def speed(name: str, alone: Mapping[str, np.ndarray], batched: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return one runtime's times, from every runtime's seconds per round for one image and for a batch.

    A ratio is the median of the rounds' ratios, since what slows a round slows all of its runtimes.
    """
    seconds = alone[name]
    return {
        "ms_p50": 1000 * np.median(seconds),
        "ms_p95": 1000 * np.quantile(seconds, 0.95),
        "speedup": np.median(alone["pytorch"] / seconds),
        "times_fp32": np.median(seconds / alone["onnx fp32"]),
        "images_per_second": BATCH / np.median(batched[name]),
    }


def machine(every: int) -> dict[str, Any]:
    """Return what the times depend on: processor, instructions, threads, system and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "int8_instructions": [flag for flag in INT8_FLAGS if any(flag in line.split() for line in lines)],
        "threads": every,
        "system": platform.system(),
        **{name: version(name) for name in ("torch", "onnxruntime")},
    }


def main() -> None:
    params = read_params(Params)
    every = usable_cores()
    rows = [
        {"model": candidate.name, **row}
        for candidate in track(read_models(params), len(params.teachers) + 1, "models")
        for row in measure(candidate, params.image.size, every)
    ]
    metrics, table = Path("metrics", params.data.name), pd.DataFrame(rows)
    with writing(metrics / "deployment.csv", metrics / "machine.json") as (csv, description):
        write_csv(csv, table, digits=4)
        write_json(description, machine(every))
    columns = ["model", "runtime", "megabytes", "ms_p50_1_thread", "speedup_1_thread", "times_fp32_1_thread"]
    print(table[columns].to_string(index=False))


if __name__ == "__main__":
    command.run(main)
