"""What a file's decision does with a probability and a distance."""

import numpy as np
import pytest

from stages.deployment.decision import Decision

DECISION = Decision(
    threshold=0.1, sensitivity=0.95, slope=1.0, intercept=0.0, melanoma_from=0.05, other_up_to=0.4,
    prevalence=0.5, farthest=2.0,
)  # fmt: skip
P = np.array([0.02, 0.2, 0.9])


def test_another_prevalence_shifts_the_odds_as_bayes_says():
    odds = P / (1 - P) * (0.02 / 0.98)  # calibrated at even odds
    assert DECISION.at_prevalence(P, 0.02) == pytest.approx(odds / (1 + odds))
    assert DECISION.at_prevalence(P, 0.5) == pytest.approx(P)


def test_what_is_beyond_the_bound_is_refused_and_what_is_no_distance_too():
    assert DECISION.refused(np.array([0.5, 2.0, 2.1, np.nan])).tolist() == [False, False, True, True]


def test_a_file_without_a_bound_refuses_nothing():
    assert not DECISION.model_copy(update={"farthest": None}).refused(np.array([99.0, np.nan])).any()


def test_bands_are_of_the_classes_that_stay_possible():
    bands = DECISION.referral.bands(np.array([0.01, 0.2, 0.5])).tolist()
    assert bands == ["melanoma unlikely", "cannot tell", "melanoma suspected"]
