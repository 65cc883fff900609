"""The metadata inside an exported ONNX file: preprocessing, classes, decision, origin and intended use."""

import json
from pathlib import Path
from typing import Literal, Self

import onnx
from pydantic import Field, ValidationError, model_validator

from stages.deployment.decision import Decision
from stages.foundation.onnx_file import KEY
from stages.foundation.params import Section
from stages.foundation.settings import DEMO

FILE = "file"  # of `hashes`, where the metadata lie beside the file that they are of
RELEASED = (
    Path(__file__).parents[2] / "models/released/student_int8.onnx"
)  # the model in Git, the default of `predict` and `web`
LICENCES = {DEMO: "mit", "ham10000": "cc-by-nc-4.0"}  # of weights by the data, as Hugging Face names them
IN_WORDS = {"mit": "MIT", "cc-by-nc-4.0": "CC BY-NC 4.0, as the images of HAM10000 they were trained on"}
PREPROCESSING = (
    "RGB upright by EXIF, the whole image squashed to a square by an antialiased bilinear filter, divided by 255; "
    "normalisation is inside the model"
)
INTENDED_USE = "Research on model compression. Not a medical device; not for diagnosis, triage or reassurance."


def license_of(data: str) -> str:
    """Return the licence of what was trained on an archive, in words."""
    return f"code MIT; weights {IN_WORDS.get(LICENCES.get(data, ''), 'as the images they were trained on')}"


class Frame(Section):
    """The size images are squashed to, in pixels, and the limits outside which they are refused."""

    size: int = Field(ge=1, le=4096)
    min_side: int = Field(ge=1)
    max_aspect: float = Field(ge=1)
    max_megapixels: float = Field(gt=0)


class Metadata(Section):
    """classes: of the logits, in order; melanoma: its class; hashes: sha256 of its data, weights and code.

    schema_version: of this contract, docs/metadata.schema.json; it rises when a reader has to change. The package's
    version and commit are not here, as equal inputs are to give equal bytes: `hashes` says which code it was.
    """

    schema_version: Literal[1] = 1
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

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        if self.melanoma not in self.classes or len(set(self.classes)) < len(self.classes):
            raise ValueError(f"classes {self.classes}: wanted each once and {self.melanoma!r} among them")
        return self


def write_metadata(model: onnx.ModelProto, metadata: Metadata) -> None:
    """Store the metadata in a model, replacing any it had."""
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, metadata.model_dump_json()


def metadata_of(model: onnx.ModelProto, name: str) -> Metadata:
    """Return the metadata stored in a model; ValueError names the file when it has none or invalid ones."""
    return read_metadata(next((entry.value for entry in model.metadata_props if entry.key == KEY), None), name)


def read_metadata(text: str | None, name: str) -> Metadata:
    """Return the metadata from the JSON of a model's entry; ValueError names the file when it is None or invalid."""
    if text is None:
        raise ValueError(f"{name}: an ONNX file without the metadata {KEY!r}; take one that this pipeline exported")
    try:
        return Metadata.model_validate(json.loads(text))
    except (ValidationError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{name}: metadata {KEY!r} that cannot be read ({' '.join(str(error).split())[:200]})"
        ) from None
