"""How long a model takes for a batch of images on this machine."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

from stages.deployment.session import open_session
from stages.networks.models import Classifier

REST = 0.05  # seconds before a turn: a runtime's threads spin on after its run and would take the next one's cores
Runner = Callable[[np.ndarray], object]  # runs a model on float32 (batch, 3, size, size)


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


def interleaved(
    runners: Mapping[str, Runner], images: np.ndarray, *, rounds: int, warmup: int = 3
) -> dict[str, np.ndarray]:
    """Return the seconds of each runner's runs, float (rounds,). They take turns, so that a disturbance hits all.

    A turn is a rest, a run that wakes threads and caches, and the run that is timed. Without the first two, PyTorch on
    two threads took 68 ms for what takes 5.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(warmup + rounds):
        for name, run in runners.items():
            time.sleep(REST)
            run(images)
            began = time.perf_counter()
            run(images)
            if number >= warmup:
                seconds[name].append(time.perf_counter() - began)
    return {name: np.array(values) for name, values in seconds.items()}
