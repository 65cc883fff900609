"""An exported file's numbers on a labelled archive, with its own threshold and calibration: nothing is fitted anew."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from stages.deployment.decision import Decision
from stages.evaluation import curves
from stages.evaluation.scores import score, stack, tidy
from stages.evaluation.subgroups import subgroup_table
from stages.evaluation.uses import consequence_rows, referral_rows
from stages.foundation.settings import Evaluate
from stages.statistics.calibration import RAW, calibration_rows
from stages.statistics.intervals import LEVEL, Sample, draw_sample, interval
from stages.statistics.metrics import redrawn_decision_metrics, share
from stages.statistics.ranking import thresholds_by
from stages.statistics.refits import held

TABLES = ("metrics", "site", "calibration", "shares", "consequences", "subgroups", "bands")
NARROW = 0.02  # half of the 95 % interval of a sensitivity that `site` counts melanomas for
BOUNDS = ("value", "low", "high")
ALL, ANSWERED = "all", "not refused"  # images that the metrics are of


def external_tables(
    table: pd.DataFrame, decision: Decision, settings: Evaluate, prevalences: Sequence[float]
) -> dict[str, pd.DataFrame]:
    """Return the tables of an external validation, by name: TABLES.

    table: of a `Labelled`, melanomas and other lesions among them, with p_melanoma and distance; settings: of the
    bootstrap over its lesions or patients; prevalences: of melanoma, that predictive values are computed for.
    ValueError where a replicate lacks a class.
    """
    p, refused = table["p_melanoma"].to_numpy(), decision.refused(table["distance"].to_numpy())
    sample = draw_sample(table, replicates=settings.replicates, seed=settings.seed)
    if not sample.has_both_classes:
        raise ValueError("too few patients with other lesions alone: a bootstrap over patients may draw none")
    estimates = score(sample, p, decision.threshold)
    metrics = {ALL: _held(tidy(sample, p, decision.threshold, estimates))}
    answered = table[~refused]
    if refused.any():
        part, q = draw_sample(answered, replicates=settings.replicates, seed=settings.seed), p[~refused]
        if part.has_both_classes:
            metrics[ANSWERED] = _held(tidy(part, q, decision.threshold, score(part, q, decision.threshold)))
    file = held(decision, len(sample.weights))
    calibrations = {"none": RAW, "as in the file": decision.calibration}
    bands = {
        "roc": curves.roc_band(sample.labels, p, sample.weights),
        "calibration": curves.calibration_curve(sample.labels, decision.calibration(p), sample.weights),
    }
    return {
        "metrics": stack(metrics, "images"),
        "site": site_threshold(sample, p, settings),
        "calibration": calibration_rows(sample, p, calibrations).rename(columns={"at": "calibration"}),
        "shares": shares(sample, p, refused, decision),
        "consequences": _held(consequence_rows(sample, p, file, settings.threshold_probability, prevalences)),
        "subgroups": subgroups(table, p, decision.threshold, settings),
        "bands": stack(bands, "curve"),
    }


def site_threshold(sample: Sample, p: np.ndarray, settings: Evaluate) -> pd.DataFrame:
    """Return the threshold that this archive would choose, what it reaches here, and how many melanomas more it wants.

    Each replicate chooses its own, as another draw of this clinic's lesions would, and is then asked about all images:
    the intervals are of what a threshold chosen by so few reaches. melanomas_lacking: until the 95 % interval of the
    sensitivity were NARROW either way, by the binomial.
    """
    thresholds = thresholds_by(settings, sample.labels, p, sample.weights)
    found = redrawn_decision_metrics(sample.labels, p, np.ones_like(sample.weights), thresholds=thresholds)
    rows = {"threshold": thresholds} | {name: found[name] for name in ("sensitivity", "specificity", "ppv")}
    table = pd.DataFrame([{"metric": name, **interval(values)} for name, values in rows.items()])
    wanted = settings.sensitivity * (1 - settings.sensitivity) * (norm.ppf((1 + LEVEL) / 2) / NARROW) ** 2
    lacking = max(0, int(np.ceil(wanted)) - sample.groups_of(sample.labels == 1))
    return pd.concat([table, pd.DataFrame([{"metric": "melanomas_lacking", **dict.fromkeys(BOUNDS, lacking)}])])


def shares(sample: Sample, p: np.ndarray, refused: np.ndarray, decision: Decision) -> pd.DataFrame:
    """Return the shares of images in each band of referral and of those refused, and the coverage of both classes."""
    bounds = interval(share(refused, sample.weights), trials=len(np.unique(sample.groups)))
    beyond = pd.DataFrame([{"metric": "refused", **bounds}])
    bands = _held(referral_rows(sample, p, held(decision, len(sample.weights))))
    return pd.concat([bands, beyond], ignore_index=True)


def subgroups(table: pd.DataFrame, p: np.ndarray, threshold: float, settings: Evaluate) -> pd.DataFrame:
    """Return the metrics by age, sex, site and label, of the groups that the archive names."""
    described = table.assign(dx=table["label"], dx_type="unknown")
    rule = {"replicates": settings.replicates, "seed": settings.seed}
    cuts = {"file": np.full(1 + settings.replicates, threshold)}
    return subgroup_table(described, {"file": p}, cuts, **rule).drop(columns="model")


def _held(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of a file's own choices, which no replicate makes anew: its intervals are the given ones."""
    return table.drop(columns=["low_given", "high_given"])
