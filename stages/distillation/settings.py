"""The section `alterations`: what a student's views show that the soft labels' do not."""

from typing import Annotated, Literal

from pydantic import Field

from stages.foundation.names import EachOnce
from stages.foundation.params import Section, Seed

Family = Literal["light", "blur", "noise", "file", "hair", "corners"]


class Alterations(Section):
    """Alterations of students' views.

    share: of the views, that are altered; until: the first view of each image from which on none is, so that a student
    that sees a new view each epoch ends on images as they are; strength: the greatest, in the stress test's steps from
    1 to 5, of which each view draws its own; families: all altered views have another light, if it is among them, and
    one of the others.
    """

    seed: Seed
    share: float = Field(ge=0, le=1)
    until: Literal["none"] | Annotated[int, Field(ge=1)]
    strength: float = Field(gt=0, le=5)
    families: Annotated[list[Family], Field(min_length=1), EachOnce]
