"""Paired tests of two models on the same images, and the verdict on which is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from stages.statistics.intervals import GIVEN, Estimates, Sample, interval

COMPARED = (  # (at, metric)
    ("within sources", "roc_auc"),
    ("all", "roc_auc"),
    ("all", "average_precision"),
    ("all", "mean_specificity"),
    ("all", "log_loss"),
    ("all", "brier_score"),
    ("all", "ece"),
    ("platt", "log_loss"),
    ("platt", "brier_score"),
    ("platt", "ece"),
    ("operating point", "sensitivity"),
    ("operating point", "specificity"),
)
NEAR = (0.03, 0.07)  # p so near to .05 that its own noise decides: primary rows then get FINER times as many replicates
FINER = 10
LOWER_IS_BETTER = {"log_loss", "brier_score", "ece"}
SIGNIFICANCE, POWER = 0.05, 0.8


def bootstrap_p(difference: np.ndarray) -> float:
    """Return the two-sided bootstrap p of no difference, from a difference and its replicates, (1 + replicates,).

    It is twice the smaller share of replicates on one side of zero, counted as (k + 1) / (n + 1) so that p is never 0
    (Davison & Hinkley 1997, section 4.2).
    """
    replicates = difference[1:]
    side = min((replicates <= 0).sum(), (replicates >= 0).sum())
    return float(min(1.0, 2 * (side + 1) / (len(replicates) + 1)))


def obuchowski(labels: np.ndarray, lesions: np.ndarray, p: np.ndarray, reference: np.ndarray) -> float:
    """Return the two-sided p of equal ROC-AUC with images clustered by lesion (Obuchowski 1997, section 2).

    All arrays are (images,). With one image a lesion it is DeLong's test (DeLong et al. 1988). It is 1 for equal
    rankings.
    """
    melanoma = labels == 1
    m, n = int(melanoma.sum()), int((~melanoma).sum())
    components = np.zeros((2, len(labels)))  # each image's share in the ROC-AUC, of both models
    for row, scores in zip(components, (p, reference), strict=True):
        overall = rankdata(scores)
        row[melanoma] = (overall[melanoma] - rankdata(scores[melanoma])) / n  # share of others ranked below it
        row[~melanoma] = 1 - (overall[~melanoma] - rankdata(scores[~melanoma])) / m
    auc = components[:, melanoma].mean(axis=1)
    deviations = components[0] - components[1] - (auc[0] - auc[1])
    of_melanomas = _cluster_sums(np.where(melanoma, deviations, 0) / m, lesions)
    of_others = _cluster_sums(np.where(melanoma, 0, deviations) / n, lesions)
    variance = _clustered(of_melanomas, melanoma, lesions) + _clustered(of_others, ~melanoma, lesions)
    clusters = len(of_melanomas)
    variance += 2 * clusters / (clusters - 1) * float(of_melanomas @ of_others)  # lesions with images of both classes
    if variance <= 1e-18:
        return 1.0
    return float(2 * norm.sf(abs(auc[0] - auc[1]) / np.sqrt(variance)))


def _cluster_sums(values: np.ndarray, lesions: np.ndarray) -> np.ndarray:
    """Return the sum of the values, (images,), over each lesion's images, (lesions,)."""
    return np.bincount(np.unique(lesions, return_inverse=True)[1], values)


def _clustered(sums: np.ndarray, member: np.ndarray, lesions: np.ndarray) -> float:
    clusters = len(set(lesions[member].tolist()))
    return float(clusters / (clusters - 1) * (sums @ sums)) if clusters > 1 else 0.0


def detectable(difference: np.ndarray) -> dict[str, str]:
    """Return a difference's standard_error, of its replicates, and the smallest_detectable true difference.

    A two-sided test at .05 would find one of this size in four of five samples like this (power .8), before Holm's
    correction. Both are "-" where the difference is 0 in every replicate: of two models that find everything, say, the
    sample cannot tell how much better one is.
    """
    error = float(difference[1:].std(ddof=1))
    smallest = error * (norm.ppf(1 - SIGNIFICANCE / 2) + norm.ppf(POWER))
    numbers = {"standard_error": error, "smallest_detectable": smallest}
    return {name: f"{value:.6g}" if error > 0 else "-" for name, value in numbers.items()}


