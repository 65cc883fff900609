"""The tables of an evaluation, one function each, of the holdout, on which nothing is fitted."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from stages.evaluation.agreement import agreement_table, confusion_table, outcomes
from stages.evaluation.evaluation import Evaluation
from stages.evaluation.roles import CONTROL_MODEL
from stages.evaluation.scores import (
    ALL,
    HALF,
    OPERATING_POINT,
    blanks_filled,
    bounds_of,
    fixed,
    joined,
    stack,
    tidy,
    without_fitted,
)
from stages.evaluation.subgroups import subgroup_table
from stages.evaluation.uses import consequence_rows, referral_rows, unlikely_rows
from stages.foundation.settings import RELEASED
from stages.statistics import decisions
from stages.statistics.calibration import calibration_rows, ece_if_calibrated
from stages.statistics.comparisons import Margins, Pair, comparison_table
from stages.statistics.intervals import GIVEN, interval

STUDENT, STUDENTS = "student against teacher", "student against teacher, all seeds"
INT8 = "int8 against fp32"


def models(evaluation: Evaluation) -> pd.DataFrame:
    """Return every metric of every model, and of every mean of seeds, on val and holdout, with its interval.

    at: "all" for what needs no threshold, the threshold, or the scaling after which calibration is measured.
    """
    tables, settings, holdout = {}, evaluation.settings, evaluation.samples["holdout"]
    for split, sample in evaluation.samples.items():
        for name, estimates in evaluation.estimates[split].items():
            p = evaluation.p[name][split] if name in evaluation.p else None
            table = tidy(sample, p, evaluation.thresholds.get(name), estimates)
            tables[name, split] = without_fitted(table) if split == "val" else table
    for name in evaluation.roles.upright:
        p, scaling = evaluation.holdout[name], evaluation.scalings[name]["temperature"]
        drawn = ece_if_calibrated(p, holdout.lesions, replicates=settings.replicates, seed=settings.seed)
        expected = {"at": "if calibrated", "metric": "ece", **interval(np.append(np.median(drawn), drawn))}
        rows = pd.concat([calibration_rows(holdout, p, {"temperature": scaling}), pd.DataFrame([expected])])
        tables[name, "holdout"] = pd.concat([tables[name, "holdout"], rows.assign(threshold="-")])
    return blanks_filled(stack(tables, "model", "split"))


def comparisons(evaluation: Evaluation) -> pd.DataFrame:
    """Return the paired tests between models; students trained with several seeds are compared by their means too."""
    roles, margins = evaluation.roles, evaluation.settings.margins
    means, turned = list(roles.repeats), list(roles.turned_repeats)  # the control's is last, and may be the only one
    selected, best = roles.one("selected"), evaluation.best_of_grid.name
    pairs = [
        Pair(STUDENT, selected, roles.teacher),
        Pair(STUDENTS, means[0], roles.teacher),
        Pair("distillation against control", selected, CONTROL_MODEL),
        Pair("distillation against control, all seeds", means[0], means[-1]),
        Pair("distillation against control, all seeds, four turns", turned[0], turned[-1]),
        Pair("four turns against one", turned[0], means[0]),
        Pair(INT8, roles.one("int8"), roles.one("fp32")),
        *(Pair("cell against the best on val", model.name, best) for model in roles.grid),
        *(
            Pair("int8 against the released student", roles.one("int8"), name)
            if name == RELEASED
            else Pair("student against baseline", selected, name)
            for name in roles.baselines
        ),
    ]
    if roles.names("ensemble"):
        pairs += [Pair("ensemble against its teachers", roles.teacher, name) for name in roles.names("distilling")]
    pairs = [pair for pair in pairs if pair.model != pair.reference]
    not_inferior = dict.fromkeys((STUDENT, STUDENTS), margins.not_inferior)
    claims = Margins(equivalent={INT8: margins.equivalent}, not_inferior=not_inferior)
    estimate, finer = (partial(each.estimate, "holdout") for each in (evaluation, evaluation.finer))
    sample, p = evaluation.samples["holdout"], evaluation.holdout
    return comparison_table(pairs, estimate, sample, p, claims, finer=finer, primary=evaluation.primary("holdout"))


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
    cuts = {name: evaluation.refits(name).thresholds for name in p}
    return subgroup_table(table, p, cuts, replicates=settings.replicates, seed=settings.seed)


def decided(evaluation: Evaluation) -> pd.DataFrame:
    """Return the four tables below as one."""
    tables = {"referral": referral, "unlikely": unlikely, "consequences": consequences, "repeatability": repeatability}
    return joined({name: build(evaluation) for name, build in tables.items()})


def referral(evaluation: Evaluation) -> pd.DataFrame:
    """Return the referral bounds of the models shown in detail, and their coverage and shares."""

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        rule = evaluation.decisions[name].referral
        table = referral_rows(evaluation.samples["holdout"], p, evaluation.refits(name))
        return pd.DataFrame(vars(rule), index=table.index).join(table)

    return evaluation.by_model(rows, evaluation.roles.detailed)


def unlikely(evaluation: Evaluation) -> pd.DataFrame:
    """Return the share of each diagnosis that a model says is unlikely to be a melanoma: of cancers, too."""
    sample, diagnoses = evaluation.samples["holdout"], evaluation.tables["holdout"]["dx"].to_numpy()

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        return unlikely_rows(sample, diagnoses, p, evaluation.refits(name))

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
        redrawn = evaluation.refits(name).thresholds
        cuts = {ALL: redrawn, f"{GIVEN}{ALL}": fixed({"thresholds": redrawn})["thresholds"]}
        table = []
        for kind, member in members.items():
            lesions = sample.lesions_of(member)
            if lesions:
                shares = {(at, "changed"): changed(member, p, thresholds) for at, thresholds in cuts.items()}
                bounds = bounds_of(shares, (ALL, "changed"), trials=sample.groups_of(member))
                table.append({"of": kind, "lesions": lesions, "metric": "changed", **bounds})
        return pd.DataFrame(table)

    def changed(member: np.ndarray, p: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
        drawn = sample.weights[:, member]
        shares = decisions.repeatability(sample.lesions[member], p[member], drawn, thresholds=thresholds)
        return shares[np.isfinite(shares)]  # a replicate may hold no such lesion

    return evaluation.by_model(rows)


def consequences(evaluation: Evaluation) -> pd.DataFrame:
    """Return what the operating point means among 1,000 lesions, by prevalence, for the models shown in detail."""
    settings, sample = evaluation.settings, evaluation.samples["holdout"]

    def rows(name: str, p: np.ndarray) -> pd.DataFrame:
        costs, prevalences = settings.threshold_probability, settings.prevalences
        return consequence_rows(sample, p, evaluation.refits(name), costs, prevalences)

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
