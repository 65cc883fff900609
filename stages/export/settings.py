"""The section `quantize` of params.yaml: methods in the order they are tried, calibration images, and the gate."""

from typing import Annotated, Literal

from pydantic import Field

from stages.foundation.names import EachOnce
from stages.foundation.params import Section, Seed
from stages.foundation.settings import OperatingPoint

Method = Literal[
    "weight_only_mixed",
    "weight_only",
    "static_u8s8_minmax",
    "static_s8s8_minmax",
    "dynamic",
    "aware_u8s8",
    "aware_s8s8",
]


class Gate(Section):
    """What an int8 file may cost: its size, and the loss of ROC-AUC and rise of ECE against fp32 on val."""

    megabytes: float = Field(gt=0, le=10_000)
    roc_auc_loss: float = Field(ge=0, le=1)
    ece_rise: float = Field(ge=0, le=1)


class Quantize(Section):
    """images: of train, for the ranges of activations and for what weight_only_mixed keeps in float32.

    refused: share of val, at most.
    """

    methods: Annotated[list[Method], Field(min_length=1), EachOnce]
    images: int = Field(ge=1, le=1_000_000)
    seed: Seed
    refused: float = Field(gt=0, lt=0.5)
    gate: Gate


class Gauge(OperatingPoint):
    """How files are measured on val. replicates and seed: of the bootstrap over lesions."""

    replicates: int = Field(ge=100, le=1_000_000)
    seed: Seed
