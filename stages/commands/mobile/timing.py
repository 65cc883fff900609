"""How long several runtimes take for a batch of images on this machine, taking turns."""

import time
from collections.abc import Callable, Mapping

import numpy as np

REST = 0.05  # seconds before a turn: a runtime's threads spin on after its run and would take the next one's cores
Runner = Callable[[np.ndarray], object]  # runs a model on float32 (batch, 3, size, size)


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
