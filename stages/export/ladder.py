"""The ladder: every post-training quantisation method that can be tried.

Weight-only comes first: folded to float at load, it runs at fp32's speed everywhere. Methods that quantise
activations follow. The dynamic one, which the study (the original student project) named, comes last: its integer
convolutions have no fast kernel.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from stages.export.mixed import quantize_mixed
from stages.export.settings import Method
from stages.export.weight_only import quantize_weights
from stages.foundation.names import INPUT, LOGITS

BATCH = 32  # calibration images read at once
Quantizer = Callable[[onnx.ModelProto, np.ndarray], onnx.ModelProto]  # (fp32, calibration images) -> int8


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Yields calibration images, float32 (images, 3, size, size), in batches, as onnxruntime asks for them."""

    def __init__(self, images: np.ndarray) -> None:
        self.batches: Iterator[np.ndarray] = iter(np.array_split(images, max(1, len(images) // BATCH)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def static(**settings: Any) -> Quantizer:
    """Return a quantizer of weights and activations, per channel; settings: of onnxruntime's quantize_static."""

    def quantize(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
        with tempfile.TemporaryDirectory() as folder:
            source, prepared, target = (Path(folder, f"{name}.onnx") for name in ("fp32", "prepared", "int8"))
            onnx.save(model, source)
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            described = onnx.load(prepared)
            in_float = nodes_beside(described, LOGITS)
            onnx.save(described, prepared)
            options = {"quant_format": QuantFormat.QDQ, "per_channel": True, "nodes_to_exclude": in_float}
            quantize_static(prepared, target, _Images(images), **options, **settings)
            return onnx.load(target)

    return quantize


def nodes_beside(model: onnx.ModelProto, output: str) -> list[str]:
    """Name all nodes of a model; return the names of those that one output does not depend on.

    Beside the logits these are the distance's. With activations in 8 bits, whose ranges are training images', no
    picture could be farther than those images are.
    """
    wanted, beside = {output}, []
    for number, node in reversed(list(enumerate(model.graph.node))):  # in topological order
        node.name = f"node_{number}"
        if wanted.isdisjoint(node.output):
            beside.append(node.name)
        else:
            wanted.update(node.input)
    return beside


def dynamic(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """Return a model with int8 weights that quantises activations at run time; calibration images are not used."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, source)
        quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QUInt8)
        return onnx.load(target)


U8, S8 = QuantType.QUInt8, QuantType.QInt8
# Weights from -64 to 64, for the reason that LARGEST_REDUCED gives.
REDUCED = {"weight_type": S8, "reduce_range": True, "calibrate_method": CalibrationMethod.MinMax}

LADDER: dict[Method, Quantizer] = {
    "weight_only_mixed": quantize_mixed,
    "weight_only": lambda model, _: quantize_weights(model),
    "static_u8s8_minmax": static(activation_type=U8, **REDUCED),
    "static_s8s8_minmax": static(activation_type=S8, **REDUCED),
    "dynamic": dynamic,
}
