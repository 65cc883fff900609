"""Confidence intervals by a bootstrap over lesions: all images of a lesion, or of a known patient, are drawn together.

The same replicates serve every model, so that differences are paired. Estimates are arrays whose first entry is the
number itself and whose other entries are its bootstrap replicates.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from stages.foundation.splits import GROUP, SOURCE, UNKNOWN

LEVEL = 0.95
Estimates = dict[tuple[str, str], np.ndarray]  # (at, metric) -> the number and its replicates
GIVEN = "given "  # before the `at` of a metric whose threshold or scaling no replicate chooses anew


@dataclass(frozen=True)
class Sample:
    """Images: label, lesion and source of each, (images,), and bootstrap weights, uint8 (1 + replicates, images).

    sources: the clinic and camera that an image comes from, text; "unknown" where the archive does not say. groups:
    what is drawn together, the patient where one is known, else the lesion.
    """

    labels: np.ndarray
    lesions: np.ndarray
    weights: np.ndarray
    sources: np.ndarray
    groups: np.ndarray

    @property
    def has_both_classes(self) -> bool:
        """Whether every replicate does; one may not where groups with images of both classes are drawn."""
        return all(bool(self.weights[:, self.labels == y].any(axis=1).all()) for y in (0, 1))

    @cached_property
    def compares_within_sources(self) -> bool:
        """Whether there are several sources, and every replicate has a melanoma and another image from one of them."""
        paired = np.zeros(len(self.weights), dtype=bool)
        for source in (sources := np.unique(self.sources)):
            kinds = [self.weights[:, (self.sources == source) & (self.labels == y)].any(axis=1) for y in (0, 1)]
            paired |= kinds[0] & kinds[1]
        return len(sources) > 1 and bool(paired.all())

    def of(self, member: np.ndarray) -> "Sample":
        """Return the images of a boolean mask, (images,), as they were drawn; all once where none of them was."""
        drawn = self.weights[:, member]
        drawn = np.maximum(drawn, ~drawn.any(axis=1, keepdims=True))
        parts = (values[member] for values in (self.labels, self.lesions, self.sources, self.groups))
        labels, lesions, sources, groups = parts
        return Sample(labels, lesions, drawn, sources, groups)

    def lesions_of(self, member: np.ndarray) -> int:
        """Return how many lesions the images of a boolean mask, (images,), show."""
        return len(set(self.lesions[member].tolist()))

    def groups_of(self, member: np.ndarray) -> int:
        """Return of how many groups the images of a boolean mask, (images,), are: the trials of a share of them."""
        return len(set(self.groups[member].tolist()))


def draw_sample(table: pd.DataFrame, *, replicates: int, seed: int | list[int]) -> Sample:
    """Return the images of a table with their weights.

    Its columns are melanoma and lesion_id, and perhaps SOURCE and GROUP: then groups are drawn instead of lesions.
    """
    labels, lesions = table["melanoma"].to_numpy(), table["lesion_id"].to_numpy()
    sources = table[SOURCE].to_numpy() if SOURCE in table else np.full(len(table), UNKNOWN, dtype=object)
    groups = table[GROUP].to_numpy() if GROUP in table else lesions
    weights = bootstrap_weights(labels, groups, replicates=replicates, seed=seed)
    return Sample(labels, lesions, weights, sources, groups)


def bootstrap_weights(labels: np.ndarray, lesions: np.ndarray, *, replicates: int, seed: int | list[int]) -> np.ndarray:
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


def mean_over_seeds(runs: list[Estimates], rng: np.random.Generator, *, groups: int = 1) -> Estimates:
    """Return the mean of several trainings' estimates; its replicates vary the trainings, too.

    So its intervals say what another training, not only another sample of lesions, would give: each replicate adds the
    trainings' deviations from their mean, weighted at random (a multiplier bootstrap; van der Vaart & Wellner 1996,
    section 3.6). The spread between trainings includes sampling noise that the lesion bootstrap already has. Only the
    rest is added, as much wider as Student's t is than the normal: few trainings tell their spread badly. groups: how
    many such means, of as many trainings each, are averaged, as over folds; t has n - 1 degrees of freedom of each.
    """
    replicates, n = len(next(iter(runs[0].values()))) - 1, len(runs)
    quantile = (1 + LEVEL) / 2
    wider = t.ppf(quantile, groups * (n - 1)) / norm.ppf(quantile)
    weights = rng.normal(size=(replicates, n)) / np.sqrt(n * (n - 1)) * wider
    means = {}
    for key in runs[0]:
        values = np.stack([run[key] for run in runs])
        found = values[:, 0]
        both, lesions = found.var(ddof=1), (values[:, 1:] - found[:, None]).var(axis=0, ddof=1).mean()
        share = np.sqrt(max(0.0, 1 - lesions / both)) if both > 0 else 0.0
        means[key] = values.mean(axis=0)
        means[key][1:] += share * (weights @ (found - found.mean()))
    return means


def exact_bound(value: float, trials: int) -> float | None:
    """Return the far end of the exact binomial interval of a share of so many lesions that is 0 or 1, None of another.

    The interval reaches from the share to here (Clopper & Pearson 1934, for no success or no failure): drawing lesions
    anew finds no failure where there was none.
    """
    if value not in (0.0, 1.0):
        return None
    bound = float(((1 - LEVEL) / 2) ** (1 / trials))
    return bound if value else 1 - bound


def interval(
    estimates: np.ndarray, *, bounded: bool = True, biased_up: bool = False, trials: int = 0
) -> dict[str, float]:
    """Return value, low and high: the 95 % percentile interval (Efron & Tibshirani 1993, section 13.3).

    bounded: the number lies in [0, 1]. biased_up: a bias-corrected interval, for metrics like the calibration errors
    that bootstrap samples overstate: replicates are shifted to have the value as their mean (section 10.3). trials: the
    interval of a share that is 0 or 1 holds the exact binomial one of this many lesions.
    """
    value = float(estimates[0])
    shift = float(estimates[1:].mean()) - value if biased_up else 0.0
    low, high = np.quantile(estimates[1:] - shift, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if bounded:
        low, high = np.clip([low, high], 0, 1)
    if trials and (bound := exact_bound(value, trials)) is not None:
        low, high = min(low, bound), max(high, bound)
    return {"value": value, "low": float(low), "high": float(high)}
