"""Peak memory of opening a model and scoring one image, measured in a process of its own.

    python -m stages.benchmarks.memory onnx 224 < model.onnx         (size)
    python -m stages.benchmarks.memory eager resnet18 7 224          (architecture, classes, size)

Prints the peak resident megabytes above those of the process before it opened the model.
"""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from stages.deployment.session import open_session
from stages.networks.models import build_model

STATUS = Path("/proc/self/status")


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
    argv = [sys.executable, "-m", "stages.benchmarks.memory", kind, *map(str, arguments)]
    return float(subprocess.run(argv, input=model, capture_output=True, check=True).stdout)


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    print(run_onnx(*arguments) if kind == "onnx" else run_eager(*arguments))
