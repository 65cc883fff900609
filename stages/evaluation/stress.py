"""What alterations of an image do to the exported student, and which pictures it refuses."""

import numpy as np
import pandas as pd

from stages.evaluation.evaluation import Evaluation
from stages.evaluation.scores import joined
from stages.foundation.splits import UNKNOWN
from stages.pictures.settings import DRAWN_LESION, UNALTERED
from stages.pictures.skin import TONES
from stages.statistics.intervals import bootstrap_weights, interval
from stages.statistics.metrics import redrawn_decision_metrics, redrawn_share, share
from stages.statistics.ranking import ranking_metrics


def stress(
    evaluation: Evaluation, farthest: float, altered: pd.DataFrame, pictures: pd.DataFrame, skin: pd.DataFrame
) -> pd.DataFrame:
    """Return the three tables below as one. farthest: the distance from which on the exported student refuses."""
    tables = {
        "alterations": robustness(evaluation, farthest, altered),
        "refusal": refusal(evaluation, farthest, altered, pictures),
        "skin tones": skin_tones(evaluation, skin),
    }
    return joined(tables)


def robustness(evaluation: Evaluation, farthest: float, altered: pd.DataFrame) -> pd.DataFrame:
    """Return ROC-AUC, sensitivity, specificity, changed decisions and refusals by alteration (of) and strength.

    altered: image_id, alteration, strength, p_melanoma and distance, of the holdout's images at least. Decisions are
    those at the operating point; "changed": the decision differs from the one on the unaltered image. Refused images
    count in all but "changed_answered". "missed_in_silence": melanomas that are neither flagged nor refused.
    """
    sample, name = evaluation.samples["holdout"], evaluation.roles.one("int8")
    decision, image_ids = evaluation.deciding(name, farthest), evaluation.tables["holdout"]["image_id"]
    unaltered, thresholds = decision.called(evaluation.holdout[name]), evaluation.refits(name).thresholds
    every, melanoma = len(np.unique(sample.lesions)), sample.labels == 1
    trials = {"roc_auc": 0, "changed": every, "changed_answered": every, "refused": every}
    trials |= {"sensitivity": sample.lesions_of(melanoma), "specificity": sample.lesions_of(~melanoma)}
    trials["missed_in_silence"] = trials["sensitivity"]
    rows = []
    for (alteration, strength), group in altered.groupby(["alteration", "strength"], sort=False):
        answers = group.set_index("image_id").loc[image_ids]
        p, distance = answers["p_melanoma"].to_numpy(), answers["distance"].to_numpy()
        changed, refused = decision.called(p) != unaltered, decision.refused(distance)
        shares = {"changed": changed, "refused": refused}
        metrics = ranking_metrics(sample.labels, p, sample.weights)
        metrics |= redrawn_decision_metrics(sample.labels, p, sample.weights, thresholds=thresholds)
        metrics |= {metric: share(member, sample.weights) for metric, member in shares.items()}
        answered = np.maximum(1 - metrics["refused"], 1e-9)  # where none is, none changes
        metrics["changed_answered"] = share(changed & ~refused, sample.weights) / answered
        seen = np.where(refused, np.inf, p)[melanoma]
        flagged_or_refused = redrawn_share(seen, sample.weights[:, melanoma], thresholds=thresholds)
        metrics["missed_in_silence"] = 1 - flagged_or_refused
        rows += [
            {
                "of": alteration,
                "strength": strength,
                "metric": metric,
                **interval(metrics[metric], trials=lesions),
            }
            for metric, lesions in trials.items()
        ]
    return pd.DataFrame(rows)


def refusal(evaluation: Evaluation, farthest: float, altered: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """Return the share that is refused of the holdout's images, of pictures without a lesion, and of each kind.

    pictures: source, kind and distance. Their intervals draw sources: parts of one photograph go together.
    """
    settings, decision = evaluation.settings, evaluation.deciding(evaluation.roles.one("int8"), farthest)
    sample, image_ids = evaluation.samples["holdout"], evaluation.tables["holdout"]["image_id"]
    unaltered = altered[altered["alteration"] == UNALTERED].set_index("image_id").loc[image_ids]
    beyond = share(decision.refused(unaltered["distance"].to_numpy()), sample.weights)
    bounds = interval(beyond, trials=len(np.unique(sample.lesions)))
    rows = [{"of": "holdout", "pictures": len(image_ids), "metric": "refused", **bounds}]
    without = pictures[pictures["kind"] != DRAWN_LESION]
    for kind, group in [("without a lesion", without), *pictures.groupby("kind", sort=False)]:
        refused, sources = decision.refused(group["distance"].to_numpy()), group["source"].to_numpy()
        weights = bootstrap_weights(np.zeros(len(group)), sources, replicates=settings.replicates, seed=settings.seed)
        bounds = interval(share(refused, weights), trials=len(set(sources)))
        rows.append({"of": kind, "pictures": len(group), "metric": "refused", **bounds})
    return pd.DataFrame(rows)


def skin_tones(evaluation: Evaluation, skin: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of the holdout's images by estimated skin tone (of).

    skin: image_id and typology_angle of those whose skin could be seen.
    """
    sample = evaluation.samples["holdout"]
    angles = skin.set_index("image_id")["typology_angle"].reindex(evaluation.tables["holdout"]["image_id"]).to_numpy()
    tones = np.full(len(angles), UNKNOWN, dtype=object)
    for tone, begins in reversed(TONES.items()):
        tones[angles >= begins] = tone
    rows = [
        {
            "of": tone,
            "from_degrees": TONES.get(tone, "-"),
            "pictures": int((tones == tone).sum()),
            "metric": "share",
            **interval(share(tones == tone, sample.weights), trials=len(np.unique(sample.lesions))),
        }
        for tone in (*TONES, UNKNOWN)
    ]
    return pd.DataFrame(rows)
