"""All metrics of one model on one split, with their bootstrap replicates, and the tidy table of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.deployment.decision import Referral
from stages.statistics import decisions
from stages.statistics.intervals import Estimates, Sample, exact_bound, interval
from stages.statistics.metrics import (
    BIASED_UP,
    UNBOUNDED,
    calibration_metrics,
    decision_metrics,
    ranking_metrics,
    share,
)

HALF, OPERATING_POINT, ALL = "0.5", "operating point", "all"  # the threshold a metric is taken at; all: none


def score(sample: Sample, p: np.ndarray, threshold: float) -> Estimates:
    """Return ranking and calibration metrics, and decision metrics at 0.5 and at the operating point's threshold."""
    labels, weights = sample.labels, sample.weights
    metrics = {
        ALL: ranking_metrics(labels, p, weights) | calibration_metrics(labels, p, weights),
        HALF: decision_metrics(labels, p, 0.5, weights),
        OPERATING_POINT: decision_metrics(labels, p, threshold, weights),
    }
    return {(at, name): values for at, group in metrics.items() for name, values in group.items()}


def tidy(sample: Sample, p: np.ndarray | None, threshold: float | None, estimates: Estimates) -> pd.DataFrame:
    """Return the estimates of `score`, a row each: at, threshold ("-" where none is used), metric, value, low, high.

    p and threshold: None for a mean of seeds, each of which has its own.
    """
    thresholds = {HALF: 0.5} if threshold is None else {HALF: 0.5, OPERATING_POINT: threshold}
    trials = {at: _trials(sample, None if p is None else p >= thresholds[at]) for at in (HALF, OPERATING_POINT)}
    rows = []
    for (at, metric), values in estimates.items():
        bounds = interval(
            values,
            bounded=metric not in UNBOUNDED,
            biased_up=metric in BIASED_UP,
            trials=trials.get(at, {}).get(metric, 0),
        )
        cut = f"{thresholds[at]:.9g}" if at in thresholds else "-"
        rows.append({"at": at, "threshold": cut, "metric": metric, **bounds})
    return pd.DataFrame(rows)


def stack(tables: Mapping[Any, pd.DataFrame], *columns: str) -> pd.DataFrame:
    """Return tables below each other; their keys, or the parts of tuple keys, become the first columns, so named."""
    return pd.concat(tables, names=list(columns)).reset_index(list(columns)).reset_index(drop=True)


def joined(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of several questions as one: their keys are its first column, "-" fills what one lacks."""
    return blanks_filled(stack(tables, "question"))


def blanks_filled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns with blanks are text, "-" for a blank."""
    return table.assign(**{name: table[name].map(_cell) for name in table.columns[table.isna().any()]})


def _cell(value: float | str) -> str:
    return "-" if pd.isna(value) else f"{value:.6g}" if isinstance(value, float) else str(value)


def _trials(sample: Sample, called: np.ndarray | None) -> dict[str, int]:
    """Return the number of lesions in the denominator of each share, of ppv and npv where it is one model's."""
    denominators = {"sensitivity": sample.labels == 1, "specificity": sample.labels == 0}
    if called is not None:
        denominators |= {"ppv": called, "npv": ~called}
    return {name: sample.lesions_of(member) for name, member in denominators.items()}


def referral_rows(sample: Sample, rule: Referral, p: np.ndarray) -> pd.DataFrame:
    """Return the coverage of both classes and the shares of images in each band, a row each, with their intervals."""
    melanomas, others = (sample.lesions_of(sample.labels == y) for y in (1, 0))
    trials = {"coverage_melanoma": melanomas, "referred_melanoma": melanomas, "coverage_other": others}
    metrics = decisions.referral_metrics(sample.labels, p, rule, sample.weights)
    lesions = len(np.unique(sample.lesions))
    return pd.DataFrame(
        [{"metric": name, **interval(values, trials=trials.get(name, lesions))} for name, values in metrics.items()]
    )


def consequence_rows(
    sample: Sample, lesions: np.ndarray, called: np.ndarray, threshold_probability: float, prevalences: Sequence[float]
) -> pd.DataFrame:
    """Return predictive values, net benefit and counts among 1,000 lesions, by prevalence.

    lesions: of the images, (images,); called: which of them are called melanoma. A lesion counts once, as the mean of
    its images. Where all melanomas were found, or none, the interval reaches to what the exact bound of that
    sensitivity would mean; likewise the specificity.
    """
    keys = 2 * np.unique(lesions, return_inverse=True)[1] + sample.labels  # a name with images of both classes is two
    _, first, index, images = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    found, melanoma, weights = np.bincount(index, called) / images, sample.labels[first] == 1, sample.weights[:, first]
    shares = {
        "sensitivity": share(found[melanoma], weights[:, melanoma]),
        "specificity": share(1 - found[~melanoma], weights[:, ~melanoma]),
    }
    cases = [shares]
    for metric, trials in _trials(sample, None).items():
        if (bound := exact_bound(shares[metric], trials)) is not None:
            cases.append(shares | {metric: np.full_like(shares[metric], bound)})
    rows = []
    for prevalence in prevalences:
        results = [
            decisions.consequences(**case, prevalence=prevalence, threshold_probability=threshold_probability)
            for case in cases
        ]
        for metric in results[0]:
            bounds = [interval(values[metric], bounded=metric in ("ppv", "npv")) for values in results]
            low, high = min(row["low"] for row in bounds), max(row["high"] for row in bounds)
            rows.append({"prevalence": prevalence, "metric": metric, **bounds[0], "low": low, "high": high})
    return pd.DataFrame(rows)
