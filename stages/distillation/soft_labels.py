"""Write and read the file of a teacher's logits on every view of every training image."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stages.foundation.files import saving


def save_soft_labels(path: Path, logits: np.ndarray, train_ids: list[str]) -> None:
    """Write logits (views, images, classes) as float16, with a digest of the image ids, in order, and the logits.

    float16 rounds a logit by less than 0.1 %, which a student does not notice, and halves the file.
    """
    logits = np.ascontiguousarray(logits, dtype=np.float16)
    with saving(path, SafetensorError):
        save_file({"logits": logits}, path, {"sha256": _digest(train_ids, logits)})


def load_soft_labels(path: Path, shape: tuple[int, int, int], train_ids: list[str]) -> torch.Tensor:
    """Return float32 (views, images, classes); ValueError when the file is of other images, views or classes."""
    if not path.is_file():
        raise ValueError(f"{path}: no such soft labels; dvc repro soft_labels makes them")
    try:
        with safe_open(path, framework="np") as file:
            metadata, logits = file.metadata() or {}, file.get_tensor("logits")
    except SafetensorError as error:
        raise ValueError(
            f"{path}: not a whole file of soft labels ({error}); remake it: dvc repro --force soft_labels"
        ) from None
    if logits.shape != shape:
        raise ValueError(f"{path}: wanted (views, images, classes) {shape}, found {logits.shape}")
    if metadata.get("sha256") != _digest(train_ids, logits):
        raise ValueError(
            f"{path}: altered, or made for other training images than train.csv's; "
            "remake it: dvc repro --force soft_labels"
        )
    return torch.from_numpy(logits).float()


def _digest(train_ids: list[str], logits: np.ndarray) -> str:
    return hashlib.sha256("\n".join(train_ids).encode() + logits.tobytes()).hexdigest()
