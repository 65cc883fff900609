"""The device a model runs on, its threads and precision, and their record."""

import ctypes
import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch

from stages.networks.settings import Compute


@dataclass(frozen=True)
class Device:
    """What one process computes on.

    mixed: forward passes run in bfloat16 where torch's autocast takes it as safe.
    """

    device: torch.device
    mixed: bool

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context manager for forward passes, in bfloat16 if `mixed`."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed)

    def place(self, model: torch.nn.Module) -> torch.nn.Module:
        """Move a model to the device in channels-last memory, in which convolutions are faster (docs/scale.md)."""
        return model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def open_device(compute: Compute) -> Device:
    """Return the device the parameters ask for, with its algorithms and number of threads set."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # makes cuBLAS deterministic, says its manual
    torch.use_deterministic_algorithms(compute.deterministic)
    # Off: filling new memory costs a fifth of the speed, and nothing here reads memory before writing it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not compute.deterministic
    _keep_freed_memory()
    torch.set_num_threads(compute.threads)
    torch.set_flush_denormal(True)
    if compute.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("params.yaml: compute.device: wanted cuda, found no usable GPU; auto falls back to the CPU")
    name = "cuda" if compute.device != "cpu" and torch.cuda.is_available() else "cpu"
    mixed = compute.precision == "bf16" or (compute.precision == "auto" and name == "cuda")
    if compute.device == "auto" and name == "cpu":
        print("compute.device: auto found no GPU and takes the CPU")
    return Device(torch.device(name), mixed)


def _keep_freed_memory() -> None:
    """Have glibc reuse freed memory instead of returning it to the system; no effect with other C libraries.

    Otherwise every tensor above 32 MB is mapped anew and filled with zeros by the system: on a CPU, EfficientNet-B0
    at 224 px trains at 16.7 instead of 46.2 images/s (docs/scale.md).
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-4, 0)  # M_MMAP_MAX of malloc.h: no allocation is a mapping of its own
        libc.mallopt(-1, -1)  # M_TRIM_THRESHOLD: the heap's top is never returned


def describe_device(device: Device) -> dict[str, Any]:
    """Return what of the machine can change a model's bits: device, instruction set, threads, precision."""
    gpu = torch.cuda.get_device_name() if device.device.type == "cuda" else None
    return {
        "device": gpu or "cpu",
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "precision": "bf16" if device.mixed else "fp32",
    }
