"""Sections of params.yaml that several kinds of stages read, and those of no one kind."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator

from stages.foundation.names import EachOnce, Teachers
from stages.foundation.params import Part, Section, Seed


def _shortest(value: Any) -> int | float:
    """Return a number in the spelling that DVC puts into a student's key; 2.0 would name another student than 2."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("wanted a number")
    if f"{value:g}" != str(value):
        raise ValueError(f"write {value:g}, not {value}")
    return value


def _temperature(value: Any) -> int | float:
    if not 0 < _shortest(value) <= 100:
        raise ValueError("wanted a number above 0, at most 100")
    return _shortest(value)


def _alpha(value: Any) -> int | float:
    if not 0 <= _shortest(value) <= 1:
        raise ValueError("wanted a number from 0 to 1")
    return _shortest(value)


class Data(Section):
    """Which archive below data/raw the pipeline runs on."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")


class Selection(Part):
    """The student that is quantised, explained and reported."""

    temperature: Annotated[int | float, PlainValidator(_temperature)]
    alpha: Annotated[int | float, PlainValidator(_alpha)]

    @property
    def selected(self) -> str:
        """Return the selected student's key."""
        return f"T{self.temperature}_alpha{self.alpha}"


class Distilling(Part):
    """The teachers whose mean logits students learn from."""

    teachers: Teachers


class Kd(Selection, Distilling, extra="forbid"):
    """The section whole; `repeated` is the student trained with further seeds, as the control is."""

    repeated: str


BaselineModel = Literal["logistic_regression", "svm_rbf", "random_forest", "gradient_boosting"]


class Baselines(Section):
    """scikit-learn's classifiers on hand-crafted features; max_train: training images used, 0 for all."""

    models: Annotated[list[BaselineModel], Field(min_length=1), EachOnce]
    max_train: int = Field(ge=0, le=10_000_000)
    seed: Seed


class Threads(Part):
    """Threads of each process: bits are equal for equal numbers only."""

    threads: int = Field(ge=1, le=1024)


class OperatingPoint(Part):
    """What is decided on val: the sensitivity to reach, and the coverage that referral keeps of either class."""

    sensitivity: float = Field(gt=0, le=1)
    coverage: float = Field(gt=0, lt=1)


class Evaluate(OperatingPoint, extra="forbid"):
    """replicates and seed: of the bootstrap over lesions."""

    replicates: int = Field(ge=100, le=1_000_000)
    seed: Seed


class Tracking(Section):
    """What `melanoma-kd track` does with histories and metrics."""

    wandb: Literal["disabled", "offline", "online"]
