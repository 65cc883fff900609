"""The section `image`: the size of a model's input and the limits of a picture."""

from pydantic import Field

from stages.foundation.params import Part, Section


class Limits(Section):
    """A picture outside is refused by its header, before pixels are decoded."""

    min_side: int = Field(ge=1, le=10_000)  # pixels
    max_aspect: float = Field(ge=1, le=100)  # longer over shorter side
    max_megapixels: float = Field(gt=0, le=1000)


class ImageLimits(Part):
    """The limits alone, for stages that take the size from the pack."""

    limits: Limits


class Image(ImageLimits, extra="forbid"):
    """size: side in pixels of the square that every picture is resized to."""

    size: int = Field(ge=32, le=2048)
