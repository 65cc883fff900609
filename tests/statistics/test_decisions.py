"""Net benefit, conformal referral and error by share decided, by hand and by simulation."""

import numpy as np
import pytest

from stages.statistics.decisions import (
    SHARES,
    THRESHOLD_PROBABILITIES,
    consequences,
    net_benefit,
    referral_metrics,
    repeatability,
    risk_coverage,
)
from stages.statistics.metrics import point_estimate
from stages.statistics.ranking import unit_weights
from stages.statistics.refits import fit_referral

LABELS = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
P = np.array([0.9, 0.15, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05])


def at(threshold):
    return int(np.flatnonzero(threshold == THRESHOLD_PROBABILITIES)[0])


def bands_of(labels, p, rule):
    bounds = {name: np.array([value]) for name, value in vars(rule).items()}
    return point_estimate(referral_metrics(labels, p, unit_weights(p), **bounds))


def test_net_benefit_by_hand():
    benefit = net_benefit(LABELS, P, unit_weights(LABELS))[0]
    assert benefit[at(0.2)] == pytest.approx(1 / 10 - 1 / 10 * 0.2 / 0.8)  # one hit, one false alarm
    assert benefit[at(0.5)] == pytest.approx(1 / 10 - 1 / 10)
    everything = net_benefit(LABELS, np.ones(10), unit_weights(LABELS))[0]
    assert everything == pytest.approx(2 / 10 - 8 / 10 * THRESHOLD_PROBABILITIES / (1 - THRESHOLD_PROBABILITIES))


def test_bands_by_hand():
    rule = fit_referral(np.repeat([1, 0], 19), np.append(np.arange(1, 20) / 20, np.arange(1, 20) / 40), 0.9)
    assert rule.melanoma_from == pytest.approx(0.1)  # the second lowest of 19: (19 + 1) * 0.1 may lie at or below
    assert rule.other_up_to == pytest.approx(18 / 40)
    bands = rule.bands(np.array([0.05, 0.1, 0.45, 0.46])).tolist()
    assert bands == ["melanoma unlikely", "cannot tell", "cannot tell", "melanoma suspected"]


def test_a_class_too_small_to_promise_anything_always_stays_possible():
    rule = fit_referral(np.array([1, 1, 0, 0]), np.array([0.9, 0.8, 0.1, 0.2]), 0.95)
    assert set(rule.bands(np.array([0.0, 0.5, 1.0]))) == {"cannot tell"}


def test_an_image_that_fits_neither_class_is_referred():
    labels = np.repeat([1, 0], 100)
    rule = fit_referral(labels, np.append(np.linspace(0.8, 1, 100), np.linspace(0, 0.2, 100)), 0.9)
    p = np.array([0.1, 0.5, 0.9])
    assert rule.bands(p).tolist() == ["melanoma unlikely", "cannot tell", "melanoma suspected"]
    metrics = bands_of(np.array([0, 1, 1]), p, rule)
    assert (metrics["coverage_melanoma"], metrics["coverage_other"], metrics["cannot_tell"]) == (0.5, 1, 1 / 3)


def test_coverage_holds_for_both_classes_on_new_data():
    rng = np.random.default_rng(0)
    reached = []
    for _ in range(200):
        labels = np.repeat([1, 0], [150, 1350])
        p = [1 / (1 + np.exp(-(2 * labels - 1 + rng.normal(size=1500)))) for _ in range(2)]
        rule = fit_referral(labels, p[0], 0.95)
        metrics = bands_of(labels, p[1], rule)
        reached.append((metrics["coverage_melanoma"], metrics["coverage_other"]))
        assert metrics["melanoma_unlikely"] + metrics["cannot_tell"] + metrics["melanoma_suspected"] == pytest.approx(1)
    assert np.mean(reached, axis=0) == pytest.approx([0.95, 0.95], abs=0.01)


def test_error_grows_to_that_of_all_images():
    errors = risk_coverage(LABELS, P, unit_weights(LABELS))[0]
    wrong = np.mean((P >= 0.5) != (LABELS == 1))
    assert errors[-1] == pytest.approx(wrong)
    assert errors[SHARES == 0.1][0] == 0


def test_repeatability_counts_lesions_with_several_images_whose_decision_changes():
    lesions = np.array(["a", "a", "b", "b", "b", "c", "d", "d"])
    p = np.array([0.9, 0.6, 0.7, 0.2, 0.8, 0.1, 0.3, 0.4])
    weights = np.vstack([np.ones(8), [2, 2, 0, 0, 0, 5, 1, 1], [0, 0, 3, 3, 3, 1, 0, 0], [0] * 5 + [1] + [0] * 2])
    shares = repeatability(lesions, p, weights, thresholds=np.full(4, 0.5))  # of a, b, d only b; c has one image
    assert shares[:3].tolist() == pytest.approx([1 / 3, 0, 1])
    assert np.isnan(shares[3])
    own = repeatability(lesions, p, weights[[0, 0]], thresholds=np.array([0.65, 0.9]))  # a and b; a alone
    assert own.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_consequences_by_hand():
    table = consequences(np.array([0.9]), np.array([0.7]), prevalence=0.02, threshold_probability=0.05)
    assert {name: float(values[0]) for name, values in table.items()} == pytest.approx(
        {
            "ppv": 18 / (18 + 294),
            "npv": 686 / (686 + 2),
            "net_benefit": (18 - 294 / 19) / 1000,
            "melanomas_found_of_1000": 18,
            "melanomas_missed_of_1000": 2,
            "false_alarms_of_1000": 294,
        }
    )


def test_consequences_at_the_samples_own_prevalence_are_the_samples():
    called = P >= 0.2
    hits, alarms = int((called & (LABELS == 1)).sum()), int((called & (LABELS == 0)).sum())
    sensitivity, specificity = np.array([hits / 2]), np.array([1 - alarms / 8])
    table = consequences(sensitivity, specificity, prevalence=0.2, threshold_probability=0.2)
    assert table["ppv"][0] == pytest.approx(hits / (hits + alarms))
    assert table["net_benefit"][0] == pytest.approx(net_benefit(LABELS, P, unit_weights(LABELS))[0][at(0.2)])


def test_a_rule_that_calls_nothing_has_no_predictive_value():
    assert consequences(np.zeros(1), np.ones(1), prevalence=0.1, threshold_probability=0.1)["ppv"][0] == 0
