"""Weight-only int8 in mixed precision: the weights whose rounding changes the answers most stay in float."""

import numpy as np
import onnx

from stages.deployment.deployed import run_of
from stages.deployment.session import open_session
from stages.export.graph import serialize
from stages.export.weight_only import quantizable, quantize_weights
from stages.foundation.names import LOGITS

SPARED = 7000  # weights at most: 21 kB more than in int8, for which a MobileNetV3-Small has room below 1.7 MB


def quantize_mixed(model: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    """Return `quantize_weights`, but for tensors of SPARED weights at most, which stay in float.

    images: of train, float32 (images, 3, size, size). One tensor after another is left in float alone. Those are taken
    that take most off the squared error of the logits for each of their weights.
    """
    exact = _logits(model, images)

    def error(spared: set[str]) -> float:
        return float(((_logits(quantize_weights(model, spared=spared), images) - exact) ** 2).mean())

    whole, sizes = error(set()), quantizable(model)
    gains = {name: (whole - error({name})) / size for name, size in sizes.items() if size <= SPARED}
    spared: set[str] = set()
    for name in sorted(gains, key=lambda name: gains[name], reverse=True):
        if gains[name] > 0 and sum(sizes[other] for other in spared) + sizes[name] <= SPARED:
            spared.add(name)
    return quantize_weights(model, spared=spared)


def _logits(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    run = run_of(open_session(serialize(model), threads=1))
    return run(images)[LOGITS]
