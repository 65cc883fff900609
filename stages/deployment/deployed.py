"""An exported file with its metadata, ready to answer about pictures: ONNX, or LiteRT with a JSON file beside it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from stages.deployment.litert import LITERT, open_litert
from stages.deployment.metadata import FILE, RELEASED, Metadata, read_metadata
from stages.deployment.session import as_input, open_session
from stages.foundation.names import DISTANCE, INPUT, LOGITS
from stages.foundation.onnx_file import KEY
from stages.foundation.probability import class_probability

BATCH = 64  # images scored at once
Run = Callable[[np.ndarray], dict[str, np.ndarray]]  # float32 (batch, 3, size, size) -> a model's outputs by name


@dataclass(frozen=True)
class Answers:
    """What a file says of pictures: p_melanoma, float64 (images,), and distance from the training images, float32.

    NaN where the model gives no number.
    """

    p_melanoma: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Deployed:
    """An exported file."""

    run: Run
    metadata: Metadata

    def answers(self, pixels: np.ndarray, rows: np.ndarray | None = None) -> Answers:
        """Return the answers about these rows, by default all, of pixels: uint8 (images, size, size, 3)."""
        rows = np.arange(len(pixels)) if rows is None else rows
        outputs = score_pixels(self.run, pixels, rows)
        p = class_probability(outputs[LOGITS], self.metadata.classes.index(self.metadata.melanoma))
        return Answers(p, outputs[DISTANCE])


def open_deployed(path: Path, threads: int) -> Deployed:
    """Return a file that this pipeline exported; ValueError when it is another, or does not fit its own metadata."""
    if path == RELEASED and not path.is_file():
        raise ValueError(
            f"{path}: an installed package holds no model; take models/released/student_int8.onnx from the repository, "
            "by dvc get or from a clone, and name it: --model student_int8.onnx"
        )
    if path.suffix == LITERT:
        metadata = read_beside(path)
        return Deployed(open_litert(path, threads), metadata)
    session = open_session(path, threads=threads)
    metadata = read_metadata(session.get_modelmeta().custom_metadata_map.get(KEY), str(path))
    check_fit(session, metadata, str(path))
    return Deployed(run_of(session), metadata)


def read_beside(path: Path) -> Metadata:
    """Return the metadata in the JSON file beside a model; ValueError when it is not there, or another model's."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise ValueError(f"{path}: wanted its metadata beside it, in {beside.name}")
    metadata = read_metadata(beside.read_text(encoding="utf-8"), str(beside))
    if metadata.hashes.get(FILE) != hashlib.sha256(path.read_bytes()).hexdigest():
        raise ValueError(f"{beside}: the metadata of another file than {path.name}")
    return metadata


def run_of(session: ort.InferenceSession) -> Run:
    """Return a session as a function from images to outputs."""
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(None, {INPUT: images}), strict=True))


def score_pixels(run: Run, pixels: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return a model's outputs for these rows of pixels, uint8 (images, size, size, 3), by name."""
    batches = np.array_split(rows, max(1, -(-len(rows) // BATCH)))
    results = [run(as_input(pixels[batch])) for batch in batches]
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}


def check_fit(session: ort.InferenceSession, metadata: Metadata, name: str) -> None:
    """Raise ValueError unless the model's inputs and outputs have the types and shapes that its metadata say."""
    size = metadata.frame.size
    inputs = [(value.name, value.type, value.shape[1:]) for value in session.get_inputs()]
    outputs = [(value.name, value.shape[1:]) for value in session.get_outputs()]
    wanted = [(LOGITS, [len(metadata.classes)]), (DISTANCE, [])]
    if inputs != [(INPUT, "tensor(float)", [3, size, size])] or outputs != wanted:
        raise ValueError(
            f"{name}: its metadata want images of {size} pixels and outputs {wanted}, the model has {inputs}, {outputs}"
        )
    batch = session.get_inputs()[0].shape[0]
    if isinstance(batch, int):
        raise ValueError(f"{name}: it takes batches of {batch} alone; export it with a free batch size")
