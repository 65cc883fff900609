"""The tables of an evaluation, one function each, of the holdout; what is fitted is fitted on val."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from stages.evaluation.agreement import agreement_table, confusion_table, outcomes
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.roles import CONTROL_MODEL
from stages.evaluation.scores import HALF, OPERATING_POINT, consequence_rows, joined, referral_rows, stack, tidy
from stages.evaluation.subgroups import subgroup_table
from stages.statistics import decisions
from stages.statistics.calibration import calibration_rows
from stages.statistics.comparisons import Margins, Pair, comparison_table
from stages.statistics.intervals import interval

STUDENT, INT8 = "student against teacher", "int8 against fp32"  # families with a margin


def models(evaluation: Evaluation) -> pd.DataFrame:
    """Return every metric of every model, and of every mean of seeds, on val and holdout, with its interval.

    at: "all" for what needs no threshold, the threshold, or the scaling after which calibration is measured.
    """
    tables = {}
    for split, sample in evaluation.samples.items():
        for name, estimates in evaluation.estimates[split].items():
            p = evaluation.p[name][split] if name in evaluation.p else None
            tables[name, split] = tidy(sample, p, evaluation.thresholds.get(name), estimates)
    for name in evaluation.roles.upright:
        scaled = calibration_rows(evaluation.samples["holdout"], evaluation.holdout[name], evaluation.scalings[name])
        tables[name, "holdout"] = pd.concat([tables[name, "holdout"], scaled.assign(threshold="-")])
    return stack(tables, "model", "split")


def comparisons(evaluation: Evaluation) -> pd.DataFrame:
    """Return the paired tests between models; students trained with several seeds are compared by their means too."""
    roles, margins = evaluation.roles, evaluation.settings.margins
    (distilled, control), (distilled_turned, control_turned) = roles.repeats, roles.turned_repeats
    selected, best = roles.one("selected"), evaluation.best_of_grid.name
    pairs = [
        Pair(STUDENT, selected, roles.teacher),
        Pair("distillation against control", selected, CONTROL_MODEL),
        Pair("distillation against control, all seeds", distilled, control),
        Pair("distillation against control, all seeds, four turns", distilled_turned, control_turned),
        Pair("four turns against one", distilled_turned, distilled),
        Pair(INT8, roles.one("int8"), roles.one("fp32")),
        *(Pair("cell against the best on val", model.name, best) for model in roles.grid),
        *(Pair("student against baseline", selected, name) for name in roles.baselines),
    ]
    if roles.names("ensemble"):
        pairs += [Pair("ensemble against its teachers", roles.teacher, name) for name in roles.names("distilling")]
    pairs = [pair for pair in pairs if pair.model != pair.reference]
    claims = Margins(equivalent={INT8: margins.equivalent}, not_inferior={STUDENT: margins.not_inferior})
    estimates, sample = evaluation.estimates["holdout"], evaluation.samples["holdout"]
    return comparison_table(pairs, estimates, sample, evaluation.holdout, claims)


def counts(evaluation: Evaluation) -> pd.DataFrame:
    """Return how many images of the holdout each model decides how, and how often teacher and student are right."""
    return joined({"outcomes": confusion(evaluation), "agreement": agreement(evaluation)})


def confusion(evaluation: Evaluation) -> pd.DataFrame:
    """Return true and false positives and negatives, a row each, at 0.5 and at the operating point."""
    labels = evaluation.samples["holdout"].labels

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        cuts = {HALF: 0.5, OPERATING_POINT: evaluation.thresholds[name]}
        return stack({at: confusion_table(labels, p >= cut) for at, cut in cuts.items()}, "at")

    return evaluation.by_model(rows)


def subgroups(evaluation: Evaluation) -> pd.DataFrame:
    """Return the detailed models' metrics by group of the holdout, and the gaps between levels."""
    p = {name: evaluation.holdout[name] for name in evaluation.roles.detailed}
    settings, table = evaluation.settings, evaluation.tables["holdout"]
    return subgroup_table(table, p, evaluation.thresholds, replicates=settings.replicates, seed=settings.seed)


def decided(evaluation: Evaluation) -> pd.DataFrame:
    """Return the three tables below as one."""
    tables = {"referral": referral, "consequences": consequences, "repeatability": repeatability}
    return joined({name: build(evaluation) for name, build in tables.items()})


def referral(evaluation: Evaluation) -> pd.DataFrame:
    """Return the referral bounds of the models shown in detail, and their coverage and shares."""

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        rule = evaluation.decisions[name].referral
        table = referral_rows(evaluation.samples["holdout"], rule, p)
        return pd.DataFrame(vars(rule), index=table.index).join(table)

    return evaluation.by_model(rows, evaluation.roles.detailed)


def repeatability(evaluation: Evaluation) -> pd.DataFrame:
    """Return, of lesions with several images, the share whose decision at the operating point changes with the image.

    lesions: how many have several images, of all, of melanomas and of others.
    """
    sample = evaluation.samples["holdout"]
    _, index, counts = np.unique(sample.lesions, return_inverse=True, return_counts=True)
    several = counts[index] > 1
    members = {"all": several, "melanomas": several & (sample.labels == 1), "others": several & (sample.labels == 0)}

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        called = p >= evaluation.thresholds[name]
        return pd.DataFrame(
            [
                {
                    "of": kind,
                    "lesions": sample.lesions_of(member),
                    "metric": "changed",
                    **interval(changed(member, called), trials=sample.lesions_of(member)),
                }
                for kind, member in members.items()
                if member.any()
            ]
        )

    def changed(member: np.ndarray, called: np.ndarray) -> np.ndarray:
        shares = decisions.repeatability(sample.lesions[member], called[member], sample.weights[:, member])
        return shares[np.isfinite(shares)]  # a replicate may hold no such lesion

    return evaluation.by_model(rows)


def consequences(evaluation: Evaluation) -> pd.DataFrame:
    """Return what the operating point means among 1,000 lesions, by prevalence, for the models shown in detail."""
    settings, sample = evaluation.settings, evaluation.samples["holdout"]

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        called = p >= evaluation.thresholds[name]
        return consequence_rows(sample, sample.lesions, called, settings.threshold_probability, settings.prevalences)

    return evaluation.by_model(rows, evaluation.roles.detailed)


def agreement(evaluation: Evaluation) -> pd.DataFrame:
    """Return how often the teacher and the selected student are right at threshold 0.5."""
    labels, roles = evaluation.samples["holdout"].labels, evaluation.roles
    student = evaluation.holdout[roles.one("selected")]
    return evaluation.by_model(
        lambda _, p: agreement_table(labels, outcomes(labels, p, student, float(HALF))), [roles.teacher]
    )


TABLES: dict[str, Callable[[Evaluation], pd.DataFrame]] = {  # file name -> the function that makes the table
    "models": models,
    "comparisons": comparisons,
    "subgroups": subgroups,
    "decisions": decided,
    "counts": counts,
}
