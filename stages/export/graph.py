"""Export a trained network to one fp32 ONNX model; count its parameters and multiply-accumulates."""

import copy
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode

from stages.foundation.names import INPUT, LOGITS

OPSET = 20
M = TypeVar("M", bound=nn.Module)


def export_onnx(model: nn.Module, size: int, outputs: Sequence[str] = (LOGITS,)) -> onnx.ModelProto:
    """Return the model as ONNX: `image` float32 (batch, 3, size, size), RGB in [0, 1], to its outputs, by these names.

    Batch norms are folded into their convolutions. The exporter's notes on each node are removed: they are a tenth of
    the file and hold paths of the machine.
    """
    folded = fold_batch_norms(model)
    image = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    program = torch.onnx.export(
        folded,
        (image,),
        input_names=[INPUT],
        output_names=list(outputs),
        opset_version=OPSET,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # noqa: S101 - the dynamo exporter returns a program; only the old one returns None
    return _strip(program.model_proto)


def shorten_names(model: onnx.ModelProto) -> None:
    """Number a model's inner values, and leave its nodes without names: in a small file, names are a few per cent."""
    graph = model.graph
    outer = {value.name for value in (*graph.input, *graph.output)}
    inner = [tensor.name for tensor in graph.initializer] + [name for node in graph.node for name in node.output]
    short = {name: np.base_repr(number, 36) for number, name in enumerate(inner) if name not in outer}
    for tensor in graph.initializer:
        tensor.name = short[tensor.name]
    for node in graph.node:
        node.name = ""
        node.input[:] = [short.get(name, name) for name in node.input]
        node.output[:] = [short.get(name, name) for name in node.output]
    graph.ClearField("value_info")
    onnx.checker.check_model(model, full_check=True)


def serialize(model: onnx.ModelProto) -> bytes:
    """Return the content of a model's file, the same for the same model."""
    return model.SerializeToString(deterministic=True)


def fold_batch_norms(model: M) -> M:
    """Return a copy in eval mode whose Conv2d-BatchNorm2d pairs are one convolution each."""
    folded = copy.deepcopy(model).cpu().eval()
    for module in folded.modules():
        if isinstance(module, nn.Sequential):
            for position in range(len(module) - 1):
                convolution, norm = module[position], module[position + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[position] = fuse_conv_bn_eval(convolution, norm)
                    module[position + 1] = nn.Identity()
    return folded


def count_costs(model: nn.Module, size: int) -> dict[str, int]:
    """Return the number of parameters, and of multiply-accumulates for one image of (3, size, size)."""
    model = copy.deepcopy(model).cpu().eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, size, size))
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs": counter.get_total_flops() // 2,  # torch counts a multiply-accumulate as two operations
    }


def _strip(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without notes and without the shapes of intermediate values."""
    for item in (model, model.graph, *model.graph.node, *model.graph.initializer):
        item.doc_string = ""
        item.ClearField("metadata_props")
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    onnx.checker.check_model(model, full_check=True)
    return model
