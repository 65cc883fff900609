"""The exported file of a quantisation-aware student: real 8-bit arithmetic, and its variants for other processors.

Activations are unsigned, as x86 likes it; Arm's fast kernels take signed ones, which differ by 128 in every zero point.
"""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import helper, numpy_helper

from stages.export.settings import Method
from stages.export.weight_only import quantize_weights

UNSIGNED_TO_SIGNED = 128
AWARE_FILE = "aware.onnx"  # of quantization_aware


def write_integers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose weights are int8, and whose biases of 8-bit convolutions are int32.

    Weights must lie on the grid of `RoundedWeight` where a convolution's input is quantised; others are rounded to it.
    """
    model = quantize_weights(model, reduced=_computed_in_int8(model))
    graph, values = model.graph, {tensor.name: tensor for tensor in model.graph.initializer}
    made_by = {node.output[0]: node for node in graph.node}
    nodes = []
    for node in graph.node:
        source = made_by.get(node.input[0])
        if node.op_type == "Conv" and source is not None and source.op_type == "DequantizeLinear":
            weight = made_by[node.input[1]]
            scale = numpy_helper.to_array(values[source.input[1]]) * numpy_helper.to_array(values[weight.input[1]])
            bias = _as_int32(numpy_helper.to_array(values[node.input[2]]) / scale)
            if bias is None:
                raise ValueError(
                    f"{node.input[2]}: a bias does not fit 32 bits; its weights or its input are all but 0"
                )
            names = [f"{node.input[2]}_{part}" for part in ("int32", "scale")]
            for name, array in zip(names, (bias, scale.astype(np.float32)), strict=True):
                graph.initializer.append(numpy_helper.from_array(array, name))
            nodes.append(helper.make_node("DequantizeLinear", names, [f"{node.input[2]}_dequantized"], axis=0))
            graph.initializer.remove(values[node.input[2]])
            node.input[2] = f"{node.input[2]}_dequantized"
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return model


def with_signed_activations(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy with int8 activations: it computes the same numbers. Weights, biases and scales stay."""
    signed = onnx.ModelProto()
    signed.CopyFrom(model)
    graph = signed.graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    kept = list(graph.initializer)
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in values:
            zero_point = numpy_helper.to_array(values[node.input[2]]).astype(np.int32) - UNSIGNED_TO_SIGNED
            node.input[2] = f"{node.output[0]}_zero_point"
            kept.append(numpy_helper.from_array(zero_point.astype(np.int8), node.input[2]))
    used = {name for node in graph.node for name in node.input}
    del graph.initializer[:]
    graph.initializer.extend(tensor for tensor in kept if tensor.name in used)
    onnx.checker.check_model(signed, full_check=True)
    return signed


AWARE: dict[Method, Callable[[onnx.ModelProto], onnx.ModelProto]] = {  # from the file of quantization_aware
    "aware_u8s8": lambda model: model,
    "aware_s8s8": with_signed_activations,
}


def _as_int32(values: np.ndarray) -> np.ndarray | None:
    """Return the nearest int32 values, None where one is outside their range."""
    rounded = np.rint(values)
    return rounded.astype(np.int32) if np.abs(rounded).max(initial=0) <= np.iinfo(np.int32).max else None


def _computed_in_int8(model: onnx.ModelProto) -> frozenset[str]:
    """Return the names of the weights of convolutions whose input is quantised."""
    rounded = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    return frozenset(node.input[1] for node in model.graph.node if node.op_type == "Conv" and node.input[0] in rounded)
