"""Our models beside those of the study, the original student project, which published its holdout predictions."""

import pandas as pd

from stages.evaluation.evaluation import PRIMARY
from stages.evaluation.scores import OPERATING_POINT, PLATT, blanks_filled, score, stack, tidy, without_fitted
from stages.foundation.settings import Evaluate
from stages.statistics.comparisons import Pair, comparison_table
from stages.statistics.decisions import fit_decision
from stages.statistics.intervals import draw_sample
from stages.statistics.refits import refit

AT = {  # the study published no predictions for val
    OPERATING_POINT: "threshold from the holdout",
    PLATT: "platt from the holdout",
}


def compare(
    holdout: pd.DataFrame, published: pd.DataFrame, ours: list[str], settings: Evaluate
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the metrics of the published models and of ours, and paired tests of ours against each of them.

    holdout: image_id, lesion_id, melanoma, perhaps SOURCE, and a column per model; published: image_id, melanoma, a
    column per model. The published models have no threshold and no scaling from val, so each model has those of the
    holdout itself, in each replicate its own, which flatters all alike. ValueError unless both tables are of the same
    images.
    """
    names = [name for name in published.columns if name not in ("image_id", "melanoma")]
    both = holdout.merge(published, on="image_id", how="outer", suffixes=("", "_published"), indicator=True)
    if not (both["_merge"] == "both").all() or not (both["melanoma"] == both["melanoma_published"]).all():
        raise ValueError("the published predictions are of other images than this holdout, or have other labels")
    sample = draw_sample(both, replicates=settings.replicates, seed=settings.seed)
    p, tables, estimates = {name: both[name].to_numpy() for name in [*names, *ours]}, {}, {}
    for name, values in p.items():
        decision = fit_decision(sample.labels, values, settings)
        chosen = refit(sample, values, decision, settings)
        estimates[name] = score(sample, values, decision.threshold, chosen)
        tables[name] = without_fitted(tidy(sample, values, decision.threshold, estimates[name]))
    pairs = [Pair(f"against {name}", model, name) for name in names for model in ours]
    tests = comparison_table(pairs, lambda name, _: estimates[name], sample, p, primary=PRIMARY[settings.primary])
    return blanks_filled(stack(tables, "model")).replace({"at": AT}), tests.replace({"at": AT})
