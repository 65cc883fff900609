"""All metrics of one model on one split, with their bootstrap replicates, and the tidy table of them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.foundation.probability import log_odds
from stages.statistics.intervals import GIVEN, Estimates, Sample, interval
from stages.statistics.metrics import (
    BIASED_UP,
    UNBOUNDED,
    calibration_metrics,
    decision_metrics,
    redrawn_decision_metrics,
)
from stages.statistics.ranking import Metrics, ranking_metrics, within_roc_auc
from stages.statistics.refits import Refits, recalibrated_metrics

HALF, OPERATING_POINT, ALL = "0.5", "operating point", "all"  # the threshold a metric is taken at; all: none
WITHIN, PLATT = "within sources", "platt"  # over the pairs of one source; after Platt scaling
LESIONS = "by lesion"  # of the mean log odds of a lesion's images


def score(
    sample: Sample, p: np.ndarray, threshold: float, refits: Refits | None = None, only: str | None = None
) -> Estimates:
    """Return ranking and calibration metrics, and decision metrics at 0.5 and at the operating point's threshold.

    refits: what each replicate of val would have chosen. With them, replicates at the operating point and after Platt
    scaling have a choice of their own, and those that hold the choice fixed come besides, as GIVEN. only: where the
    metrics are taken that alone are wanted, by default all.
    """
    labels, weights = sample.labels, sample.weights
    groups: dict[str, Callable[[], Metrics]] = {
        ALL: lambda: ranking_metrics(labels, p, weights) | calibration_metrics(labels, p, weights),
        LESIONS: lambda: ranking_by_lesion(sample, p),
        HALF: lambda: decision_metrics(labels, p, 0.5, weights),
        OPERATING_POINT: lambda: decision_metrics(labels, p, threshold, weights),
    }
    if sample.compares_within_sources:
        groups[WITHIN] = lambda: {"roc_auc": within_roc_auc(labels, p, sample.sources, weights)}
    if refits is not None:
        cuts, lines = {"thresholds": refits.thresholds}, {"slopes": refits.slopes, "intercepts": refits.intercepts}
        groups |= {
            f"{GIVEN}{OPERATING_POINT}": groups[OPERATING_POINT],
            OPERATING_POINT: lambda: redrawn_decision_metrics(labels, p, weights, **cuts),
            f"{GIVEN}{PLATT}": lambda: recalibrated_metrics(labels, p, weights, **fixed(lines)),
            PLATT: lambda: recalibrated_metrics(labels, p, weights, **lines),
        }
    wanted = groups if only is None else [only, f"{GIVEN}{only}"]
    return {(at, name): values for at in groups if at in wanted for name, values in groups[at]().items()}


def ranking_by_lesion(sample: Sample, p: np.ndarray) -> Metrics:
    """Return ranking_metrics where a lesion counts once, by the mean log odds of its images."""
    first, index, images = lesion_index(sample)
    mean = np.bincount(index, log_odds(p)) / images
    return ranking_metrics(sample.labels[first], mean, sample.weights[:, first])


def lesion_index(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each lesion's first image, (lesions,), each image's lesion, (images,), and the images of each lesion.

    A lesion with images of both classes is two.
    """
    keys = 2 * np.unique(sample.lesions, return_inverse=True)[1] + sample.labels
    _, first, index, images = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return first, index, images


def fixed(chosen: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what was chosen in place of what each replicate would choose; both float (1 + replicates,)."""
    return {name: np.full_like(values, values[0]) for name, values in chosen.items()}


def bounds_of(estimates: Estimates, key: tuple[str, str], **how: Any) -> dict[str, float]:
    """Return value, low and high of a metric, and low_given and high_given, NaN where nothing is chosen on val."""
    at, metric = key
    given = estimates.get((f"{GIVEN}{at}", metric))
    held = {"low": np.nan, "high": np.nan} if given is None else interval(given, **how)
    return interval(estimates[key], **how) | {"low_given": held["low"], "high_given": held["high"]}


def asked(estimates: Estimates) -> list[tuple[str, str]]:
    """Return the keys of the estimates but those of GIVEN choices."""
    return [key for key in estimates if not key[0].startswith(GIVEN)]


def tidy(sample: Sample, p: np.ndarray | None, threshold: float | None, estimates: Estimates) -> pd.DataFrame:
    """Return the estimates of `score`, a row each: at, threshold ("-" where none is used), metric, value, low, high.

    p and threshold: None for a mean of seeds, each of which has its own. low_given and high_given: with the threshold
    or scaling held fixed, NaN where there is none.
    """
    thresholds = {HALF: 0.5} if threshold is None else {HALF: 0.5, OPERATING_POINT: threshold}
    trials = {at: trials_of(sample, None if p is None else p >= thresholds[at]) for at in (HALF, OPERATING_POINT)}
    rows = []
    for at, metric in asked(estimates):
        how = {"bounded": metric not in UNBOUNDED, "biased_up": metric in BIASED_UP}
        bounds = bounds_of(estimates, (at, metric), **how, trials=trials.get(at, {}).get(metric, 0))
        cut = f"{thresholds[at]:.9g}" if at in thresholds else "-"
        rows.append({"at": at, "threshold": cut, "metric": metric, **bounds})
    return pd.DataFrame(rows)


def without_fitted(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of `tidy` without what Platt scaling makes 1 on the very images that it is fitted on."""
    return table[(table["at"] != PLATT) | ~table["metric"].isin(("observed_over_expected", "calibration_slope"))]


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


def trials_of(sample: Sample, called: np.ndarray | None) -> dict[str, int]:
    """Return the number of groups in the denominator of each share, of ppv and npv where it is one model's."""
    denominators = {"sensitivity": sample.labels == 1, "specificity": sample.labels == 0}
    if called is not None:
        denominators |= {"ppv": called, "npv": ~called}
    return {name: sample.groups_of(member) for name, member in denominators.items()}
