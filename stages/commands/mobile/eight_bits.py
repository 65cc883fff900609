"""The int8 `.tflite` of a quantisation-aware student: LiteRT's own quantiser, given the ranges that were learned.

Convolutions of the blocks, their padding and the residual sums compute on 8-bit numbers. Squeeze-and-excitation, the
first convolution, hard-swish and the classifier compute in float, with int8 weights, as in the student's ONNX file.
"""

import re
import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from stages.export.aware import Activation
from stages.export.weight_only import LARGEST, LARGEST_REDUCED, SMALLEST
from stages.networks.models import Classifier

IN_FLOAT = "SqueezeExcitation"  # in the names of a part's tensors: where they come from
BLOCKS = ("CONV_2D", "DEPTHWISE_CONV_2D", "HARD_SWISH", "MUL", "ADD")  # whose results the student rounds
CHANNELS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}  # axis of the output channels in the weights
EIGHT_BITS = ("CONV_2D", "DEPTHWISE_CONV_2D", "PAD", "ADD")


@dataclass(frozen=True)
class Range:
    """Smallest and largest value of an activation of shape (channels, height, width)."""

    shape: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Operator:
    """One operator of a `.tflite`. constants: how many of its inputs are; shape: (channels, height, width)."""

    kind: str
    inputs: list[str]
    output: str
    constants: int
    shape: tuple[int, ...]


def learned_ranges(aware: Classifier, image: torch.Tensor) -> list[Range]:
    """Return the ranges of a settled student in the order it computes them; image: float32 (1, 3, size, size).

    What comes before a ReLU is left out: in LiteRT a convolution and its ReLU are one operator.
    """
    fused = {
        first for part in aware.modules() if isinstance(part, nn.Sequential) for first, then in _pairs(part) if then
    }
    found: list[Range] = []
    hooks = []
    for module in aware.modules():
        if isinstance(module, Activation) and module not in fused:
            hooks.append(module.register_forward_hook(lambda part, given, _: found.append(_range(part, given[0]))))
    with torch.inference_mode():
        aware(image)
    for hook in hooks:
        hook.remove()
    return found


def to_eight_bits(content: bytes, ranges: list[Range]) -> bytes:
    """Return a float32 `.tflite` with 8-bit arithmetic; ValueError when its operators are not those of the ranges."""
    from ai_edge_quantizer import qtyping, quantizer, recipe_manager  # noqa: PLC0415 - an optional extra

    operators = read_operators(content)
    known = match(operators, ranges)
    for operator in operators:
        if operator.kind == "PAD" and operator.inputs[0] in known:
            known[operator.output] = known[operator.inputs[0]]
    weights = qtyping.TensorQuantizationConfig(8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE)
    weight_only = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
        min_weight_elements=SMALLEST,
    )
    recipes = recipe_manager.RecipeManager()
    for kind in ("CONV_2D", "FULLY_CONNECTED"):
        recipes.add_quantization_config(".*", qtyping.TFLOperationName(kind), weight_only)
    computing = [
        operator
        for operator in operators
        if operator.kind in EIGHT_BITS and {operator.inputs[0], operator.output} <= set(known)
    ]
    for operator in computing:
        recipes.add_static_config(f"^{re.escape(operator.output)};?$", qtyping.TFLOperationName(operator.kind), 8, 8)
    channels = {operator.inputs[1]: CHANNELS[operator.kind] for operator in computing if operator.kind in CHANNELS}
    values = weight_ranges(content, channels)
    for name, learned in known.items():
        values[name] = {"min": np.array(learned.low, np.float32), "max": np.array(learned.high, np.float32)}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # it keeps all tensors of its interpreter, and warns of that itself
        found = quantizer.Quantizer(content, recipes.get_quantization_recipe()).quantize(values)
    return bytes(found.quantized_model)


