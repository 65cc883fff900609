"""The section `splits` and the parameter `target`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stages.foundation.params import Section, Seed

Target = Literal["dx", "melanoma"]


class Splits(Section):
    """train, val: shares of the lesions; the rest is the holdout.

    folds: number of them, of train's lesions for cross-fitting, and of train's and val's for comparing procedures.
    fold: with a number, this fold of train and val is the run's holdout and the study's holdout is not used.
    """

    seed: Seed
    train: float = Field(gt=0, lt=1)
    val: float = Field(gt=0, lt=1)
    folds: int = Field(ge=2, le=100)
    fold: Literal["none"] | Annotated[int, Field(ge=0, le=99)]

    @model_validator(mode="after")
    def _leave_a_holdout(self) -> Self:
        if self.train + self.val >= 1:
            raise ValueError(f"train + val = {self.train + self.val:g} leaves no holdout")
        if self.fold != "none" and self.fold >= self.folds:
            raise ValueError(f"fold: wanted none or a number below {self.folds}, found {self.fold}")
        return self
