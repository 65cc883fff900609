"""An evaluation: val and holdout, every model's frozen probabilities of them, and what is fitted on val."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from stages.deployment.decision import Calibration, Decision
from stages.evaluation.roles import Model, Roles
from stages.evaluation.scores import score, stack
from stages.foundation.settings import Evaluate
from stages.statistics.calibration import fit_temperature
from stages.statistics.decisions import fit_decision
from stages.statistics.intervals import Estimates, Sample, draw_sample, mean_over_seeds

Predictions = dict[str, dict[str, np.ndarray]]  # model -> split -> p_melanoma


@dataclass(frozen=True)
class Evaluation:
    """Labels and probabilities of all models on val and holdout, and what is computed from them, each once.

    tables: val's and holdout's, with SPLIT_COLUMNS; p: of their images, in their order. exported: the decision stored
    in each ONNX file; other models' are fitted here, in the same way. Estimates alone cover the means of several seeds,
    too.
    """

    tables: dict[str, pd.DataFrame]
    p: Predictions
    roles: Roles
    settings: Evaluate
    exported: dict[str, Decision]

    @cached_property
    def samples(self) -> dict[str, Sample]:
        replicates, seed = self.settings.replicates, self.settings.seed
        return {split: draw_sample(table, replicates=replicates, seed=seed) for split, table in self.tables.items()}

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """Return each model's threshold, Platt scaling and referral bounds, fitted on val."""
        labels, settings = self.samples["val"].labels, self.settings
        fitted = {
            name: fit_decision(labels, p["val"], sensitivity=settings.sensitivity, coverage=settings.coverage)
            for name, p in self.p.items()
            if name not in self.exported
        }
        return fitted | self.exported

    @cached_property
    def thresholds(self) -> dict[str, float]:
        return {name: decision.threshold for name, decision in self.decisions.items()}

    @cached_property
    def scalings(self) -> dict[str, dict[str, Calibration]]:
        """Return model -> "temperature" and "platt" -> the calibration fitted on val."""
        labels = self.samples["val"].labels
        return {
            name: {
                "temperature": fit_temperature(labels, p["val"]),
                "platt": self.decisions[name].calibration,
            }
            for name, p in self.p.items()
        }

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimates]]:
        """Return split -> model, or mean of a student's seeds -> every metric with its replicates."""
        return {split: self._estimate(split) for split in self.tables}

    def _estimate(self, split: str) -> dict[str, Estimates]:
        sample = self.samples[split]
        single = {name: score(sample, p[split], self.thresholds[name]) for name, p in self.p.items()}
        groups = self.roles.repeats | self.roles.turned_repeats
        return single | {
            name: mean_over_seeds(
                [single[model.name] for model in group],
                np.random.default_rng(self.settings.seed),  # equal for all: the turned are the same trainings
            )
            for name, group in groups.items()
        }

    @property
    def holdout(self) -> dict[str, np.ndarray]:
        return {name: p["holdout"] for name, p in self.p.items()}

    @property
    def best_of_grid(self) -> Model:
        """Return the student of the grid with the highest ROC-AUC on val."""
        return max(self.roles.grid, key=lambda model: float(self.estimates["val"][model.name]["all", "roc_auc"][0]))

    def by_model(self, rows: Callable[[str, np.ndarray], pd.DataFrame], names: list[str] | None = None) -> pd.DataFrame:
        """Return the tables that `rows` makes of each model's name and holdout probabilities, below each other.

        names: of the models, by default all but the turned ones. The first column, model, names them.
        """
        return stack({name: rows(name, self.p[name]["holdout"]) for name in names or self.roles.upright}, "model")
