"""Peak memory of building a model in PyTorch and scoring one image, in a process of its own.

    python -m stages.learning.memory resnet18 7 224

Prints the peak resident megabytes above those of the process that has imported PyTorch.
"""

import subprocess
import sys

import torch

from stages.foundation.memory import peak
from stages.learning.models import build_model


def eager_megabytes(architecture: str, classes: int, size: int) -> float:
    """Return the peak that one image of this size costs, measured in a fresh process; weights do not matter to it."""
    words = [sys.executable, "-m", "stages.learning.memory", architecture, str(classes), str(size)]
    return float(subprocess.run(words, capture_output=True, check=True).stdout)


def main(architecture: str, classes: int, size: int) -> None:
    torch.set_num_threads(1)
    before = peak()
    with torch.inference_mode():
        build_model(architecture, classes).eval()(torch.zeros(1, 3, size, size))
    print(peak() - before)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
