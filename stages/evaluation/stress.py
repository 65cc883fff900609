"""What alterations of an image do to the exported student, which pictures it refuses, and skin tones."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from stages.evaluation.evaluation import Evaluation
from stages.evaluation.roles import CONTROL_MODEL
from stages.evaluation.scores import joined
from stages.evaluation.subgroups import group_metrics
from stages.foundation.splits import UNKNOWN
from stages.pictures.alterations import ALTERATIONS, CASES, COMPARED, EVERY, MEANS, MILD, STRENGTHS
from stages.pictures.settings import DRAWN_LESION, UNALTERED
from stages.pictures.skin import TONES
from stages.statistics.intervals import Sample, bootstrap_weights, interval
from stages.statistics.metrics import redrawn_changes, redrawn_decision_metrics, redrawn_share, share
from stages.statistics.ranking import Metrics, ranking_metrics, within_roc_auc

Case = tuple[str, int]  # alteration and strength


def stress(evaluation: Evaluation, farthest: float, answers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables below as one. farthest: the distance from which on the exported student refuses.

    answers: the tables of stress_test, by name.
    """
    altered, others = answers["altered"], answers.get("compared")
    estimates = altered_estimates(evaluation, farthest, altered)
    tables = {
        "alterations": robustness(evaluation, estimates),
        "alterations averaged": averaged(evaluation, estimates),
        **({} if others is None else {"alterations compared": compared(evaluation, estimates, others)}),
        "refusal": refusal(evaluation, farthest, altered, answers["pictures"]),
        "skin tones": skin_tones(evaluation, answers["skin"]),
    }
    return joined(tables)


def altered_estimates(evaluation: Evaluation, farthest: float, altered: pd.DataFrame) -> dict[Case, Metrics]:
    """Return ROC-AUC, sensitivity, specificity, changed decisions and refusals by alteration and strength.

    altered: image_id, alteration, strength, p_melanoma and distance, of the holdout's images at least. Decisions are
    those at the operating point; "changed": the decision differs from the one on the unaltered image. Refused images
    count in all but the metrics "_answered", which are left out where a replicate has no such image.
    "missed_in_silence": melanomas that are neither flagged nor refused.
    """
    sample, name = evaluation.samples["holdout"], evaluation.roles.one("int8")
    decision, image_ids = evaluation.deciding(name, farthest), evaluation.tables["holdout"]["image_id"]
    unaltered, cuts = evaluation.holdout[name], {"thresholds": evaluation.refits(name).thresholds}
    melanoma = sample.labels == 1
    estimates: dict[Case, Metrics] = {}
    by_case = dict(list(altered.groupby(["alteration", "strength"])))
    for alteration, strength in CASES:
        answers = by_case[alteration, strength].set_index("image_id").loc[image_ids]
        p, distance = answers["p_melanoma"].to_numpy(), answers["distance"].to_numpy()
        refused = decision.refused(distance)
        metrics = _ranking(sample, p)
        decided = redrawn_decision_metrics(sample.labels, p, sample.weights, **cuts)
        metrics |= {metric: decided[metric] for metric in ("sensitivity", "specificity")}
        metrics["changed"] = redrawn_changes(p, unaltered, sample.weights, **cuts)
        metrics["refused"] = share(refused, sample.weights)
        if (weights := sample.weights[:, ~refused]).any(axis=1).all():
            metrics["changed_answered"] = redrawn_changes(p[~refused], unaltered[~refused], weights, **cuts)
        told = melanoma & ~refused
        if (weights := sample.weights[:, told]).any(axis=1).all():
            metrics["sensitivity_answered"] = redrawn_share(p[told], weights, **cuts)
        seen = np.where(refused, np.inf, p)[melanoma]
        metrics["missed_in_silence"] = 1 - redrawn_share(seen, sample.weights[:, melanoma], **cuts)
        estimates[alteration, strength] = metrics
    return estimates


def robustness(evaluation: Evaluation, estimates: dict[Case, Metrics]) -> pd.DataFrame:
    """Return the estimates, a row each, with the family of the alteration (of) and what in training does the like."""
    rows = []
    for (alteration, strength), metrics in estimates.items():
        cells = {"of": alteration, "strength": strength, "family": "-", "like": "-"}
        if alteration != UNALTERED:
            kind = ALTERATIONS[alteration]
            cells |= {"family": kind.family, "like": kind.like}
        rows += _rows(evaluation, cells, metrics)
    return pd.DataFrame(rows)


def averaged(evaluation: Evaluation, estimates: dict[Case, Metrics]) -> pd.DataFrame:
    """Return the estimates averaged over alterations (of: all, or some), at each strength and over the MILD ones.

    The metrics "_answered" are over those alterations that have them.
    """
    strengths = {"1 to 3": MILD} | {str(strength): (strength,) for strength in STRENGTHS}
    rows = []
    for (of, alterations), (strength, averaged_over) in product(MEANS.items(), strengths.items()):
        cases = [estimates[case] for case in product(alterations, averaged_over)]
        found = {metric: [case[metric] for case in cases if metric in case] for metric in estimates[UNALTERED, 0]}
        metrics = {metric: np.mean(values, axis=0) for metric, values in found.items() if values}
        rows += _rows(evaluation, {"of": of, "strength": strength, "alterations": len(alterations)}, metrics)
    return pd.DataFrame(rows)


