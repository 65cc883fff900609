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
    """Focal loss on the labels; gamma 0 with melanoma_weight 0.5 is cross-entropy.

    The study, the student project whose README this one started from, took 2 and 0.75.
    """

    gamma: float = Field(ge=0, le=20)
    melanoma_weight: float = Field(gt=0, lt=1)


def _quarter_turns(number: int) -> int:
    if number not in (1, 2, 4):  # Literal[1, 2, 4] would accept True
        raise ValueError("wanted 1, 2 or 4")
    return number


class Schedule(Section):
    """How a network is optimised: AdamW, linear warm-up then cosine to zero, averaged weights, early stopping.

    mixup: parameter of its Beta distribution, 0 for none (Zhang et al. 2018); tta_rotations: number of quarter turns
    over which logits are averaged at test time.
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
        """Return the schedule with a repeat's seed; None leaves it as it is."""
        return self if seed is None else self.model_copy(update={"seed": seed})


class ViewCount(Part):
    """views: number of views of each image that students see in turn and soft labels are computed for."""

    views: int = Field(ge=1, le=10_000)


class Distill(Schedule, ViewCount, extra="forbid"):
    """The whole section: a student's schedule and its views."""


class LocalStart(Section):
    """A local safetensors file to start from, and its sha256, by which a change is noticed."""

    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


Start = Annotated[Literal["imagenet", "random"] | LocalStart, Field(union_mode="left_to_right")]
Init = dict[Literal["mobilenet_v3_small"] | Teacher, Start]


def start_of(init: Init, key: str) -> str | LocalStart:
    """Return the weights that params.yaml's init names for a model's key; ValueError when it names none."""
    if key not in init:
        raise ValueError(f"params.yaml: init.{key}: missing; wanted imagenet, random or {{file, sha256}}")
    return init[key]


class Compute(Threads, extra="forbid"):
    """auto: CUDA with bfloat16 if there is a GPU, else the CPU with fp32: few CPUs compute bfloat16 fast."""

    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "fp32", "bf16"]
