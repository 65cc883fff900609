"""Weight-only int8: symmetric, a scale per channel, stored as DequantizeLinear so that any ONNX runtime reads it.

Activations stay float. onnxruntime folds the weights back to float at load (and runs at fp32 speed) when the
session option session.disable_quant_qdq is "1"; without it, it tries to fuse and was 3.6 times slower when measured.
"""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTED = {"Conv": 0, "Gemm": 0, "MatMul": 1}  # operator -> axis of the output channels in its second input
# Elements; smaller weights stay float: the first blocks', 3 % of MobileNetV3-Small, made most of the error. For a
# HAM10000 student at 96 px the largest change of a probability was .090 at 512, .091 at 1024, .040 at 2048, .019 here.
SMALLEST = 2500
LARGEST = 127  # int8 value of a channel's largest weight
# The same where activations are 8 bits, too ("reduced range"): two products (255 * 64 * 2) fit the 16 bits in which x86
# without VNNI adds them. With 127 such a processor silently computes other numbers than a phone.
LARGEST_REDUCED = 64

Scales = Callable[[np.ndarray], np.ndarray]  # float32 (channels, elements) -> the scale of each channel, (channels,)


def quantizable(model: onnx.ModelProto) -> dict[str, int]:
    """Return name -> number of elements of the weights that `quantize_weights` makes int8."""
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in model.graph.initializer}
    names = {node.input[1] for node in model.graph.node if node.op_type in WEIGHTED}
    return {name: size for name, size in sizes.items() if name in names and size >= SMALLEST}


def quantize_weights(
    model: onnx.ModelProto, *, reduced: AbstractSet[str] = frozenset(), spared: AbstractSet[str] = frozenset()
) -> onnx.ModelProto:
    """Return a copy whose convolution and linear weights are int8 with one scale per output channel.

    reduced: names of weights that meet 8-bit activations; they are quantised however few elements they have, with
    `reduced_range`. spared: names of weights that stay float.
    """
    chosen = (quantizable(model).keys() | reduced) - spared
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    graph = quantized.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    dequantized: set[str] = set()
    for node in graph.node:
        name = node.input[1] if node.op_type in WEIGHTED else ""
        if name in chosen:
            if name not in dequantized:
                scales = reduced_range if name in reduced else largest_value
                nodes.append(_dequantize(graph, weights[name], _channel_axis(node), scales))
                dequantized.add(name)
            node.input[1] = f"{name}_dequantized"
        nodes.append(node)
    initializers = [tensor for tensor in graph.initializer if tensor.name not in dequantized]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(initializers)
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def largest_value(weights: np.ndarray, level: int = LARGEST) -> np.ndarray:
    """Return scales at which each channel's largest value becomes 127, or another level."""
    largest = np.abs(weights).max(axis=1)
    return (np.where(largest > 0, largest, 1) / level).astype(np.float32)  # a channel of zeros may have any scale


def reduced_range(weights: np.ndarray) -> np.ndarray:
    """Return scales at which each channel's largest value becomes 64."""
    return largest_value(weights, LARGEST_REDUCED)


def round_to_int8(weights: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return weights, float32 (channels, elements), over scales, (channels,), as the nearest int8 from -127 to 127."""
    return np.rint(weights / scales[:, None]).clip(-LARGEST, LARGEST).astype(np.int8)


def _channel_axis(node: onnx.NodeProto) -> int:
    """Return the axis of the output channels in a node's weights."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return WEIGHTED[node.op_type] if node.op_type != "Gemm" or transposed else 1


def _dequantize(graph: onnx.GraphProto, tensor: TensorProto, axis: int, scales: Scales) -> onnx.NodeProto:
    """Add a tensor's int8 values and scales to the graph; return the node that turns them back to float."""
    weights = np.moveaxis(numpy_helper.to_array(tensor), axis, 0)
    rows = weights.reshape(len(weights), -1)
    channel_scales = scales(rows)
    values = np.ascontiguousarray(np.moveaxis(round_to_int8(rows, channel_scales).reshape(weights.shape), 0, axis))
    names = [f"{tensor.name}_{part}" for part in ("int8", "scale")]
    for name, array in zip(names, (values, channel_scales), strict=True):
        graph.initializer.append(numpy_helper.from_array(array, name))
    return helper.make_node("DequantizeLinear", names, [f"{tensor.name}_dequantized"], axis=axis)
