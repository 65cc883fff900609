"""What the decisions of one model mean, a row each: bands of referral, counts among 1,000 lesions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.evaluation.scores import ALL, asked, bounds_of, fixed, lesion_index, trials_of
from stages.statistics import decisions
from stages.statistics.intervals import GIVEN, Sample, exact_bound, interval
from stages.statistics.metrics import decision_metrics, redrawn_decision_metrics
from stages.statistics.ranking import Metrics
from stages.statistics.refits import Refits


def referral_rows(sample: Sample, p: np.ndarray, refits: Refits) -> pd.DataFrame:
    """Return the coverage of both classes and the shares of images in each band, a row each, with their intervals."""
    melanomas, others = (sample.groups_of(sample.labels == y) for y in (1, 0))
    trials = {"coverage_melanoma": melanomas, "cannot_tell_melanoma": melanomas, "coverage_other": others}
    redrawn = refits.bounds
    estimates = {
        (at, metric): values
        for at, bounds in {ALL: redrawn, f"{GIVEN}{ALL}": fixed(redrawn)}.items()
        for metric, values in decisions.referral_metrics(sample.labels, p, sample.weights, **bounds).items()
    }
    groups = len(np.unique(sample.groups))
    return pd.DataFrame(
        [
            {"metric": metric, **bounds_of(estimates, (at, metric), trials=trials.get(metric, groups))}
            for at, metric in asked(estimates)
        ]
    )


def consequence_rows(
    sample: Sample, p: np.ndarray, refits: Refits, costs: float, prevalences: Sequence[float]
) -> pd.DataFrame:
    """Return predictive values, net benefit and counts among 1,000 lesions, by prevalence.

    A lesion counts once, as the mean of its images' decisions. costs: the threshold probability of net benefit. Where
    all melanomas were found, or none, the interval reaches to what the exact bound of that sensitivity would mean;
    likewise the specificity.
    """
    redrawn, given = lesion_decisions(sample, p, refits)
    rows = []
    for prevalence in prevalences:
        results = {
            at: [
                decisions.consequences(
                    case["sensitivity"], case["specificity"], prevalence=prevalence, threshold_probability=costs
                )
                for case in cases
            ]
            for at, cases in {"": _cases(sample, redrawn), "_given": _cases(sample, given)}.items()
        }
        for metric in results[""][0]:
            cells: dict[str, Any] = {"prevalence": prevalence, "metric": metric}
            for at, cases in results.items():
                bounds = [interval(values[metric], bounded=metric in ("ppv", "npv")) for values in cases]
                cells |= {"value": bounds[0]["value"]}
                cells |= {
                    f"low{at}": min(row["low"] for row in bounds),
                    f"high{at}": max(row["high"] for row in bounds),
                }
            rows.append(cells)
    return pd.DataFrame(rows)


def lesion_decisions(sample: Sample, p: np.ndarray, refits: Refits) -> tuple[Metrics, Metrics]:
    """Return the decision metrics by lesion, the mean of its images' decisions: redrawn, and at the given threshold."""
    _, index, images = lesion_index(sample)
    weights = sample.weights / images[index]
    redrawn = redrawn_decision_metrics(sample.labels, p, weights, thresholds=refits.thresholds)
    given = decision_metrics(sample.labels, p, float(refits.thresholds[0]), weights)
    redrawn, given = ({name: shares.round(12) for name, shares in each.items()} for each in (redrawn, given))
    return redrawn, given


def _cases(sample: Sample, shares: Metrics) -> list[Metrics]:
    """Return sensitivity and specificity, and where one is 0 or 1, its exact bound, too."""
    cases = [shares]
    for metric, trials in trials_of(sample, None).items():
        if (bound := exact_bound(float(shares[metric][0]), trials)) is not None:
            cases.append(shares | {metric: np.full_like(shares[metric], bound)})
    return cases


def unlikely_rows(sample: Sample, diagnoses: np.ndarray, p: np.ndarray, refits: Refits) -> pd.DataFrame:
    """Return the share of each diagnosis (of) in the band "melanoma unlikely"; diagnoses: (images,)."""
    rows = []
    for dx in np.unique(diagnoses):
        member = diagnoses == dx
        part = sample.of(member)
        shares = {
            (at, "melanoma_unlikely"): decisions.unlikely_share(p[member], part.weights, **bounds)
            for at, bounds in {ALL: refits.bounds, f"{GIVEN}{ALL}": fixed(refits.bounds)}.items()
        }
        bounds = bounds_of(shares, (ALL, "melanoma_unlikely"), trials=len(np.unique(part.groups)))
        rows.append({"of": dx, "pictures": int(member.sum()), "metric": "melanoma_unlikely", **bounds})
    return pd.DataFrame(rows)