def holm(p: list[float]) -> list[float]:
    """Return the p values corrected for multiple testing (Holm 1979), in the order given."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected.tolist()


def verdict(metric: str, difference: float, p: float) -> str:
    """Return whether the first model is "better" or "worse" than the second, or "no difference shown" if p >= .05.

    difference: of the metric, first minus second; p: corrected for multiple testing.
    """
    if p >= SIGNIFICANCE:
        return "no difference shown"
    return "better" if (difference < 0) == (metric in LOWER_IS_BETTER) else "worse"


@dataclass(frozen=True)
class Pair:
    """Two models to compare, model minus reference; the p values of a family and metric are corrected together."""

    family: str
    model: str
    reference: str


@dataclass(frozen=True)
class Margins:
    """Differences in ROC-AUC below which models count as equivalent, or one as not inferior, by family of pairs."""

    equivalent: dict[str, float]
    not_inferior: dict[str, float]

    def claim(self, family: str, low: float, high: float) -> dict[str, str]:
        """Return the margin of a family, and what the 95 % interval of a difference shows: "-" where none is set."""
        if family in self.equivalent:
            margin, shown, claim = self.equivalent[family], max(-low, high) < self.equivalent[family], "equivalent"
        elif family in self.not_inferior:
            margin, shown, claim = self.not_inferior[family], -low < self.not_inferior[family], "not inferior"
        else:
            return {"margin": "-", "claim": "-"}
        return {"margin": f"{margin:g}", "claim": claim if shown else f"{claim}: not shown"}


NO_MARGINS = Margins({}, {})
Estimate = Callable[[str, str | None], Estimates]  # a model's name, and where metrics are taken, all for None


def comparison_table(
    pairs: list[Pair],
    estimate: Estimate,
    sample: Sample,
    p: dict[str, np.ndarray],
    margins: Margins = NO_MARGINS,
    *,
    finer: Estimate | None = None,
    primary: tuple[str, str] = COMPARED[0],
) -> pd.DataFrame:
    """Return one row per pair and metric of COMPARED that both have.

    compares: "these two trained models", which have probabilities in `p`, or "trainings", whose replicates vary seeds,
    too. difference, low, high, and with thresholds and scalings held fixed low_given, high_given; standard_error and
    smallest_detectable: see detectable. p: bootstrap_p; p_obuchowski: of pooled ROC-AUC and trained models, else "-".
    primary: "yes" in the row of that metric, or of the first there is: its p is corrected over the family's pairs,
    those of the others over the metrics of their pair: p_holm and verdict. margin and claim: of ROC-AUC where one is
    set, else "-". finer: more replicates, for primary rows with p in NEAR.
    """
    rows = []
    for pair in pairs:
        trained = pair.model in p and pair.reference in p
        first, second = (estimate(name, None) for name in (pair.model, pair.reference))
        keys = [key for key in COMPARED if key in first and key in second]
        main = primary if primary in keys else keys[0]
        for key in keys:
            cells = _compare(first, second, key)
            if finer is not None and key == main and NEAR[0] < cells["p"] < NEAR[1]:
                more, others = finer(pair.model, key[0]), finer(pair.reference, key[0])
                cells = _compare(more, others, key) if key in more and key in others else cells  # one may lack a pair
            test = "-"
            if trained and key == ("all", "roc_auc"):
                test = f"{obuchowski(sample.labels, sample.groups, p[pair.model], p[pair.reference]):.6g}"
            claim = margins.claim(pair.family if key[1] == "roc_auc" else "", cells["low"], cells["high"])
            compares = "these two trained models" if trained else "trainings"
            place = {"compares": compares, "at": key[0], "metric": key[1]}
            place["primary"] = "yes" if key == main else "no"
            rows.append(vars(pair) | place | cells | {"p_obuchowski": test} | claim)
    table = pd.DataFrame(rows)
    is_primary = table["primary"] == "yes"
    together = table[is_primary].groupby("family"), table[~is_primary].groupby(["family", "model", "reference"])
    table["p_holm"] = pd.concat([group["p"].transform(lambda p: holm(p.tolist())) for group in together])
    columns = zip(table["metric"], table["difference"], table["p_holm"], strict=True)
    return table.assign(verdict=[verdict(*row) for row in columns])


def _compare(first: Estimates, second: Estimates, key: tuple[str, str]) -> dict[str, Any]:
    """Return the difference of two models in one metric, its intervals and p."""
    difference = (first[key] - second[key]).round(12)  # so that equal models differ by exactly 0
    bounds = interval(difference, bounded=False)
    given = (f"{GIVEN}{key[0]}", key[1])
    both = given in first and given in second
    held = interval((first[given] - second[given]).round(12), bounded=False) if both else {}
    cells: dict[str, Any] = {"difference": bounds["value"], "low": bounds["low"], "high": bounds["high"]}
    cells |= {f"{end}_given": f"{held[end]:.6g}" if held else "-" for end in ("low", "high")}
    return cells | detectable(difference) | {"p": bootstrap_p(difference)}
