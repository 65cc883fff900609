"""The section `stress` of params.yaml."""

from stages.foundation.params import Section, Seed

UNALTERED = "none"  # alteration of an image as it is, at strength 0
DRAWN_LESION = "drawn_lesion"  # the kind of picture that shows a lesion, if only a drawn one


class Stress(Section):
    """seed: of what is drawn into images, and of the pictures that are drawn."""

    seed: Seed
