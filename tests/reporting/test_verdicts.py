"""The cards answer in the word that a test or an interval allows, and in no stronger one."""

import pandas as pd
import pytest

from stages.reporting.verdicts import verdicts

INDEX = pd.DataFrame({"label": ["int8 file"], "role": ["int8"]})
SUBGROUPS = pd.DataFrame(columns=["model", "group", "level", "metric", "value"])
FAMILIES = ["student against teacher", "distillation against control", "int8 against fp32"]


def comparisons(**changes):
    row = {"model": "a", "reference": "b", "difference": -0.01, "low": -0.02, "high": 0.01, "p_holm": 0.4}
    row |= {"smallest_detectable": 0.021, "margin": "-", "claim": "-"}
    rows = [
        {"family": family, **row, "at": at, "metric": metric, "verdict": "no difference shown"}
        | {"primary": "yes" if metric == "roc_auc" else "no"}
        | changes.get(metric, {})
        for family in FAMILIES
        for at, metric in (("all", "roc_auc"), ("operating point", "specificity"))
    ]
    return pd.DataFrame(rows)


def models(value, low, high):
    row = {"model": "int8 file", "split": "holdout", "at": "operating point"}
    reached = {**row, "metric": "sensitivity", "value": value, "low": low, "high": high}
    return pd.DataFrame([reached, {**reached, "metric": "specificity"}])


def answers(table, reached=(0.94, 0.90, 0.98)):
    return [card.answer for card in verdicts(table, models(*reached), SUBGROUPS, INDEX, 0.95)]


def test_without_a_difference_shown_nothing_is_claimed():
    assert answers(comparisons()) == [
        "no loss shown",
        "no gain shown",
        "no loss shown",
        "it finds 94% of the melanomas and flags 6% of the others",
        "not known",
    ]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("better", ["yes, better", "yes, better", "no, better"]), ("worse", ["no, worse", "no, worse", "yes, worse"])],
)
def test_a_difference_that_is_shown_is_said(verdict, expected):
    assert answers(comparisons(roc_auc={"verdict": verdict}))[:3] == expected


def test_where_the_released_student_was_asked_its_card_comes_first():
    row = comparisons().iloc[:2].assign(family="int8 against the released student", verdict="better")
    table = pd.concat([comparisons(), row])
    assert answers(table)[:2] == ["yes, better", "no loss shown"]
    assert len(answers(table)) == len(answers(comparisons())) + 1


def test_a_loss_elsewhere_is_never_hidden_behind_roc_auc():
    cards = verdicts(comparisons(specificity={"verdict": "worse"}), models(0.94, 0.9, 0.98), SUBGROUPS, INDEX, 0.95)
    assert cards[2].answer == "no loss shown, but worse in specificity at the operating point"
    assert "Specificity at the operating point -0.0100, p = 0.400: worse" in cards[2].number


def test_a_loss_that_three_decimals_do_not_show_is_in_the_numbers_alone():
    tiny = {"verdict": "worse", "difference": -0.0004}
    cards = verdicts(comparisons(specificity=tiny), models(0.94, 0.9, 0.98), SUBGROUPS, INDEX, 0.95)
    assert cards[2].answer == "no loss shown"
    assert "Specificity at the operating point -0.0004, p = 0.400: worse" in cards[2].number


@pytest.mark.parametrize(
    ("reached", "said"),
    [
        ((0.85, 0.8, 0.9), "was too much"),
        ((0.94, 0.9, 0.98), "is not contradicted"),
        ((0.99, 0.96, 1.0), "is exceeded"),
    ],
)
def test_what_was_wanted_of_the_operating_point_is_never_said_to_hold(reached, said):
    card = verdicts(comparisons(), models(*reached), SUBGROUPS, INDEX, 0.95)[3]
    assert f"0.95 of the melanomas are found, as on val, {said}" in card.number


def test_the_camera_is_told_from_the_lesion_where_sources_are_known():
    index = pd.DataFrame(
        {"label": ["int8 file", "the source alone"], "role": ["int8", "-"], "kind": ["onnx", "source"]}
    )
    row = {"split": "holdout", "metric": "roc_auc", "low": 0.5, "high": 0.99}
    table = pd.DataFrame(
        [
            {**row, "model": "int8 file", "at": "within sources", "value": 0.9},
            {**row, "model": "int8 file", "at": "all", "value": 0.94},
            {**row, "model": "the source alone", "at": "all", "value": 0.75},
        ]
    )
    groups = pd.DataFrame(
        [{"model": "int8 file", "group": "source", "level": "slides", "metric": "roc_auc", "value": 0.8}]
    )
    card = verdicts(comparisons(), pd.concat([models(0.94, 0.9, 0.98), table]), groups, index, 0.95)[4]
    assert card.answer == "0.900 within one source, 0.940 over all"
    assert "0.750 over all, 0.5 within. slides: 0.800." in card.number


def test_a_pair_that_was_not_trained_is_said_not_compared():
    assert answers(comparisons().query("family != 'distillation against control'"))[1] == "not compared"


def test_what_a_margin_allows_is_said_and_what_it_does_not_is_not():
    shown = comparisons(roc_auc={"margin": "0.005", "claim": "equivalent"})
    assert answers(shown)[2] == "no: equivalent within 0.005"
    missed = comparisons(roc_auc={"margin": "0.02", "claim": "not inferior: not shown"})
    cards = verdicts(missed, models(0.94, 0.9, 0.98), SUBGROUPS, INDEX, 0.95)
    assert cards[0].answer == "no loss shown"
    assert cards[0].number.startswith(
        "a minus b: ROC-AUC -0.0100 (-0.0200 to +0.0100), p = 0.400; four of five such samples would show a true "
        "difference of 0.021; within 0.02: not inferior: not shown."
    )


def test_a_loss_that_is_shown_is_said_although_it_is_within_the_margin():
    assert answers(comparisons(roc_auc={"verdict": "worse", "margin": "0.005", "claim": "equivalent"}))[:3] == [
        "no, worse, but within 0.005",
        "no, worse, but within 0.005",
        "yes, worse, but within 0.005",
    ]
    gained = comparisons(
        roc_auc={"verdict": "better", "margin": "0.02", "claim": "not inferior"}, specificity={"verdict": "worse"}
    )
    assert answers(gained)[0] == "yes, better, but worse in specificity at the operating point"
