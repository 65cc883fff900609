"""Metrics of the models in groups of images that share an age band, a sex, a site or a diagnosis."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from stages.foundation.splits import SOURCE, UNKNOWN
from stages.statistics.intervals import Sample, draw_sample, interval
from stages.statistics.metrics import UNBOUNDED, observed_over_expected, redrawn_decision_metrics, redrawn_share
from stages.statistics.ranking import Metrics, ranking_metrics

FEWEST_MELANOMAS = 20  # lesions; groups with fewer are marked and left out of the gaps
FEWEST_LESIONS = 5  # of each class, for a ROC-AUC or an average precision
RANKING = ("roc_auc", "average_precision")
DECIDED = ("sensitivity", "specificity")
GAPS = ("roc_auc", *DECIDED)  # metrics whose gap between levels is given
COMPARED = ("age", "sex", "site")  # groupings whose levels share no image


def age_band(age: str) -> str:
    """Return the age band of an age in years, or "unknown"; the age is text, as in the metadata."""
    if age == UNKNOWN:
        return UNKNOWN
    years = float(age)
    return "under 40" if years < 40 else "40 to 59" if years < 60 else "60 and over"


def characteristics(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Return age band, sex and site of each image."""
    return {"age": table["age"].map(age_band), "sex": table["sex"], "site": table["localization"]}


def groups(table: pd.DataFrame) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield (grouping, level, mask of the level's images) for age, sex, site, source, diagnosis and confirmation.

    The level of another diagnosis than melanoma holds all melanomas too: its metrics are of melanoma against it.
    """
    yield "all", "all", np.ones(len(table), dtype=bool)
    for name, values in characteristics(table).items():
        for level in sorted(values.unique()):
            yield name, level, (values == level).to_numpy()
    if SOURCE in table and table[SOURCE].nunique() > 1:
        for level in sorted(table[SOURCE].unique()):
            yield "source", level, (table[SOURCE] == level).to_numpy()
    melanoma = (table["melanoma"] == 1).to_numpy()
    for dx in sorted(table.loc[~melanoma, "dx"].unique()):
        yield "melanoma against", dx, melanoma | (table["dx"] == dx).to_numpy()
    histology = (table["dx_type"] == "histo").to_numpy()
    if histology.any():
        yield "confirmed by", "histology", histology


def subgroup_table(
    table: pd.DataFrame, p: dict[str, np.ndarray], thresholds: dict[str, np.ndarray], *, replicates: int, seed: int
) -> pd.DataFrame:
    """Return every model's metrics by group, and for age, sex and site the gap between largest and smallest level.

    A gap is a level, named after the two it lies between, with the images of both.

    p: model -> probabilities of the table's images; thresholds: model -> that of each replicate, float (1 +
    replicates,). A group with fewer than FEWEST_LESIONS melanomas, or other lesions, has no rows for the metrics that
    rank them, and one without them none for the metrics that need them. Gaps are over levels of FEWEST_MELANOMAS or
    more; as a largest minus a smallest value, a gap is above 0 by chance alone.
    """
    rows: list[dict[str, object]] = []
    levels: dict[tuple[str, str, str], dict[str, np.ndarray]] = {}
    images: dict[tuple[str, str], tuple[int, int]] = {}
    for grouping, level, member in groups(table):
        sample = draw_sample(table[member], replicates=replicates, seed=seed)
        melanomas = int(sample.labels.sum())
        images[grouping, level] = len(sample.labels), melanomas
        enough = sample.lesions_of(sample.labels == 1) >= FEWEST_MELANOMAS
        few = "-" if enough else "few melanomas"
        cells = {"group": grouping, "level": level, "images": len(sample.labels), "melanomas": melanomas, "few": few}
        trials = {name: sample.groups_of(sample.labels == y) for name, y in (("sensitivity", 1), ("specificity", 0))}
        for model, values in p.items():
            for metric, estimates in group_metrics(sample, values[member], thresholds[model]).items():
                bounds = interval(estimates, bounded=metric not in UNBOUNDED, trials=trials.get(metric, 0))
                rows.append({"model": model, **cells, "metric": metric, **bounds})
                if enough and grouping in COMPARED and metric in GAPS:
                    levels.setdefault((model, grouping, metric), {})[level] = estimates
    rows += [_gap(*key, by_level, images) for key, by_level in levels.items() if len(by_level) > 1]
    return pd.DataFrame(rows)


def group_metrics(sample: Sample, p: np.ndarray, thresholds: np.ndarray) -> Metrics:
    """Return RANKING, DECIDED and calibration, what the classes allow; none where a replicate lacks one of two classes.

    That happens where patients with both kinds of lesions are drawn.
    """
    labels, weights = sample.labels, sample.weights
    if not 0 < labels.sum() < len(labels):
        called = redrawn_share(p, weights, thresholds=thresholds)
        return {"sensitivity": called} if labels.any() else {"specificity": 1 - called}
    if not sample.has_both_classes:
        return {}
    decided = redrawn_decision_metrics(labels, p, weights, thresholds=thresholds)
    metrics = {name: decided[name] for name in DECIDED}
    if min(sample.lesions_of(labels == y) for y in (0, 1)) < FEWEST_LESIONS:
        return metrics
    ranked = ranking_metrics(labels, p, weights)
    expected = observed_over_expected(labels, p, weights)
    return {name: ranked[name] for name in RANKING} | metrics | {"observed_over_expected": expected}


def _gap(
    model: str,
    grouping: str,
    metric: str,
    levels: dict[str, np.ndarray],
    images: dict[tuple[str, str], tuple[int, int]],
) -> dict[str, object]:
    values, names = np.stack(list(levels.values())), list(levels)
    ends = [names[int(values[:, 0].argmax())], names[int(values[:, 0].argmin())]]
    count, melanomas = np.sum([images[grouping, name] for name in ends], axis=0)
    cells = {"group": grouping, "level": f"gap, {' - '.join(ends)}", "images": count, "melanomas": melanomas}
    gap = values.max(axis=0) - values.min(axis=0)
    return {"model": model, **cells, "few": "-", "metric": metric, **interval(gap, biased_up=True)}
