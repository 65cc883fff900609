"""Our models beside those of a study that published its predictions for the same holdout."""

import pandas as pd

from stages.evaluation.scores import OPERATING_POINT, score, tidy
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.intervals import draw_sample
from stages.statistics.metrics import threshold_at_sensitivity

AT = "threshold from the holdout"  # the study published no predictions for val


def compare(
    holdout: pd.DataFrame, published: pd.DataFrame, ours: list[str], *, sensitivity: float, replicates: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every number of the published models and of ours, and ours tested against each of them, paired.

    holdout: image_id, lesion_id, melanoma and a column per model; published: image_id, melanoma, a column per model.
    The published models have no threshold from val, so all decide at the one that reaches the wanted sensitivity on
    the holdout itself, which flatters all of them alike. ValueError where the two tables are not of the same images.
    """
    names = [name for name in published.columns if name not in ("image_id", "melanoma")]
    both = holdout.merge(published, on="image_id", how="outer", suffixes=("", "_published"), indicator=True)
    if not (both["_merge"] == "both").all() or not (both["melanoma"] == both["melanoma_published"]).all():
        raise ValueError("the published predictions are of other images, or label them otherwise, than this holdout")
    sample = draw_sample(both, replicates=replicates, seed=seed)
    p = {name: both[name].to_numpy() for name in [*names, *ours]}
    cuts = {name: threshold_at_sensitivity(sample.labels, values, sensitivity) for name, values in p.items()}
    estimates = {name: score(sample, values, cuts[name]) for name, values in p.items()}
    rows = [tidy(sample, p[name], cuts[name], estimates[name]).assign(model=name) for name in p]
    models = pd.concat(rows, ignore_index=True).replace({"at": {OPERATING_POINT: AT}})
    pairs = [Pair(f"against {name}", model, name) for name in names for model in ours]
    tests = comparison_table(pairs, estimates, sample.labels, p).replace({"at": {OPERATING_POINT: AT}})
    return models[["model", *models.columns.drop("model")]], tests
