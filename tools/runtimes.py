"""A model in PyTorch and in onnxruntime: how it is run, and its peak memory, measured in a process of its own.

    python -m tools.runtimes onnx 224 < model.onnx         (size)
    python -m tools.runtimes eager resnet18 7 224          (architecture, classes, size)

Prints the peak resident megabytes above those of the process before it opened the model.
"""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from stages.commands.mobile.timing import Runner
from stages.deployment.session import open_session
from stages.networks.models import Classifier, build_model

STATUS = Path("/proc/self/status")
ROOT = Path(__file__).parents[1]  # tools/ is not installed


def eager(model: Classifier, threads: int) -> Runner:
    """Return a function that runs a model in PyTorch, channels last."""
    placed = model.eval().to(memory_format=torch.channels_last)

    def run(images: np.ndarray) -> object:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        with torch.inference_mode():
            return placed(torch.from_numpy(images).to(memory_format=torch.channels_last))

    return run


def onnx(model: bytes, threads: int) -> Runner:
    """Return a function that runs an ONNX model in onnxruntime on the CPU."""
    session = open_session(model, threads=threads)
    return lambda images: session.run(None, {"image": images})


def onnx_megabytes(model: bytes, size: int) -> float:
    """Return the peak memory of scoring one image of this size (pixels a side) in onnxruntime, in megabytes."""
    return _measure("onnx", size, model=model)


def eager_megabytes(architecture: str, classes: int, size: int) -> float:
    """Return the peak memory of scoring one image of this size in PyTorch, in megabytes; weights are random."""
    return _measure("eager", architecture, classes, size)


def peak() -> float:
    """Return this process's peak resident megabytes."""
    if STATUS.is_file():  # Linux, where getrusage would also count the process that started this one
        (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def run_onnx(size: str) -> float:
    model = sys.stdin.buffer.read()
    before = peak()
    open_session(model, threads=1).run(None, {"image": np.zeros((1, 3, int(size), int(size)), np.float32)})
    return peak() - before


def run_eager(architecture: str, classes: str, size: str) -> float:
    torch.set_num_threads(1)
    before = peak()
    with torch.inference_mode():
        model = build_model(architecture, int(classes)).eval()
        model(torch.zeros(1, 3, int(size), int(size)))
    return peak() - before


def _measure(kind: str, *arguments: object, model: bytes = b"") -> float:
    argv = [sys.executable, "-m", "tools.runtimes", kind, *map(str, arguments)]
    process = subprocess.run(argv, input=model, capture_output=True, check=True, cwd=ROOT)
    return float(process.stdout)


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    print(run_onnx(*arguments) if kind == "onnx" else run_eager(*arguments))
