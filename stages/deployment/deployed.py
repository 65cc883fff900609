"""An exported file with its metadata, ready to answer about pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from stages.deployment.metadata import KEY, Metadata, read_metadata
from stages.deployment.session import DISTANCE, INPUT, LOGITS, as_input, open_session
from stages.foundation.probability import class_probability

BATCH = 64  # images scored at once


@dataclass(frozen=True)
class Answers:
    """What a file says of pictures: p_melanoma, float64 (images,), and distance from the training images, float32.

    NaN where the model gives no number, or the file tells no distance.
    """

    p_melanoma: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Deployed:
    """An exported file."""

    session: ort.InferenceSession
    metadata: Metadata

    def answers(self, pixels: np.ndarray, rows: np.ndarray | None = None) -> Answers:
        """Return the answers about these rows, by default all, of pixels: uint8 (images, size, size, 3)."""
        rows = np.arange(len(pixels)) if rows is None else rows
        outputs = score_pixels(self.session, pixels, rows)
        p = class_probability(outputs[LOGITS], self.metadata.classes.index(self.metadata.melanoma))
        return Answers(p, outputs.get(DISTANCE, np.full(len(rows), np.nan, np.float32)))


def open_deployed(path: Path, threads: int) -> Deployed:
    """Return a file that this pipeline exported; ValueError when it is another, or does not fit its own metadata."""
    session = open_session(path, threads=threads)
    metadata = read_metadata(session.get_modelmeta().custom_metadata_map.get(KEY), str(path))
    check_fit(session, metadata, str(path))
    return Deployed(session, metadata)


def score_pixels(session: ort.InferenceSession, pixels: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return a model's outputs for these rows of pixels, uint8 (images, size, size, 3), by name."""
    batches = np.array_split(rows, max(1, -(-len(rows) // BATCH)))
    results = [session.run(None, {INPUT: as_input(pixels[batch])}) for batch in batches]
    names = [output.name for output in session.get_outputs()]
    return {name: np.concatenate(parts) for name, parts in zip(names, zip(*results, strict=True), strict=True)}


def check_fit(session: ort.InferenceSession, metadata: Metadata, name: str) -> None:
    """Raise ValueError unless the model's inputs and outputs have the types and shapes that its metadata say."""
    size = metadata.frame.size
    inputs = [(value.name, value.type, value.shape[1:]) for value in session.get_inputs()]
    outputs = [(value.name, value.shape[1:]) for value in session.get_outputs()]
    wanted = [(LOGITS, [len(metadata.classes)])]
    if metadata.decision.farthest is not None:
        wanted.append((DISTANCE, []))
    if inputs != [(INPUT, "tensor(float)", [3, size, size])] or outputs != wanted:
        raise ValueError(
            f"{name}: its metadata want images of {size} pixels and outputs {wanted}, the model has {inputs}, {outputs}"
        )
    batch = session.get_inputs()[0].shape[0]
    if isinstance(batch, int):
        raise ValueError(f"{name}: it takes batches of {batch} alone; export it with a free batch size")
