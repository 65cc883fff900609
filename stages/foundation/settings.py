"""Sections of params.yaml that stages of several folders read."""

from collections.abc import Callable
from itertools import product
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from stages.foundation.names import CONTROL, EachOnce, Teachers
from stages.foundation.params import Part, Section, Seed

DEMO = "demo"  # data.name of the archive that the pipeline draws
NONE: Final = "none"  # of splits.fold and splits.leave_out
Target = Literal["dx", "own", "melanoma"]


def _number(wanted: str, in_range: Callable[[float], bool]) -> PlainValidator:
    """Return a validator of a number that DVC copies into a student's key: one spelling only, 2 and not 2.0."""

    def check(value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not in_range(value):
            raise ValueError(f"wanted a number {wanted}")
        if f"{value:g}" != str(value):
            raise ValueError(f"write {value:g}, not {value}")
        return value

    return PlainValidator(check)


class Data(Section):
    """name: the folder below data/raw with the archive the pipeline runs on."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$")


Temperature = Annotated[int | float, _number("above 0, at most 100", lambda T: 0 < T <= 100)]
Alpha = Annotated[int | float, _number("from 0 to 1", lambda alpha: 0 <= alpha <= 1)]


class Selection(Part):
    """T and alpha of the student that is quantised, explained and reported."""

    temperature: Temperature
    alpha: Alpha

    @property
    def selected(self) -> str:
        """Return the selected student's key."""
        return f"T{self.temperature}_alpha{self.alpha}"


class Grid(Section):
    """The students of each temperature with each alpha: two of both, for which dvc.yaml has room, or one twice."""

    temperatures: Annotated[list[Temperature], Field(min_length=2, max_length=2)]
    alphas: Annotated[list[Alpha], Field(min_length=2, max_length=2)]

    @property
    def students(self) -> list[str]:
        """Return their keys, each once."""
        return list(dict.fromkeys(f"T{T}_alpha{alpha}" for T, alpha in product(self.temperatures, self.alphas)))


class Distilling(Part):
    """The teachers whose mean logits students learn from."""

    teachers: Teachers


def _quarter_turns(number: int) -> int:
    if number not in (1, 2, 4):  # Literal[1, 2, 4] would accept True
        raise ValueError("wanted 1, 2 or 4")
    return number


class Labelling(Part):
    """label_turns: quarter turns of a view over which a teacher's logits are averaged."""

    label_turns: Annotated[int, AfterValidator(_quarter_turns)]


class Kd(Selection, Distilling, Labelling, extra="forbid"):
    """The whole section; repeated: the key of a student that is trained with further seeds, too, as the control is."""

    grid: Grid
    repeated: str
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=100), EachOnce]

    @property
    def students(self) -> list[str]:
        """Return the keys of the students dvc.yaml trains: grid, control, selected, repeats of control and repeated."""
        repeats = [f"{key}_seed{seed}" for key in (CONTROL, self.repeated) for seed in self.seeds]
        return list(dict.fromkeys([*self.grid.students, CONTROL, self.selected, *repeats]))


RELEASED = "released"  # among baselines.models
BaselineModel = Literal["logistic_regression", "svm_rbf", "random_forest", "gradient_boosting", "released"]


class Baselines(Section):
    """scikit-learn classifiers on hand-crafted features, and "released", the student in Git as it is.

    max_train: number of training images used, 0 for all.
    """

    models: Annotated[list[BaselineModel], Field(min_length=1), EachOnce]
    max_train: int = Field(ge=0, le=10_000_000)
    seed: Seed


class Threads(Part):
    """threads: of each process; results are bit-identical only for the same number."""

    threads: int = Field(ge=1, le=1024)


class OperatingPoint(Part):
    """How a threshold is chosen, and the bounds of referral.

    sensitivity: to be reached by the threshold; quantile: step, the highest threshold that reaches it on the images it
    is chosen by, or smoothed, by a kernel density of their melanomas' log odds, which is less noisy; coverage: of each
    class by its prediction sets, for referral.
    """

    sensitivity: float = Field(gt=0, le=1)
    quantile: Literal["step", "smoothed"]
    coverage: float = Field(gt=0, lt=1)


class Deciding(Section):
    """table: metrics/folds/<table>.csv holds the images that choose exported files' decisions; val: val alone."""

    table: str = Field(alias="from", pattern=r"^[A-Za-z0-9_-]+$")


class Margins(Section):
    """Differences in ROC-AUC: int8 and fp32 count as equivalent below, a student as not inferior to its teacher."""

    equivalent: float = Field(gt=0, lt=0.5)
    not_inferior: float = Field(gt=0, lt=0.5)


Share = Annotated[float, Field(gt=0, lt=1)]


class Evaluate(OperatingPoint, extra="forbid"):
    """The whole section.

    primary: the ROC-AUC that comparisons are decided by, over pairs of images from one source (where sources are known)
    or over all. replicates and seed: of the bootstrap over lesions. prevalences: shares of melanomas among lesions that
    consequences are computed for; threshold_probability: the risk from which on an excision is worth it there.
    """

    primary: Literal["within_sources", "pooled"]
    replicates: int = Field(ge=100, le=1_000_000)
    seed: Seed
    margins: Margins
    prevalences: Annotated[list[Share], Field(min_length=1), EachOnce]
    threshold_probability: Share


class Tracking(Section):
    """Where `melanoma-kd track` sends histories and metrics."""

    wandb: Literal["disabled", "offline", "online"]


class Splits(Section):
    """train, val: shares of the lesions; the rest is the holdout.

    folds: number of them, of train's lesions for cross-fitting, and of train's and val's for comparing procedures.
    fold: with a number, this fold of train and val is the run's holdout and the study's holdout is not used.
    leave_out: likewise with the images of a source, a clinic that the run's students never see; local: but for this
    number of its lesions, which are trained on; local_only: which alone are trained on.
    """

    seed: Seed
    train: float = Field(gt=0, lt=1)
    val: float = Field(gt=0, lt=1)
    folds: int = Field(ge=2, le=100)
    fold: Literal["none"] | Annotated[int, Field(ge=0, le=99)]
    leave_out: str = Field(min_length=1)
    local: int = Field(ge=0, le=1_000_000)
    local_only: bool

    @model_validator(mode="after")
    def _leave_a_holdout(self) -> Self:
        if self.train + self.val >= 1:
            raise ValueError(f"train + val = {self.train + self.val:g} leaves no holdout")
        if self.fold != NONE and self.fold >= self.folds:
            raise ValueError(f"fold: wanted none or a number below {self.folds}, found {self.fold}")
        if self.leave_out == NONE and self.local:
            raise ValueError("local: wanted 0 unless leave_out names a source, whose lesions they are")
        if NONE not in (self.leave_out, self.fold):
            raise ValueError("leave_out and fold: wanted none for one of the two: each chooses the holdout")
        if self.local_only and not self.local:
            raise ValueError("local_only: wanted local above 0, or nothing is trained on")
        return self
