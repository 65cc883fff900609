"""All metrics of one model on one split, with their bootstrap replicates, and the tidy table of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stages.deployment.decision import Referral
from stages.statistics import decisions
from stages.statistics.intervals import Estimates, Sample, interval
from stages.statistics.metrics import (
    BIASED_UP,
    UNBOUNDED,
    calibration_metrics,
    decision_metrics,
    ranking_metrics,
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
    trials = {} if p is None else {at: _trials(sample, p >= cut) for at, cut in thresholds.items()}
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


def _trials(sample: Sample, called: np.ndarray) -> dict[str, int]:
    """Return the number of lesions in the denominator of each share."""
    denominators = {"sensitivity": sample.labels == 1, "specificity": sample.labels == 0, "ppv": called, "npv": ~called}
    return {name: sample.lesions_of(member) for name, member in denominators.items()}


def referral_rows(sample: Sample, rule: Referral, p: np.ndarray) -> pd.DataFrame:
    """Return the coverage of both classes and the shares of images in each band, a row each, with their intervals."""
    melanomas, others = (sample.lesions_of(sample.labels == y) for y in (1, 0))
    trials = {"coverage_melanoma": melanomas, "referred_melanoma": melanomas, "coverage_other": others}
    metrics = decisions.referral_metrics(sample.labels, rule.bands(p), sample.weights)
    lesions = len(np.unique(sample.lesions))
    return pd.DataFrame(
        [{"metric": name, **interval(values, trials=trials.get(name, lesions))} for name, values in metrics.items()]
    )


def consequence_rows(estimates: Estimates, threshold_probability: float, prevalences: Sequence[float]) -> pd.DataFrame:
    """Return predictive values, net benefit and counts among 1,000 lesions at the operating point, by prevalence."""
    sensitivity, specificity = (estimates[OPERATING_POINT, metric] for metric in ("sensitivity", "specificity"))
    return pd.DataFrame(
        [
            {"prevalence": prevalence, "metric": metric, **interval(values, bounded=metric in ("ppv", "npv"))}
            for prevalence in prevalences
            for metric, values in decisions.consequences(
                sensitivity, specificity, prevalence=prevalence, threshold_probability=threshold_probability
            ).items()
        ]
    )
