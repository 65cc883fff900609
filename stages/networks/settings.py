"""The sections `views`, `teacher`, `distill`, `init` and `compute`: how a network is trained, and where."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field

from stages.foundation.names import Teacher, parse_teacher, repeated_by
from stages.foundation.params import Part, Section, Seed, checked
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
    batch_size: int = Field(ge=3, le=65_536)  # batch norm needs two; with 2 an odd data set ends in a batch of one
    learning_rate: float = Field(gt=0, le=1)  # at its peak
    weight_decay: float = Field(ge=0, le=10)
    warmup: float = Field(ge=0, lt=1)  # share of all steps
    averaging: float = Field(ge=0, lt=1)  # decay per step of the averaged weights
    clip_norm: float = Field(gt=0, le=1e6)
    dropout: float = Field(ge=0, lt=1)
    frozen_norm: bool  # batch norm keeps the statistics it starts with, and uses them: for few images
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
    """A local file to start from, safetensors or an exported student (ONNX), and its sha256: a change is noticed."""

    file: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


Start = Annotated[Literal["imagenet", "random"] | LocalStart, Field(union_mode="left_to_right")]
Init = dict[Teacher, Start]


def start_of(init: Init, key: str) -> str | LocalStart:
    """Return the weights that params.yaml's init names for a model's key, or else for what the key repeats.

    ValueError when init names none of them.
    """
    for name in repeated_by(key):
        if name in init:
            return init[name]
    raise ValueError(f"params.yaml: init.{name}: missing; wanted imagenet, random or {{file, sha256}}")


class TeacherChange(Section):
    """Keys of the section `teacher` with other values; views: keys of `views`, for this teacher's training alone."""

    model_config = ConfigDict(extra="allow")

    views: dict[str, Any] = Field(default_factory=dict)


class TeacherSchedule(Schedule):
    """The whole section `teacher`; changes: for an architecture or for one key, such as `resnet18_seed43`."""

    changes: dict[Teacher, TeacherChange]


class TeacherPlan(Section):
    """All that is decided for one teacher, in a file of its own: another teacher's plan may change without it."""

    start: Start
    schedule: Schedule
    views: Views


def plan_of(teacher: TeacherSchedule, views: Views, init: Init, key: str) -> TeacherPlan:
    """Return a teacher's plan: the section's, with its architecture's changes and its own; ValueError on unfit ones."""
    schedule, view = teacher.model_dump(exclude={"changes"}), views.model_dump()
    for name in reversed(repeated_by(key)):
        change = teacher.changes.get(name, TeacherChange())
        schedule |= change.model_extra or {}
        view |= change.views
    where = f"teacher.changes, as {key} takes them"
    return checked(TeacherPlan, {"start": start_of(init, key), "schedule": schedule, "views": view}, where)


PLANS = Path("data/teachers")


def read_plan(key: str) -> TeacherPlan:
    """Return the plan that check_params wrote for a teacher; ValueError when there is none."""
    path = PLANS / f"{key}.json"
    if not path.is_file():
        raise ValueError(f"{path}: no such plan of a teacher; dvc repro check_params makes those of params.yaml")
    plan = TeacherPlan.model_validate_json(path.read_bytes())
    return plan.model_copy(update={"schedule": plan.schedule.seeded(parse_teacher(key).seed)})


class Compute(Threads, extra="forbid"):
    """auto: CUDA with bfloat16 if there is a GPU, else the CPU with fp32: few CPUs compute bfloat16 fast.

    deterministic: of equal settings equal bits; without, a GPU takes its fastest algorithms.
    """

    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "fp32", "bf16"]
    deterministic: bool
