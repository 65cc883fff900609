"""Confidence intervals by a bootstrap over lesions: all images of a lesion are drawn together.

The same replicates serve every model, so that differences are paired. Estimates are arrays whose first entry is the
number itself and whose other entries are its bootstrap replicates.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

LEVEL = 0.95
Estimates = dict[tuple[str, str], np.ndarray]  # (at, metric) -> the number and its replicates


@dataclass(frozen=True)
class Sample:
    """Images: label and lesion of each, (images,), and bootstrap weights, uint8 (1 + replicates, images)."""

    labels: np.ndarray
    lesions: np.ndarray
    weights: np.ndarray

    def lesions_of(self, member: np.ndarray) -> int:
        """Return how many lesions the images of a boolean mask, (images,), show."""
        return len(set(self.lesions[member].tolist()))


def draw_sample(table: pd.DataFrame, *, replicates: int, seed: int) -> Sample:
    """Return the images of a table with the columns melanoma and lesion_id, with their bootstrap weights."""
    labels, lesions = table["melanoma"].to_numpy(), table["lesion_id"].to_numpy()
    return Sample(labels, lesions, bootstrap_weights(labels, lesions, replicates=replicates, seed=seed))


def bootstrap_weights(labels: np.ndarray, lesions: np.ndarray, *, replicates: int, seed: int) -> np.ndarray:
    """Return uint8 (1 + replicates, images): ones, then how often each image's lesion was drawn.

    Lesions are drawn with replacement, separately from those with a melanoma and from the others, so that every
    replicate has as many of each as the sample.
    """
    names, index = np.unique(lesions, return_inverse=True)
    melanoma = np.zeros(len(names), dtype=bool)
    np.logical_or.at(melanoma, index, labels == 1)
    rng = np.random.default_rng(seed)
    weights = np.ones((1 + replicates, len(labels)), dtype=np.uint8)  # a lesion is drawn once on average
    for stratum in (np.flatnonzero(melanoma), np.flatnonzero(~melanoma)):
        if len(stratum) == 0:
            continue
        member, share = np.isin(index, stratum), np.full(len(stratum), 1 / len(stratum))
        lesion = np.searchsorted(stratum, index[member])
        for replicate in weights[1:]:
            replicate[member] = rng.multinomial(len(stratum), share)[lesion]
    return weights


def mean_over_seeds(runs: list[Estimates], rng: np.random.Generator) -> Estimates:
    """Return the mean of several trainings' estimates; its replicates draw the trainings, too, with replacement.

    So its intervals say what another training, not only another sample of lesions, would give. Drawn means vary by
    (n - 1) / n of what means of n trainings do, so their deviations are stretched by the root of n / (n - 1).
    """
    replicates = len(next(iter(runs[0].values()))) - 1
    drawn = rng.integers(len(runs), size=(replicates, len(runs)))
    counts = (drawn[:, :, None] == np.arange(len(runs))).sum(axis=1)  # (replicates, trainings)
    stretch = np.sqrt(len(runs) / (len(runs) - 1))
    weights = np.vstack([np.ones(len(runs)), 1 + stretch * (counts - 1)]) / len(runs)
    return {key: np.einsum("ir,ri->i", weights, np.stack([run[key] for run in runs])) for key in runs[0]}


def interval(
    estimates: np.ndarray, *, bounded: bool = True, biased_up: bool = False, trials: int = 0
) -> dict[str, float]:
    """Return value, low and high: the 95 % percentile interval (Efron & Tibshirani 1993, section 13.3).

    bounded: the number lies in [0, 1]. biased_up: a bias-corrected interval, for metrics like the calibration errors
    that bootstrap samples overstate: replicates are shifted to have the value as their mean (section 10.3). trials: a
    share that is 0 or 1 in every replicate gets the exact binomial interval of this many lesions.
    """
    value = float(estimates[0])
    if trials and value in (0.0, 1.0) and np.all(estimates == value):
        bound = ((1 - LEVEL) / 2) ** (1 / trials)  # Clopper & Pearson 1934, for no success or no failure
        return {"value": value, "low": bound if value else 0.0, "high": 1.0 if value else 1 - bound}
    shift = float(estimates[1:].mean()) - value if biased_up else 0.0
    low, high = np.quantile(estimates[1:] - shift, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if bounded:
        low, high = np.clip([low, high], 0, 1)
    return {"value": value, "low": float(low), "high": float(high)}
