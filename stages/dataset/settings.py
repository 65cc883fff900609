"""The section `splits` and the parameter `target`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from stages.foundation.params import Section, Seed

Target = Literal["dx", "melanoma"]


class Splits(Section):
    """train, val: shares of the lesions; the rest is the holdout."""

    seed: Seed
    train: float = Field(gt=0, lt=1)
    val: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _leave_a_holdout(self) -> Self:
        if self.train + self.val >= 1:
            raise ValueError(f"train + val = {self.train + self.val:g} leaves no holdout")
        return self
