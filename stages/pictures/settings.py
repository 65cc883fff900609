"""The sections `demo`, how the synthetic archive is drawn, and `stress`."""

from typing import Annotated, Literal

from pydantic import Field

from stages.foundation.names import EachOnce
from stages.foundation.params import Section, Seed

SHOTS = (0.74, 0.19, 0.07)  # share of lesions with one, two, three images; HAM10000 has 1.34 images a lesion
UNALTERED = "none"  # alteration of an image as it is, at strength 0
DRAWN_LESION = "drawn_lesion"  # the kind of picture that shows a lesion, if only a drawn one


CameraName = Literal["standard", "second", "other"]


class Demo(Section):
    """cameras: of CAMERAS, the share of melanomas among its lesions; every camera sees equally many.

    separation: of melanomas' mean latent malignancy from other lesions', in standard deviations.
    """

    seed: Seed
    lesions: int = Field(ge=20, le=1_000_000)
    cameras: dict[CameraName, Annotated[float, Field(gt=0, lt=1)]] = Field(min_length=1)
    separation: float = Field(ge=0, le=20)
    width: int = Field(ge=32, le=4096)  # pixels
    height: int = Field(ge=32, le=4096)


class Stress(Section):
    """seed: of what is drawn into images, and of the pictures that are drawn.

    compared: whom the exported student is compared with on altered images; teachers: their mean.
    """

    seed: Seed
    compared: Annotated[list[Literal["control", "teachers"]], EachOnce]
