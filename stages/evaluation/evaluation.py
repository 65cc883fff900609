"""An evaluation: two labelled splits, every model's frozen probabilities of them, and what follows from val."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stages.deployment.decision import Calibration, Decision
from stages.evaluation.roles import Roles
from stages.evaluation.scores import score
from stages.evaluation.subgroups import subgroup_tables
from stages.foundation.settings import Evaluate
from stages.statistics.calibration import RAW, fit_temperature
from stages.statistics.decisions import fit_decision
from stages.statistics.intervals import Estimates, Sample, draw_sample

Predictions = dict[str, dict[str, np.ndarray]]  # model -> split -> p_melanoma


@dataclass(frozen=True)
class Evaluation:
    """tables: val's and holdout's, with SPLIT_COLUMNS; p: of their images, in their order.

    exported: the decision that stands in each exported file. Other models' are fitted here, in the same way.
    """

    tables: dict[str, pd.DataFrame]
    p: Predictions
    roles: Roles
    settings: Evaluate
    exported: dict[str, Decision]

    @cached_property
    def samples(self) -> dict[str, Sample]:
        replicates, seed = self.settings.replicates, self.settings.seed
        return {name: draw_sample(table, replicates=replicates, seed=seed) for name, table in self.tables.items()}

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """Return what val chooses for each model: threshold, Platt's scaling and referral."""
        labels, rule = self.samples["val"].labels, self.settings
        fitted = {
            name: fit_decision(labels, p["val"], sensitivity=rule.sensitivity, coverage=rule.coverage)
            for name, p in self.p.items()
            if name not in self.exported
        }
        return fitted | self.exported

    @cached_property
    def thresholds(self) -> dict[str, float]:
        return {name: decision.threshold for name, decision in self.decisions.items()}

    @cached_property
    def calibrations(self) -> dict[str, dict[str, Calibration]]:
        """Return no calibration and both scalings of each model, fitted on val."""
        labels = self.samples["val"].labels
        return {
            name: {
                "none": RAW,
                "temperature": fit_temperature(labels, p["val"]),
                "platt": self.decisions[name].calibration,
            }
            for name, p in self.p.items()
        }

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
        """Return the detailed models' numbers by group of the holdout, and the gaps."""
        return subgroup_tables(
            self.tables["holdout"],
            {name: self.p[name]["holdout"] for name in self.roles.detailed},
            self.thresholds,
            replicates=self.settings.replicates,
            seed=self.settings.seed,
        )

    def by_model(self, rows: Callable[[str, np.ndarray], pd.DataFrame], names: list[str] | None = None) -> pd.DataFrame:
        """Return the rows made of each model's name and holdout probabilities, below each other."""
        parts = [rows(name, self.p[name]["holdout"]).assign(model=name) for name in names or self.p]
        table = pd.concat(parts, ignore_index=True)
        return table[["model", *table.columns.drop("model")]]
