"""What this machine has: GPUs, and cores, enough for all threads of its workers or not."""

import os
import shutil
import subprocess
from itertools import takewhile

from stages.networks.settings import Compute


def visible_gpus() -> list[str]:
    """Return the names, as CUDA_VISIBLE_DEVICES has them, of the GPUs that a process started here would see."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        named = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        return [name for name in takewhile(lambda name: not name.startswith("-"), named) if name]  # as CUDA reads it
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    listed = subprocess.run([tool, "--list-gpus"], capture_output=True, text=True, check=False)
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]


def usable_cores() -> int:
    """Return how many cores this process may run on; all of the machine's where the system does not say, as macOS."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_cores(workers: int, compute: Compute) -> None:
    """Raise ValueError where the workers of this machine would run more threads than it has cores.

    Two trainings of two threads each on two cores take more than four times as long as one alone (docs/scale.md).
    """
    cores, each = usable_cores(), compute.threads
    if compute.device != "cuda" and not visible_gpus() and workers * each > cores:
        fitting = f"--workers {cores // each}" if cores >= each else f"--workers 1 -S compute.threads={cores}"
        threads = max(1, cores // workers)
        raise ValueError(
            f"{workers} workers of {each} threads each, on {cores} cores; use {fitting}, "
            f"or --workers {min(workers, cores)} -S compute.threads={threads}"
        )
