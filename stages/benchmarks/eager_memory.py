"""Peak memory of building a model in PyTorch and scoring one image, in a process of its own.

    python -m stages.benchmarks.eager_memory resnet18 7 1 224     (architecture, classes, test-time rotations, size)

Prints the peak resident megabytes above those of the process that has imported PyTorch.
"""

import subprocess
import sys

import torch

from stages.benchmarks.memory import peak
from stages.learning.models import build_model


def eager_megabytes(architecture: str, classes: int, tta_rotations: int, size: int) -> float:
    """Return the peak that one image of this size costs, measured in a fresh process; weights do not matter to it."""
    words = [
        sys.executable,
        "-m",
        "stages.benchmarks.eager_memory",
        architecture,
        *map(str, (classes, tta_rotations, size)),
    ]
    return float(subprocess.run(words, capture_output=True, check=True).stdout)


def main(architecture: str, classes: int, tta_rotations: int, size: int) -> None:
    torch.set_num_threads(1)
    before = peak()
    with torch.inference_mode():
        build_model(architecture, classes, tta_rotations=tta_rotations).eval()(torch.zeros(1, 3, size, size))
    print(peak() - before)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
