"""How sure a number is: a bootstrap over lesions, whose images go together, shared by all models of a set.

The same replicates serve every model, so that differences are paired. Estimates are arrays whose first entry is the
number itself and whose other entries are its replicates.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

LEVEL = 0.95
Estimates = dict[tuple[str, str], np.ndarray]  # (at, metric) -> the number and its replicates


@dataclass(frozen=True)
class Sample:
    """Images, the lesions they show, and the weightings that all numbers of a set are computed under."""

    labels: np.ndarray
    lesions: np.ndarray
    weights: np.ndarray

    def lesions_of(self, chosen: np.ndarray) -> int:
        """Return how many lesions have one of the chosen images."""
        return len(set(self.lesions[chosen].tolist()))


def draw_sample(table: pd.DataFrame, *, replicates: int, seed: int) -> Sample:
    """Return a split's images, or a group of them, with their bootstrap weights."""
    labels, lesions = table["melanoma"].to_numpy(), table["lesion_id"].to_numpy()
    return Sample(labels, lesions, bootstrap_weights(labels, lesions, replicates=replicates, seed=seed))


def bootstrap_weights(labels: np.ndarray, lesions: np.ndarray, *, replicates: int, seed: int) -> np.ndarray:
    """Return float (1 + replicates, images): ones, then how often each image's lesion was drawn.

    Lesions are drawn with replacement within those with a melanoma and within the others, so that every replicate
    holds as many of either as the sample.
    """
    names, index = np.unique(lesions, return_inverse=True)
    melanoma = np.zeros(len(names), dtype=bool)
    np.logical_or.at(melanoma, index, labels == 1)
    rng = np.random.default_rng(seed)
    drawn = np.zeros((replicates, len(names)))
    for stratum in (np.flatnonzero(melanoma), np.flatnonzero(~melanoma)):
        if len(stratum):
            drawn[:, stratum] = rng.multinomial(len(stratum), np.full(len(stratum), 1 / len(stratum)), replicates)
    return np.vstack([np.ones(len(labels)), drawn[:, index]])


def interval(
    estimates: np.ndarray, *, bounded: bool = True, inflated: bool = False, trials: int = 0
) -> dict[str, float]:
    """Return value, low and high: the 95 % percentile interval (Efron & Tibshirani 1993, section 13.3).

    bounded: the number lies in [0, 1]. inflated: resampling makes it larger, as it does calibration errors, so that
    the replicates are first moved to have it as their mean (section 10.3). trials: a share that is 0 or 1 in every
    replicate has no bootstrap interval; with this many lesions behind it, it gets the exact binomial one.
    """
    value = float(estimates[0])
    if trials and value in (0.0, 1.0) and np.all(estimates == value):
        reach = ((1 - LEVEL) / 2) ** (1 / trials)  # Clopper & Pearson 1934, nothing or everything observed
        return {"value": value, "low": reach if value else 0.0, "high": 1.0 if value else 1 - reach}
    shift = float(estimates[1:].mean()) - value if inflated else 0.0
    low, high = np.quantile(estimates[1:] - shift, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if bounded:
        low, high = np.clip([low, high], 0, 1)
    return {"value": value, "low": float(low), "high": float(high)}
