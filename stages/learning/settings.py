"""The sections `views`, `teacher`, `distill`, `init` and `compute`: how a network is trained, and where."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field

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


class HardLoss(Section):
    """Focal loss on the labels; gamma 0 with melanoma_weight 0.5 is cross-entropy, the study's is 2 and 0.75."""

    gamma: float = Field(ge=0, le=20)
    melanoma_weight: float = Field(gt=0, lt=1)


def _quarter_turns(number: int) -> int:
    if number not in (1, 2, 4):
        raise ValueError("wanted 1, 2 or 4")
    return number


class Schedule(Section):
    """How a network is optimised: AdamW, linear warm-up then cosine to zero, averaged weights, early stopping.

    mixup is the parameter of its Beta distribution, 0 for none (Zhang et al. 2018); tta_rotations counts the quarter
    turns that are averaged at test time.
    """

    seed: Seed
    epochs: int = Field(ge=1, le=10_000)
    patience: int = Field(ge=1, le=10_000)  # epochs without a better validation ROC-AUC before stopping
    batch_size: int = Field(ge=2, le=65_536)
    learning_rate: float = Field(gt=0, le=1)  # at its peak
    weight_decay: float = Field(ge=0, le=10)
    warmup: float = Field(ge=0, lt=1)  # share of all steps
    averaging: float = Field(ge=0, lt=1)  # decay per step of the averaged weights
    clip_norm: float = Field(gt=0, le=1e6)
    dropout: float = Field(ge=0, lt=1)
    mixup: float = Field(ge=0, le=100)
    tta_rotations: Annotated[int, AfterValidator(_quarter_turns)]
    loss: HardLoss

    def seeded(self, seed: int | None) -> Self:
        """Return the schedule of a repeat with this seed, itself for None."""
        return self if seed is None else self.model_copy(update={"seed": seed})


class ViewCount(Part):
    """How many views of each image the students are shown in turn: soft labels are computed for these."""

    views: int = Field(ge=1, le=10_000)


class Distill(Schedule, ViewCount, extra="forbid"):
    """A student's schedule and its views."""


class LocalStart(Section):
    """A safetensors file to start from; its sha256 is its tracked identity."""

    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


Start = Annotated[Literal["imagenet", "random"] | LocalStart, Field(union_mode="left_to_right")]
Init = dict[Literal["mobilenet_v3_small"] | Teacher, Start]


def start_of(init: Init, key: str) -> str | LocalStart:
    """Return what a model starts from, by its key in params.yaml's init; ValueError when it is not there."""
    if key not in init:
        raise ValueError(f"params.yaml: init.{key}: missing; wanted imagenet, random or {{file, sha256}}")
    return init[key]


class Compute(Threads, extra="forbid"):
    """auto takes CUDA, and bfloat16 on it, where there is one; without AMX bfloat16 is slower on a CPU."""

    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "fp32", "bf16"]
