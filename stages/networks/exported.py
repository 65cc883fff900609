"""The weights in an exported ONNX student, as a network's that can be trained on."""

import itertools
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from stages.foundation.onnx_file import KEY, read_model

LAYERS = {"Conv": nn.Conv2d, "Gemm": nn.Linear}


def read_exported(path: Path, backbone: nn.Module) -> tuple[tuple[str, ...], dict[str, torch.Tensor]]:
    """Return the classes and the state of a backbone that computes what an ONNX file of weight-only int8 or fp32 does.

    Integers become float again. Batch norms, which an export folds into their convolutions, become what a folded one
    is: running mean 0 and variance 1, the scale that leaves values as they are, and the convolution's bias. Such a
    network is to be trained with `frozen_norm`, as its statistics are no longer its images'. Classes are those of the
    file's metadata, none without them. ValueError where the file is no ONNX file, keeps tensors in others, or is no
    export of this architecture.
    """
    _, model = read_model(path)
    graph, facts = model.graph, [json.loads(entry.value) for entry in model.metadata_props if entry.key == KEY]
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays:
            arrays[node.output[0]] = _dequantized(node, arrays)
    layers = [(name, module) for name, module in backbone.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    nodes = [node for node in graph.node if node.op_type in LAYERS]
    norms = _norms_after(backbone)
    state: dict[str, torch.Tensor] = {}
    for (name, module), node in zip(layers, nodes, strict=False):
        weight, *biases = (torch.from_numpy(np.array(arrays.get(key, []))).float() for key in node.input[1:3])
        bias = biases[0] if biases else torch.zeros(len(weight))  # an exporter leaves a bias of zeros out
        fits = weight.shape == module.weight.shape or name == layers[-1][0]  # the last may have other classes
        if not fits or not isinstance(module, LAYERS[node.op_type]):
            raise ValueError(f"{path}: no export of this architecture: {name} is {tuple(module.weight.shape)}")
        state[f"{name}.weight"] = weight
        if module in norms:
            state |= _identity(*norms[module], bias)
        else:
            state[f"{name}.bias"] = bias
    if len(nodes) != len(layers):
        raise ValueError(f"{path}: no export of this architecture: it has {len(nodes)} layers, not {len(layers)}")
    return tuple(facts[0]["classes"]) if facts else (), state


def _dequantized(node: onnx.NodeProto, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return what a DequantizeLinear node makes of its constant input."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    values, scale, *zero = (arrays[name] for name in node.input)
    shape = [-1 if place == axis and scale.ndim else 1 for place in range(values.ndim)]
    shifted = values.astype(np.float32) - (zero[0].astype(np.float32).reshape(shape) if zero else 0)
    return np.asarray(shifted * scale.reshape(shape))


def _norms_after(backbone: nn.Module) -> dict[nn.Module, tuple[str, nn.BatchNorm2d]]:
    """Return layer -> name and module of the batch norm that stands behind it in its Sequential."""
    after = {}
    for name, block in backbone.named_modules():
        children = list(block.named_children()) if isinstance(block, nn.Sequential) else []
        for (_, layer), (key, norm) in itertools.pairwise(children):
            if isinstance(norm, nn.BatchNorm2d):
                after[layer] = f"{name}.{key}", norm
    return after


def _identity(name: str, norm: nn.BatchNorm2d, bias: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the state of a batch norm that adds a bias to what it is given."""
    return {
        f"{name}.weight": torch.full_like(bias, float(np.sqrt(1 + norm.eps))),
        f"{name}.bias": bias,
        f"{name}.running_mean": torch.zeros_like(bias),
        f"{name}.running_var": torch.ones_like(bias),
        f"{name}.num_batches_tracked": torch.tensor(0),
    }
