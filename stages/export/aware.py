"""Quantisation-aware training: a student whose weights and activations are rounded to 8 bits as it is trained.

Convolutions of all blocks compute on 8-bit numbers: weights symmetric with a scale per channel, activations with a
scale and a zero point per tensor, which are learned (Esser et al. 2020, "Learned step size quantization"; Bhalgat et
al. 2020, "LSQ+", for the zero point). Squeeze-and-excitation, the first convolution and the classifier stay in float.
"""

import copy
from pathlib import Path
from typing import cast

import torch
import torch.ao.quantization.fx._decomposed  # registers OPERATORS
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import parametrize
from torchvision.models.mobilenetv3 import InvertedResidual, MobileNetV3
from torchvision.ops.misc import Conv2dNormActivation, SqueezeExcitation

from stages.export.graph import fold_batch_norms
from stages.foundation.files import saving
from stages.foundation.names import STUDENT
from stages.networks.models import Classifier, build_model

AWARE_WEIGHTS = "aware.safetensors"
LEVELS = 255  # of an 8-bit number, above 0
OPERATORS = torch.ops.quantized_decomposed
SMALLEST = 1e-6  # scale, of a tensor that is constant


class Activation(nn.Module):
    """Activations rounded to 8 bits; while `observing`, they pass as they are and their range is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.zero_point = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))
        self.observing = False
        self.low, self.high = 0.0, 0.0
        self.fixed: tuple[float, int] | None = None  # scale and zero point as numbers, which can be exported

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.observing:
            self.low, self.high = min(self.low, float(x.min())), max(self.high, float(x.max()))
            return x
        if self.fixed is not None:
            levels = (*self.fixed, 0, LEVELS, torch.uint8)  # these two operators, unlike fake_quantize, can be exported
            return OPERATORS.dequantize_per_tensor(OPERATORS.quantize_per_tensor(x, *levels), *levels)
        slow = (x[0].numel() * LEVELS) ** -0.5  # LSQ's factor of the gradient of a scale
        return torch._fake_quantize_learnable_per_tensor_affine(x, self.scale, self.zero_point, 0, LEVELS, slow)

    def set_range(self) -> None:
        """Take the noted range, which holds 0, as the first scale and zero point."""
        scale = max((self.high - self.low) / LEVELS, SMALLEST)
        with torch.no_grad():
            self.scale.fill_(scale)
            self.zero_point.fill_(round(-self.low / scale))


class RoundedWeight(nn.Module):
    """Weights, (channels, ...), rounded to int8 from -127 to 127 with a scale for each channel."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        largest = weight.detach().abs().flatten(1).amax(dim=1)
        scale = torch.where(largest > 0, largest, 1) / 127
        zeros = torch.zeros(len(weight), dtype=torch.int32, device=weight.device)
        return torch.fake_quantize_per_channel_affine(weight, scale, zeros, 0, -127, 127)


def make_aware(student: Classifier) -> Classifier:
    """Return a copy that rounds, whose ranges are not known yet."""
    aware = fold_batch_norms(student)
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
    with torch.inference_mode():
        aware(images)
    for activation in activations:
        activation.observing = False
        activation.set_range()


def without_rounding(aware: Classifier) -> Classifier:
    """Return a copy of a settled model that keeps its weights and rounds no activation: others may do that."""
    plain = copy.deepcopy(aware)
    for module in list(plain.modules()):
        for name, child in module.named_children():
            if isinstance(child, Activation):
                setattr(module, name, nn.Identity())
    return plain


def save_aware(path: Path, aware: Classifier) -> None:
    """Write the weights and ranges, before `settle`."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in aware.state_dict().items()}
    with saving(path, SafetensorError):
        save_file(state, path)


def load_aware(path: Path, classes: int) -> Classifier:
    """Return the settled model in a file of `save_aware`; ValueError when it is another one."""
    aware = make_aware(build_model(STUDENT, classes))
    try:
        aware.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: no quantisation-aware student ({reason}); dvc repro quantization_aware") from None
    settle(aware)
    return aware.eval()


def settle(aware: Classifier) -> None:
    """Make rounded weights plain ones and ranges plain numbers, for export.

    The range of a part that never fires may have been learned to nothing, by which no bias could be divided.
    """
    for module in aware.modules():
        if isinstance(module, Activation):
            scale = max(module.scale.item(), SMALLEST)
            module.fixed = scale, int(module.zero_point.round().clamp(0, LEVELS).item())
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
