"""Peak memory of opening an ONNX model and scoring images, in a process of its own.

    python -m stages.benchmarks.memory 224 < model.onnx

Prints the peak resident megabytes above those of the process before it opened anything.
"""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

from stages.deployment.session import open_session

STATUS = Path("/proc/self/status")


def peak_megabytes(model: bytes, size: int) -> float:
    """Return the peak that one image of this size costs, measured in a fresh process."""
    words = [sys.executable, "-m", "stages.benchmarks.memory", str(size)]
    done = subprocess.run(words, input=model, capture_output=True, check=True)
    return float(done.stdout)


def peak() -> float:
    """Return this process's peak resident megabytes."""
    if STATUS.is_file():  # Linux, where getrusage would also count the process that started this one
        (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main(size: int) -> None:
    model = sys.stdin.buffer.read()
    before = peak()
    open_session(model, threads=1).run(None, {"image": np.zeros((1, 3, size, size), np.float32)})
    print(peak() - before)


if __name__ == "__main__":
    main(int(sys.argv[1]))
