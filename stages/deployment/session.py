"""Open an ONNX file, with checks and one-line errors."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from stages.foundation.onnx_file import read_model


def open_session(source: Path | bytes, *, threads: int) -> ort.InferenceSession:
    """Return a CPU session of an ONNX file or its bytes; ValueError as `read_model`, or when it cannot be run."""
    content, model = read_model(source)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if folds_to_float(model):
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base class of their own
        name, reason = source if isinstance(source, Path) else "model", " ".join(str(error).split())[:200]
        raise ValueError(f"{name}: onnxruntime cannot run this model ({reason})") from None


def folds_to_float(model: onnx.ModelProto) -> bool:
    """Return whether no activation is quantised, so that int8 weights are best folded back to float at load."""
    return not any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def as_input(pixels: np.ndarray) -> np.ndarray:
    """Return images as a model takes them: uint8 (batch, size, size, 3) to float32 (batch, 3, size, size) in [0, 1]."""
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2).astype(np.float32) / 255)
