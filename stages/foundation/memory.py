"""Peak memory of opening an ONNX model and scoring images, in a process of its own.

    python -m stages.foundation.memory 224 < model.onnx

Prints the peak resident megabytes above those of the process before it opened anything.
"""

import resource
import subprocess
import sys

import numpy as np

from stages.foundation.onnx_session import open_session

UNIT = 1e6 if sys.platform == "darwin" else 1e3  # getrusage counts bytes there, KiB here


def peak_megabytes(model: bytes, size: int) -> float:
    """Return the peak that one image of this size costs, measured in a fresh process."""
    words = [sys.executable, "-m", "stages.foundation.memory", str(size)]
    done = subprocess.run(words, input=model, capture_output=True, check=True)
    return float(done.stdout)


def main(size: int) -> None:
    model = sys.stdin.buffer.read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    open_session(model, threads=1).run(None, {"image": np.zeros((1, 3, size, size), np.float32)})
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / UNIT)


if __name__ == "__main__":
    main(int(sys.argv[1]))
