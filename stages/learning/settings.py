"""The sections `views`, `teacher`, `distill`, `init` and `compute`: how a network is trained, and where."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter

from stages.foundation.files import write_json
from stages.foundation.names import Teacher
from stages.foundation.params import Part, Section, Seed
from stages.foundation.settings import Threads


class Views(Section):
    """Augmentation: how far a view may differ from its image."""

    seed: Seed
    rotation: float = Field(ge=0, le=180)  # degrees, either way
    zoom: float = Field(ge=1, le=4)  # factor, either way
    brightness: float = Field(ge=0, lt=1)  # added, of the range 0 to 1
    contrast: float = Field(ge=0, lt=1)  # factor 1 ± this
    mixtures: float = Field(ge=0, le=1)  # share of the views that mix in a second image
    cutout: float = Field(ge=0, lt=1)  # side of the square that is cut out, of the image's side


class HardLoss(Section):
    """Focal loss on the labels; gamma 0 with melanoma_weight 0.5 is cross-entropy.

    The study, the student project whose README this one started from, took 2 and 0.75.
    """

    gamma: float = Field(ge=0, le=20)
    melanoma_weight: float = Field(gt=0, lt=1)


class Schedule(Section):
    """How a network is optimised: AdamW, linear warm-up then cosine to zero, averaged weights.

    All epochs are trained and the last averaged weights are kept: the best epoch on val would be a lucky one.
    """

    seed: Seed
    epochs: int = Field(ge=1, le=10_000)
    batch_size: int = Field(ge=2, le=65_536)
    learning_rate: float = Field(gt=0, le=1)  # at its peak
    weight_decay: float = Field(ge=0, le=10)
    warmup: float = Field(ge=0, lt=1)  # share of all steps
    averaging: float = Field(ge=0, lt=1)  # decay per step of the averaged weights
    clip_norm: float = Field(gt=0, le=1e6)
    dropout: float = Field(ge=0, lt=1)
    loss: HardLoss

    def seeded(self, seed: int | None) -> Self:
        """Return the schedule with a repeat's seed; None leaves it as it is."""
        return self if seed is None else self.model_copy(update={"seed": seed})


class ViewCount(Part):
    """views: of each image, which students see in turn and soft labels are computed for; "epochs": one an epoch."""

    epochs: int = Field(ge=1, le=10_000)
    views: Literal["epochs"] | Annotated[int, Field(ge=1, le=10_000)]

    @property
    def view_count(self) -> int:
        return self.epochs if self.views == "epochs" else self.views


class Distill(Schedule, ViewCount, extra="forbid"):
    """The whole section: a student's schedule and its views."""


class LocalStart(Section):
    """A local safetensors file to start from, and its sha256, by which a change is noticed."""

    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


Start = Annotated[Literal["imagenet", "random"] | LocalStart, Field(union_mode="left_to_right")]
STARTS = Path("data/starts")  # one file for each teacher
Init = dict[Teacher, Start]


def start_of(init: Init, key: str) -> str | LocalStart:
    """Return the weights that params.yaml's init names for a model's key, or else for what the key repeats.

    `resnet18_seed43_fold0` may start from a start of its own, from `resnet18_seed43`'s or from `resnet18`'s. ValueError
    when init names none of them.
    """
    names = [key]
    while "_seed" in names[-1] or "_fold" in names[-1]:
        names.append(names[-1].rpartition("_")[0])
    for name in names:
        if name in init:
            return init[name]
    raise ValueError(f"params.yaml: init.{names[-1]}: missing; wanted imagenet, random or {{file, sha256}}")


def write_start(path: Path, start: str | LocalStart) -> None:
    """Write the weights one training starts from, so that it depends on these alone and not on all of init."""
    write_json(path, start.model_dump() if isinstance(start, LocalStart) else start)


def read_start(path: Path) -> str | LocalStart:
    """Return what `write_start` wrote."""
    return TypeAdapter(Start).validate_json(path.read_bytes())


class Compute(Threads, extra="forbid"):
    """auto: CUDA with bfloat16 if there is a GPU, else the CPU with fp32: few CPUs compute bfloat16 fast."""

    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "fp32", "bf16"]
