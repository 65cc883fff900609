"""What a model file says of itself: all that its user needs beside the weights, inside the file."""

import json
from pathlib import Path

import onnx
from pydantic import ValidationError

from stages.deployment.decision import Decision
from stages.foundation.params import Section

KEY = "melanoma_kd"  # the one metadata entry, JSON
RELEASED = Path(__file__).parents[2] / "models/released/student_int8.onnx"  # what Git holds, and users take by default
LICENCE = "code MIT; weights CC BY-NC 4.0, as the images of HAM10000 they were trained on"
PREPROCESSING = (
    "RGB upright by EXIF, the whole image squashed to a square by an antialiased bilinear filter, divided by 255; "
    "normalisation is inside the model"
)
ROTATIONS = "; the model itself averages its answer over {} quarter turns of the image"
INTENDED_USE = "Research on model compression. Not a medical device; not for diagnosis, triage or reassurance."


class Frame(Section):
    """Which images are taken, as the pack took them: limits from the header, then a square of `size` pixels."""

    size: int
    min_side: int
    max_aspect: float
    max_megapixels: float


class Metadata(Section):
    """classes: of the logits, in order; hashes: of the data, the weights and the code it was made from."""

    student: str
    data: str
    classes: list[str]
    melanoma: str
    preprocessing: str
    frame: Frame
    decision: Decision
    hashes: dict[str, str]
    licence: str
    intended_use: str


def write_metadata(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Put the metadata into a model, in place of any it had."""
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, metadata.model_dump_json()


def metadata_of(model: onnx.ModelProto, name: str) -> Metadata:
    """Return the metadata inside a model; ValueError as `read_metadata`."""
    return read_metadata(next((entry.value for entry in model.metadata_props if entry.key == KEY), None), name)


def read_metadata(text: str | None, name: str) -> Metadata:
    """Return the metadata of a model from its entry; ValueError names the file when it has none or odd ones."""
    if text is None:
        raise ValueError(f"{name}: an ONNX file without the metadata {KEY!r}; take one that this pipeline exported")
    try:
        return Metadata.model_validate(json.loads(text))
    except (ValidationError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{name}: metadata {KEY!r} that cannot be read ({' '.join(str(error).split())[:200]})"
        ) from None
