"""The quantisation ladder: every post-training method tried, in the order in which one that passes is taken.

Weight-only comes first: folded to float at load, it runs at fp32's speed everywhere. Methods that quantise
activations follow; the dynamic one, which the study named, comes last: its integer convolutions have no fast kernel.
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
    create_calibrator,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.calibrate import save_tensors_data
from onnxruntime.quantization.shape_inference import quant_pre_process

from stages.export.graph import INPUT
from stages.export.weight_only import largest_value, least_squares, quantize_weights

BATCH = 32
# quantize_static searches entropy's range among 128 bins for one of 128 levels: the full range is all it can find.
ENTROPY_BINS = {"num_bins": 512, "num_quantized_bins": 128}
POOLS = ("GlobalAveragePool", "ReduceMean")  # how an excitation begins
Method = Callable[[onnx.ModelProto, np.ndarray], onnx.ModelProto]  # (fp32, calibration images) -> int8


class _Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """Calibration images, float32 (images, 3, size, size), in batches of the model's input."""

    def __init__(self, images: np.ndarray) -> None:
        self.batches: Iterator[np.ndarray] = iter(np.array_split(images, max(1, len(images) // BATCH)))

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def static(**settings: Any) -> Method:
    """Return static QDQ quantisation, per channel, with these settings of onnxruntime's quantize_static."""
    keep = settings.pop("keep", None)

    def quantize(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
        with tempfile.TemporaryDirectory() as folder:
            source, prepared, target = (Path(folder, f"{name}.onnx") for name in ("fp32", "prepared", "int8"))
            ranges = Path(folder, "ranges.json")  # read by quantize_static where it is there, else written
            onnx.save(model, source)
            quant_pre_process(source, prepared, skip_symbolic_shape=True)
            excluded = keep(onnx.load(prepared)) if keep else []
            if settings["calibrate_method"] == CalibrationMethod.Entropy:
                save_entropy_ranges(prepared, images, ranges)
            quantize_static(
                prepared,
                target,
                _Images(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                nodes_to_exclude=excluded,
                calibration_cache_path=ranges,
                **settings,
            )
            return onnx.load(target)

    return quantize


def save_entropy_ranges(model: Path, images: np.ndarray, target: Path) -> None:
    """Write the range of each activation that loses least information (Migacz 2017), of ENTROPY_BINS."""
    calibrator = create_calibrator(
        model,
        augmented_model_path=str(model.with_name("augmented.onnx")),
        calibrate_method=CalibrationMethod.Entropy,
        extra_options=ENTROPY_BINS,
    )
    calibrator.collect_data(_Images(images))
    save_tensors_data(calibrator.compute_data(), target)


def dynamic(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """Return the study's method: int8 weights, activations quantised as they come; calibration images are not used."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "fp32.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, source)
        quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QUInt8)
        return onnx.load(target)


def sensitive_nodes(model: onnx.ModelProto) -> list[str]:
    """Return the nodes of the first block and of every squeeze-and-excitation: what int8 hurts most."""
    nodes = list(model.graph.node)
    answers = {output.name for output in model.graph.output}  # a mean over rotations pools no feature map
    pools = [
        position
        for position, node in enumerate(nodes)
        if node.op_type in POOLS and not answers.intersection(node.output)
    ]
    first = [node.name for node in nodes[: pools[0]]]
    pooled = {out for position in pools[:-1] for out in nodes[position].output}  # the last one feeds the classifier
    inside = []
    for node in nodes:  # nodes stand in order of computation
        if pooled & set(node.input):
            if node.op_type == "Mul":  # where the excitation meets the feature map again
                continue
            inside.append(node.name)
            pooled |= set(node.output)
    return first + inside


U8, S8, U16 = QuantType.QUInt8, QuantType.QInt8, QuantType.QUInt16
MINMAX, ENTROPY, PERCENTILE = CalibrationMethod.MinMax, CalibrationMethod.Entropy, CalibrationMethod.Percentile

LADDER: dict[str, Method] = {
    "weight_only": lambda model, _: quantize_weights(model, largest_value),
    "weight_only_least_squares": lambda model, _: quantize_weights(model, least_squares),
    "static_u8s8_minmax": static(activation_type=U8, weight_type=S8, calibrate_method=MINMAX),
    "static_u8s8_percentile": static(activation_type=U8, weight_type=S8, calibrate_method=PERCENTILE),
    "static_u8s8_entropy": static(activation_type=U8, weight_type=S8, calibrate_method=ENTROPY),
    "static_u8s8_float_parts": static(
        activation_type=U8, weight_type=S8, calibrate_method=PERCENTILE, keep=sensitive_nodes
    ),
    "static_s8s8_minmax": static(activation_type=S8, weight_type=S8, calibrate_method=MINMAX),
    "static_u16s8_minmax": static(activation_type=U16, weight_type=S8, calibrate_method=MINMAX),
    "dynamic": dynamic,
}
