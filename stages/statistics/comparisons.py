"""Paired tests of two models on the same images, and the verdict on which is better."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from stages.statistics.intervals import Estimates, interval

COMPARED = (  # (at, metric)
    ("all", "roc_auc"),
    ("all", "average_precision"),
    ("all", "brier_score"),
    ("all", "ece"),
    ("operating point", "sensitivity"),
    ("operating point", "specificity"),
)
LOWER_IS_BETTER = {"brier_score", "ece"}
SIGNIFICANCE = 0.05


def bootstrap_p(difference: np.ndarray) -> float:
    """Return the two-sided bootstrap p of no difference, from a difference and its replicates, (1 + replicates,).

    It is twice the smaller share of replicates on one side of zero, counted as (k + 1) / (n + 1) so that p is never 0
    (Davison & Hinkley 1997, section 4.2).
    """
    replicates = difference[1:]
    side = min((replicates <= 0).sum(), (replicates >= 0).sum())
    return float(min(1.0, 2 * (side + 1) / (len(replicates) + 1)))


def delong(labels: np.ndarray, p: np.ndarray, reference: np.ndarray) -> float:
    """Return the two-sided p of equal ROC-AUC by DeLong's test in its fast form (Sun & Xu 2014, algorithm 2).

    The test takes images as independent, so that p is too small where lesions have several; it is 1 for equal
    rankings.
    """
    scores = np.stack([p, reference])
    melanoma = labels == 1
    m, n = int(melanoma.sum()), int((~melanoma).sum())
    overall = np.stack([rankdata(row) for row in scores])
    among_melanomas = np.stack([rankdata(row[melanoma]) for row in scores])
    among_others = np.stack([rankdata(row[~melanoma]) for row in scores])
    above = (overall[:, melanoma] - among_melanomas) / n  # for each melanoma, the share of others ranked below it
    below = 1 - (overall[:, ~melanoma] - among_others) / m
    covariance = np.cov(above) / m + np.cov(below) / n
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if variance <= 0:
        return 1.0
    auc = above.mean(axis=1)
    return float(2 * norm.sf(abs(auc[0] - auc[1]) / np.sqrt(variance)))


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


def comparison_table(
    pairs: list[Pair], estimates: dict[str, Estimates], labels: np.ndarray, p: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return one row per pair and metric of COMPARED: difference, interval, p, p after Holm's correction, verdict.

    p: bootstrap_p. p_delong: DeLong's for ROC-AUC where both models have probabilities in `p`, else "-".
    """
    rows = []
    for pair in pairs:
        for key in COMPARED:
            # Rounded, so that equal models differ by exactly 0.
            difference = (estimates[pair.model][key] - estimates[pair.reference][key]).round(12)
            has_delong = key == ("all", "roc_auc") and pair.model in p and pair.reference in p
            rows.append(
                {
                    **vars(pair),
                    "at": key[0],
                    "metric": key[1],
                    **interval(difference, bounded=False),
                    "p": bootstrap_p(difference),
                    "p_delong": f"{delong(labels, p[pair.model], p[pair.reference]):.6g}" if has_delong else "-",
                }
            )
    table = pd.DataFrame(rows).rename(columns={"value": "difference"})
    table["p_holm"] = table.groupby(["family", "metric"])["p"].transform(lambda p: holm(p.tolist()))
    columns = zip(table["metric"], table["difference"], table["p_holm"], strict=True)
    return table.assign(verdict=[verdict(*row) for row in columns])