def compared(evaluation: Evaluation, estimates: dict[Case, Metrics], answers: pd.DataFrame) -> pd.DataFrame:
    """Return ROC-AUC of the exported student, of others, and its difference from each, averaged over alterations (of).

    answers: image_id, alteration, strength, and p of "control" or "teachers", of the MILD cases of DermaMNIST-C's
    alterations. Replicates are the same for all, so that differences are paired.
    """
    sample, image_ids = evaluation.samples["holdout"], evaluation.tables["holdout"]["image_id"]
    names = {"control": CONTROL_MODEL, "teachers": evaluation.roles.teacher}
    others: dict[str, dict[Case, Metrics]] = {name: {} for name in answers.columns[3:]}
    by_case: list[tuple[Any, pd.DataFrame]] = list(answers.groupby(["alteration", "strength"]))
    for case, table in by_case:
        values = table.set_index("image_id").loc[image_ids]
        for name, metrics in others.items():
            metrics[case] = _ranking(sample, values[name].to_numpy())
    student, rows = evaluation.roles.one("int8"), []
    for of, alterations in MEANS.items():
        cases = [case for case in product(alterations, MILD) if case in COMPARED and of != EVERY]
        for metric in _ranking(sample, evaluation.holdout[student]) if cases else ():
            own = np.mean([estimates[case][metric] for case in cases], axis=0)
            found = {student: own}
            for name, metrics in others.items():
                other = np.mean([metrics[case][metric] for case in cases], axis=0)
                found |= {names[name]: other, f"{student} - {names[name]}": own - other}
            cells = {"of": of, "strength": "1 to 3", "alterations": len(cases) // len(MILD)}
            rows += [
                {**cells, "model": name, "metric": metric, **interval(values, bounded=" - " not in name)}
                for name, values in found.items()
            ]
    return pd.DataFrame(rows)


def _ranking(sample: Sample, p: np.ndarray) -> Metrics:
    metrics = {"roc_auc": ranking_metrics(sample.labels, p, sample.weights)["roc_auc"]}
    if sample.compares_within_sources:
        metrics["roc_auc_within"] = within_roc_auc(sample.labels, p, sample.sources, sample.weights)
    return metrics


def _rows(evaluation: Evaluation, cells: dict[str, object], metrics: Metrics) -> list[dict[str, object]]:
    sample = evaluation.samples["holdout"]
    melanomas, others = (sample.groups_of(sample.labels == y) for y in (1, 0))
    trials = dict.fromkeys(("changed", "changed_answered", "refused"), len(np.unique(sample.groups)))
    trials |= dict.fromkeys(("sensitivity", "sensitivity_answered", "missed_in_silence"), melanomas)
    trials["specificity"] = others
    return [
        {**cells, "metric": metric, **interval(values, trials=trials.get(metric, 0))}
        for metric, values in metrics.items()
    ]


def refusal(evaluation: Evaluation, farthest: float, altered: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """Return the share that is refused of the holdout's images, of pictures without a lesion, and of each kind.

    pictures: source, kind and distance. Their intervals draw sources: parts of one photograph go together.
    """
    settings, decision = evaluation.settings, evaluation.deciding(evaluation.roles.one("int8"), farthest)
    sample, image_ids = evaluation.samples["holdout"], evaluation.tables["holdout"]["image_id"]
    unaltered = altered[altered["alteration"] == UNALTERED].set_index("image_id").loc[image_ids]
    beyond = share(decision.refused(unaltered["distance"].to_numpy()), sample.weights)
    bounds = interval(beyond, trials=len(np.unique(sample.groups)))
    rows = [{"of": "holdout", "pictures": len(image_ids), "metric": "refused", **bounds}]
    without = pictures[pictures["kind"] != DRAWN_LESION]
    for kind, group in [("without a lesion", without), *pictures.groupby("kind", sort=False)]:
        refused, sources = decision.refused(group["distance"].to_numpy()), group["source"].to_numpy()
        weights = bootstrap_weights(np.zeros(len(group)), sources, replicates=settings.replicates, seed=settings.seed)
        bounds = interval(share(refused, weights), trials=len(set(sources)))
        rows.append({"of": kind, "pictures": len(group), "metric": "refused", **bounds})
    return pd.DataFrame(rows)


def skin_tones(evaluation: Evaluation, skin: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of the holdout's images by estimated skin tone (of), and the metrics that so few allow.

    skin: image_id and typology_angle of those whose skin could be seen.
    """
    sample, name = evaluation.samples["holdout"], evaluation.roles.one("int8")
    p, thresholds = evaluation.holdout[name], evaluation.refits(name).thresholds
    angles = skin.set_index("image_id")["typology_angle"].reindex(evaluation.tables["holdout"]["image_id"]).to_numpy()
    tones = np.full(len(angles), UNKNOWN, dtype=object)
    for tone, begins in reversed(TONES.items()):
        tones[angles >= begins] = tone
    rows = []
    for tone in (*TONES, UNKNOWN):
        member = tones == tone
        part = sample.of(member)
        cells = {"of": tone, "from_degrees": TONES.get(tone, "-"), "pictures": int(member.sum())}
        cells["melanomas"] = int(part.labels.sum())
        metrics = {"share": share(member, sample.weights)}
        found = group_metrics(part, p[member], thresholds) if member.any() else {}
        metrics |= {metric: found[metric] for metric in ("roc_auc", "sensitivity", "specificity") if metric in found}
        trials = {"share": len(np.unique(sample.groups))}
        trials |= {"sensitivity": part.groups_of(part.labels == 1), "specificity": part.groups_of(part.labels == 0)}
        rows += [
            {**cells, "metric": metric, **interval(values, trials=trials.get(metric, 0))}
            for metric, values in metrics.items()
        ]
    return pd.DataFrame(rows)
