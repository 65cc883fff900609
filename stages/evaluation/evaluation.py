"""An evaluation: two labelled splits, every model's frozen probabilities of them, and what follows from val."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stages.deployment.decision import Calibration
from stages.evaluation.scores import Estimates, score
from stages.evaluation.subgroups import subgroup_tables
from stages.statistics.calibration import fit_all
from stages.statistics.intervals import Sample, draw_sample
from stages.statistics.metrics import threshold_at_sensitivity

Predictions = dict[str, dict[str, np.ndarray]]  # model -> split -> p_melanoma


@dataclass(frozen=True)
class Roles:
    """Which models play which part. repeats: a student and the control, each with all its seeds."""

    teachers: list[str]
    grid: list[str]
    selected: str
    control: str
    repeats: dict[str, list[str]]
    fp32: str
    int8: str
    baselines: list[str]

    @property
    def principal(self) -> list[str]:
        """Return the models shown in detail: the distilling teachers, the selected student, its control, int8."""
        return list(dict.fromkeys([*self.teachers, self.selected, self.control, self.int8]))


@dataclass(frozen=True)
class Settings:
    """sensitivity: of the operating point; coverage: of referral; replicates and seed: of the bootstrap."""

    sensitivity: float
    coverage: float
    replicates: int
    seed: int


@dataclass(frozen=True)
class Evaluation:
    """tables: val's and holdout's, with SPLIT_COLUMNS; p: of their images, in their order."""

    tables: dict[str, pd.DataFrame]
    p: Predictions
    roles: Roles
    settings: Settings

    @cached_property
    def samples(self) -> dict[str, Sample]:
        drawn = self.settings
        return {
            name: draw_sample(table, replicates=drawn.replicates, seed=drawn.seed)
            for name, table in self.tables.items()
        }

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """Return each model's operating point: the threshold that reaches the wanted sensitivity on val."""
        labels = self.samples["val"].labels
        return {
            name: threshold_at_sensitivity(labels, p["val"], self.settings.sensitivity) for name, p in self.p.items()
        }

    @cached_property
    def calibrations(self) -> dict[str, dict[str, Calibration]]:
        labels = self.samples["val"].labels
        return {name: fit_all(labels, p["val"]) for name, p in self.p.items()}

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimates]]:
        """Return split -> model -> every number with its replicates."""
        return {
            split: {name: score(sample, p[split], self.thresholds[name]) for name, p in self.p.items()}
            for split, sample in self.samples.items()
        }

    @property
    def holdout(self) -> dict[str, np.ndarray]:
        return {name: p["holdout"] for name, p in self.p.items()}

    @property
    def best_cell(self) -> str:
        """Return the model of the grid with the highest ROC-AUC on val."""
        return max(self.roles.grid, key=lambda name: float(self.estimates["val"][name]["all", "roc_auc"][0]))

    @cached_property
    def by_group(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the principal models' numbers by group of the holdout, and the gaps."""
        return subgroup_tables(
            self.tables["holdout"],
            {name: self.p[name]["holdout"] for name in self.roles.principal},
            self.thresholds,
            replicates=self.settings.replicates,
            seed=self.settings.seed,
        )

    def by_model(self, rows: Callable[[str, np.ndarray], pd.DataFrame], names: list[str] | None = None) -> pd.DataFrame:
        """Return the rows made of each model's name and holdout probabilities, below each other."""
        parts = [rows(name, self.p[name]["holdout"]).assign(model=name) for name in names or self.p]
        table = pd.concat(parts, ignore_index=True)
        return table[["model", *table.columns.drop("model")]]
