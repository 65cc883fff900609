"""Convert a network to LiteRT or ExecuTorch, and run the file here as a phone would: one picture at a time."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from stages.commands.mobile.weights import with_int8_weights
from stages.deployment.deployed import Run
from stages.deployment.litert import LITERT, open_litert
from stages.foundation.names import DISTANCE, LOGITS

Convert = Callable[[nn.Module, torch.Tensor], bytes]  # of a network that gives logits and distance, and one image


@dataclass(frozen=True)
class Format:
    """A runtime: how its files are written, in float32 and from that with int8 weights where that is known, and run."""

    suffix: str
    extra: str
    convert: Convert
    quantize: Callable[[bytes], bytes] | None
    open: Callable[[bytes, int], Run]


def to_litert(model: nn.Module, image: torch.Tensor) -> bytes:
    """Return the network as a `.tflite` file."""
    import litert_torch  # noqa: PLC0415 - an optional extra

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, f"model{LITERT}")
        litert_torch.convert(model, (image,)).export(str(target))
        return target.read_bytes()


def to_executorch(model: nn.Module, image: torch.Tensor) -> bytes:
    """Return the network as a `.pte` file for XNNPACK, the processor's fast kernels."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner  # noqa: PLC0415
    from executorch.exir import to_edge_transform_and_lower  # noqa: PLC0415

    program = torch.export.export(model, (image,))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    return bytes(lowered.to_executorch().buffer)


def open_executorch(content: bytes, threads: int) -> Run:
    """Return an ExecuTorch file as a function from images to logits and distance; threads: as many as it has cores."""
    from executorch.runtime import Runtime  # noqa: PLC0415 - an optional extra

    method = Runtime.get().load_program(content).load_method("forward")

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        answers = [method.execute([torch.from_numpy(image[None])]) for image in images]
        logits, distance = (torch.cat(list(parts)).numpy() for parts in zip(*answers, strict=True))
        return {LOGITS: logits, DISTANCE: distance}

    return run


FORMATS = {
    "litert": Format(LITERT, "edge", to_litert, with_int8_weights, open_litert),
    "executorch": Format(".pte", "executorch", to_executorch, None, open_executorch),
}
