"""Read an ONNX file, with checks and one-line errors: whatever runs it, or takes its weights, reads it so."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

KEY = "melanoma_kd"  # of an exported file's only metadata entry, whose value is JSON


def read_model(source: Path | bytes) -> tuple[bytes, onnx.ModelProto]:
    """Return a model's bytes and the model; ValueError when not ONNX, truncated, or with tensors in other files."""
    name = source if isinstance(source, Path) else "model"
    content = source.read_bytes() if isinstance(source, Path) else source
    try:
        model = onnx.load_from_string(content)
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _all_tensors(model)):
            raise ValueError(f"{name}: keeps tensors in other files; only models in one file are opened")
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{name}: not an ONNX model, or a truncated one ({reason})") from None
    return content, model


def _all_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a model: of its graph, its functions and its training."""
    training = [graph for info in model.training_info for graph in (info.initialization, info.algorithm)]
    for graph in (model.graph, *training):
        yield from _tensors(graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a graph: weights, constants, and those of subgraphs."""
    yield from graph.initializer
    yield from _dense(graph.sparse_initializer)
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in (attribute for node in nodes for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        yield from _dense([attribute.sparse_tensor, *attribute.sparse_tensors])
        for subgraph in (attribute.g, *attribute.graphs):
            yield from _tensors(subgraph)


def _dense(sparse: Iterable[onnx.SparseTensorProto]) -> Iterator[onnx.TensorProto]:
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)
