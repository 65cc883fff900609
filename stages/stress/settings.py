"""The section `stress` of params.yaml."""

from stages.foundation.params import Section, Seed


class Stress(Section):
    """seed: of what is drawn into images, and of the pictures that are drawn."""

    seed: Seed
