"""An evaluation: val and holdout, every model's frozen probabilities of them, and what is fitted on val."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from stages.deployment.decision import Calibration, Decision
from stages.evaluation.roles import Model, Roles
from stages.evaluation.scores import ALL, WITHIN, score, stack
from stages.foundation.settings import Evaluate
from stages.statistics.calibration import fit_temperature
from stages.statistics.comparisons import FINER
from stages.statistics.decisions import fit_decision
from stages.statistics.folds import Folds
from stages.statistics.intervals import Estimates, Sample, draw_sample, mean_over_seeds
from stages.statistics.refits import Refits, refit

PRIMARY = {"within_sources": (WITHIN, "roc_auc"), "pooled": (ALL, "roc_auc")}  # evaluate.primary -> its key
Predictions = dict[str, dict[str, np.ndarray]]  # model -> split -> p_melanoma


@dataclass(frozen=True)
class Evaluation:
    """Labels and probabilities of all models on val and holdout, and what is computed from them, each once.

    tables: val's and holdout's, with the columns of images.csv and melanoma; p: of their images, in their order.
    folds: what exported files' decisions are fitted on, where it is not val.
    Estimates alone cover the means of several seeds, too.
    """

    tables: dict[str, pd.DataFrame]
    p: Predictions
    roles: Roles
    settings: Evaluate
    folds: Folds | None = None
    _estimates: dict[tuple[str, str, str | None], Estimates] = field(default_factory=dict, init=False)
    _refits: dict[str, Refits] = field(default_factory=dict, init=False)

    @cached_property
    def samples(self) -> dict[str, Sample]:
        replicates, seed = self.settings.replicates, self.settings.seed
        seeds = {"val": [seed, 1], "holdout": [seed]}  # unlike ones: a threshold's noise is independent of the rest
        return {
            split: draw_sample(table, replicates=replicates, seed=seeds[split]) for split, table in self.tables.items()
        }

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """Return each model's threshold, Platt scaling and referral bounds, fitted as an exported file's are."""
        fitted_on = {name: self.fitted_on(name) for name in self.p}
        return {name: fit_decision(sample.labels, p, self.settings) for name, (sample, p) in fitted_on.items()}

    def fitted_on(self, name: str) -> tuple[Sample, np.ndarray]:
        """Return the images that a model's decision is fitted on, and its p of them: val's, or the folds'."""
        p = self.p[name]["val"]
        if self.folds is None or name not in (self.roles.names("fp32") + self.roles.names("int8")):
            return self.samples["val"], p
        return self.folds.sample(self.settings.replicates, self.settings.seed), self.folds.aligned(p)

    def refits(self, name: str) -> Refits:
        """Return what each replicate of val, or of the folds, would have chosen in place of a model's decision."""
        if name not in self._refits:
            self._refits[name] = refit(*self.fitted_on(name), self.decisions[name], self.settings)
        return self._refits[name]

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
        names = [*self.p, *self.roles.repeats, *self.roles.turned_repeats]
        return {split: {name: self.estimate(split, name) for name in names} for split in self.tables}

    @cached_property
    def finer(self) -> "Evaluation":
        """Return the same evaluation with FINER times as many replicates."""
        replicates = FINER * self.settings.replicates
        return replace(self, settings=self.settings.model_copy(update={"replicates": replicates}))

    def estimate(self, split: str, name: str, only: str | None = None) -> Estimates:
        """Return every metric of a model, or of a mean of a student's seeds, with its replicates; only: see `score`."""
        key = split, name, only
        if key not in self._estimates:
            self._estimates[key] = self._estimate(*key)
        return self._estimates[key]

    def _estimate(self, split: str, name: str, only: str | None) -> Estimates:
        for groups in (self.roles.repeats, self.roles.turned_repeats):
            if name in groups:
                members = [self.estimate(split, model.name, only) for model in groups[name]]
                # Seeds of one student are drawn apart from those of another; over four turns they are the same.
                seed = [self.settings.seed, 3 + list(groups).index(name)]  # 0, 1 and 2 draw holdout, val and folds
                return mean_over_seeds(members, np.random.default_rng(seed))
        refits = None if only in (WITHIN, ALL) else self.refits(name)
        return score(self.samples[split], self.p[name][split], self.thresholds[name], refits, only)

    def deciding(self, name: str, farthest: float) -> Decision:
        """Return the decision of an exported file, which refuses pictures from this distance on."""
        return self.decisions[name].model_copy(update={"farthest": farthest})

    def primary(self, split: str) -> tuple[str, str]:
        """Return the primary metric's key: within sources where a split can tell it, if evaluate.primary wants it."""
        return PRIMARY[self.settings.primary if self.samples[split].compares_within_sources else "pooled"]

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
