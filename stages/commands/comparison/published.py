"""Our models beside those of the study, the original student project, which published its holdout predictions."""

import pandas as pd

from stages.evaluation.scores import OPERATING_POINT, score, stack, tidy
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.intervals import draw_sample
from stages.statistics.metrics import threshold_at_sensitivity

AT = "threshold from the holdout"  # the study published no predictions for val


def compare(
    holdout: pd.DataFrame, published: pd.DataFrame, ours: list[str], *, sensitivity: float, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the metrics of the published models and of ours, and paired tests of ours against each of them.

    holdout: image_id, lesion_id, melanoma and a column per model; published: image_id, melanoma, a column per model.
    The published models have no threshold from val, so each model decides at the one that reaches the wanted
    sensitivity on the holdout itself, which flatters all alike. ValueError unless both tables are of the same images.
    """
    names = [name for name in published.columns if name not in ("image_id", "melanoma")]
    both = holdout.merge(published, on="image_id", how="outer", suffixes=("", "_published"), indicator=True)
    if not (both["_merge"] == "both").all() or not (both["melanoma"] == both["melanoma_published"]).all():
        raise ValueError("the published predictions are of other images than this holdout, or have other labels")
    sample = draw_sample(both, replicates=replicates, seed=seed)
    p = {name: both[name].to_numpy() for name in [*names, *ours]}
    cuts = {name: threshold_at_sensitivity(sample.labels, values, sensitivity) for name, values in p.items()}
    estimates = {name: score(sample, values, cuts[name]) for name, values in p.items()}
    tables = {name: tidy(sample, p[name], cuts[name], estimates[name]) for name in p}
    models = stack(tables, "model").replace({"at": {OPERATING_POINT: AT}})
    pairs = [Pair(f"against {name}", model, name) for name in names for model in ours]
    tests = comparison_table(pairs, estimates, sample, p).replace({"at": {OPERATING_POINT: AT}})
    return models, tests
