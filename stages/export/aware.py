"""Quantisation-aware training: a student whose weights and activations are rounded to 8 bits as it is trained.

Convolutions of all blocks compute on 8-bit numbers: weights symmetric with a scale per channel, activations with a
range per tensor whose two ends are learned. Gradients of the rounding are those of Esser et al. 2020, "Learned step
size quantization"; what is learned are the ends' logarithms, as in Jain et al. 2020, "Trained quantization thresholds".
Squeeze-and-excitation, the first convolution and the classifier stay in float.
"""

from typing import cast

import torch
import torch.ao.quantization.fx._decomposed  # registers OPERATORS
from torch import nn
from torch.nn.utils import parametrize
from torchvision.models.mobilenetv3 import InvertedResidual, MobileNetV3
from torchvision.ops.misc import Conv2dNormActivation, SqueezeExcitation

from stages.export.graph import fold_batch_norms
from stages.export.weight_only import LARGEST_REDUCED
from stages.networks.models import Classifier

LEVELS = 255  # of an 8-bit number, above 0
OPERATORS = torch.ops.quantized_decomposed
SMALLEST = 1e-6  # scale of activations: of a tensor that is constant, or whose range was learned to nothing
FAINT = 1e-4  # weights: a channel without a larger one is 0, or its bias would not fit 32 bits
RANGE_RATE = 100.0  # learning-rate multiplier for the ranges


class Activation(nn.Module):
    """Activations rounded to 8 bits; while `observing`, they pass as they are and their range is noted.

    low and high: the range as it was noted, which holds 0; moved: what was learned since, of the ends' logarithms.
    """

    low: torch.Tensor
    high: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Buffer(torch.zeros(1)), nn.Buffer(torch.zeros(1))
        self.moved = nn.Parameter(torch.zeros(2))
        self.observing = False
        self.fixed: tuple[float, int] | None = None  # scale and zero point as numbers, which can be exported

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.observing:
            self.low, self.high = torch.minimum(self.low, x.min()), torch.maximum(self.high, x.max())
            return x
        if self.fixed is not None:
            levels = (*self.fixed, 0, LEVELS, torch.uint8)  # these two operators, unlike fake_quantize, can be exported
            return OPERATORS.dequantize_per_tensor(OPERATORS.quantize_per_tensor(x, *levels), *levels)
        share = (x[0].numel() * LEVELS) ** -0.5  # LSQ's: keeps these gradients from outweighing the weights'
        return torch._fake_quantize_learnable_per_tensor_affine(x, *self.levels(), 0, LEVELS, share)

    def levels(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scale and zero point, (1,) each; the zero point is not rounded."""
        low, high = (
            end * torch.exp(RANGE_RATE * moved) for end, moved in zip((self.low, self.high), self.moved, strict=True)
        )
        scale = ((high - low) / LEVELS).clamp(min=SMALLEST)
        return scale, -low / scale


class RoundedWeight(nn.Module):
    """Weights, (channels, ...), rounded to int8 from -64 to 64 with a scale for each channel."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        largest = weight.detach().abs().flatten(1).amax(dim=1)
        scale = torch.where(largest > FAINT, largest, 1) / LARGEST_REDUCED
        zeros = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
        return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -LARGEST_REDUCED, LARGEST_REDUCED)


def make_aware(student: Classifier, dropout: float = 0.0) -> Classifier:
    """Return a copy that rounds, whose ranges are not known yet, with this dropout before the last layer."""
    aware = fold_batch_norms(student)
    for module in aware.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
    features = cast(MobileNetV3, aware.backbone).features
    features[0] = nn.Sequential(features[0], Activation())
    for position, block in enumerate(features[1:], start=1):
        if isinstance(block, InvertedResidual):
            block.block = nn.Sequential(*map(_rounding, block.block))
            features[position] = nn.Sequential(block, Activation()) if block.use_res_connect else block
        else:
            features[position] = _rounding(block)
    return aware


def observe(aware: Classifier, images: torch.Tensor) -> None:
    """Set the first ranges from the activations of images, float32 (images, 3, size, size)."""
    activations = [module for module in aware.modules() if isinstance(module, Activation)]
    for activation in activations:
        activation.observing = True
    with torch.no_grad():
        aware(images)
    for activation in activations:
        activation.observing = False


def settle(aware: Classifier) -> None:
    """Make rounded weights plain ones and ranges plain numbers, for export."""
    for module in aware.modules():
        if isinstance(module, Activation):
            scale, zero_point = module.levels()
            module.fixed = scale.item(), int(zero_point.round().clamp(0, LEVELS).item())
        elif parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


def _rounding(module: nn.Module) -> nn.Module:
    """Return a part of a block that rounds what it gives: a convolution before its activation function and after."""
    if isinstance(module, SqueezeExcitation):
        return nn.Sequential(module, Activation())
    if not isinstance(module, Conv2dNormActivation):
        raise TypeError(f"wanted a convolution or squeeze-and-excitation, found {type(module).__name__}")
    convolution, _, *function = module
    parametrize.register_parametrization(convolution, "weight", RoundedWeight())
    return nn.Sequential(convolution, Activation(), *((*function, Activation()) if function else ()))