def weight_ranges(content: bytes, channels: dict[str, int]) -> dict[str, dict[str, np.ndarray]]:
    """Return the range of each of these weights, by name, in which they keep the 8 bits they were trained in.

    channels: name -> axis of the output channels. min and max: of each channel, float32, of as many axes as the
    weights. The quantiser makes the end of a range 127, `RoundedWeight` made a channel's largest weight 64.
    """
    from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray  # noqa: PLC0415

    model, ranges = read_model_from_bytearray(bytearray(content)), {}
    for tensor in model.subgraphs[0].tensors:
        if (name := tensor.name.decode()) in channels:
            weights = np.abs(model.buffers[tensor.buffer].data.view(np.float32).reshape(tensor.shape))
            others = tuple(axis for axis in range(weights.ndim) if axis != channels[name])
            end = weights.max(axis=others, keepdims=True) * np.float32(LARGEST / LARGEST_REDUCED)
            ranges[name] = {"min": -end, "max": end}
    return ranges


def match(operators: list[Operator], ranges: list[Range]) -> dict[str, Range]:
    """Return the range of each result that the student rounds, by its name; ValueError unless shapes agree."""
    rounded = [operator for operator in operators if _is_rounded(operator)][1:]  # not the first convolution's
    shapes = [operator.shape for operator in rounded]
    if shapes != (wanted := [learned.shape for learned in ranges]):
        raise ValueError(f"LiteRT's operators give {shapes}, the student's ranges are of {wanted}")
    return {operator.output: learned for operator, learned in zip(rounded, ranges, strict=True)}


def read_operators(content: bytes) -> list[Operator]:
    """Return the operators of a `.tflite` in their order."""
    from ai_edge_litert.tools.flatbuffer_utils import opcode_to_name, read_model_from_bytearray  # noqa: PLC0415

    model = read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    operators = []
    for operator in graph.operators:
        inputs = [graph.tensors[number] for number in operator.inputs if number >= 0]
        output = graph.tensors[operator.outputs[0]]
        constants = sum(model.buffers[tensor.buffer].data is not None for tensor in inputs)
        names = [tensor.name.decode() for tensor in inputs]
        _, *rest = (int(length) for length in output.shape) if len(output.shape) else (1,)
        shape = (rest[-1], *rest[:-1]) if rest else ()  # LiteRT has channels last
        kind = opcode_to_name(model, operator.opcodeIndex) or ""
        operators.append(Operator(kind, names, output.name.decode(), constants, shape))
    return operators


def shrink(content: bytes) -> bytes:
    """Return a `.tflite` that computes the same in a tenth less: numbers for names, equal lists stored once."""
    import flatbuffers  # noqa: PLC0415 - comes with the extra
    from ai_edge_litert.tools.flatbuffer_utils import read_model_from_bytearray  # noqa: PLC0415

    class Sharing(flatbuffers.Builder):  # type: ignore[misc]
        """A builder that writes equal vectors once: each weight has as many zero points, all 0, as channels."""

        def CreateNumpyVector(self, x: np.ndarray) -> int:
            key = x.dtype.str, x.tobytes()
            if key not in written:
                written[key] = super().CreateNumpyVector(x)
            return written[key]

    written: dict[tuple[str, bytes], int] = {}
    model = read_model_from_bytearray(bytearray(content))
    for graph in model.subgraphs:
        for number, tensor in enumerate(graph.tensors):
            tensor.name = str(number)
    builder = Sharing(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _is_rounded(operator: Operator) -> bool:
    """Say whether the student rounds what this operator gives."""
    if operator.kind not in BLOCKS or len(operator.shape) < len(("channels", "height", "width")):
        return False
    if operator.kind == "MUL":  # of a block by its excitation; other products are by a constant
        return operator.constants == 0
    return operator.kind in ("HARD_SWISH", "ADD") or IN_FLOAT not in operator.output


def _pairs(part: nn.Sequential) -> list[tuple[nn.Module, bool]]:
    """Return each part of a sequence but the last, and whether a ReLU follows."""
    parts = list(part)
    return [(first, isinstance(then, nn.ReLU)) for first, then in pairwise(parts)]


def _range(activation: Activation, given: torch.Tensor) -> Range:
    scale, zero_point = activation.fixed or (1.0, 0)
    return Range(tuple(given.shape[1:]), -zero_point * scale, (255 - zero_point) * scale)
