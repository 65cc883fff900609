"""What the operating point means among 1,000 lesions."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from stages.deployment.decision import Decision
from stages.evaluation.scores import bounds_of, score
from stages.evaluation.uses import consequence_rows
from stages.foundation.settings import OperatingPoint
from stages.statistics.decisions import fit_decision
from stages.statistics.intervals import draw_sample
from stages.statistics.metrics import calibration_metrics
from stages.statistics.refits import held, refit

DECISION = Decision(
    threshold=0.5, sensitivity=0.95, slope=1.0, intercept=0.0, melanoma_from=0.2, other_up_to=0.6, prevalence=0.3
)


def consequences(images):
    """Return the rows at a prevalence of .1 for images of (lesion, melanoma, called)."""
    table = pd.DataFrame(images, columns=["lesion_id", "melanoma", "called"])
    sample = draw_sample(table, replicates=200, seed=0)
    called, file = table["called"].to_numpy(dtype=float), held(DECISION, 201)
    return consequence_rows(sample, called, file, 0.05, [0.1]).set_index("metric")


def test_a_lesion_counts_once_however_often_it_was_photographed():
    """a: found in one of two photographs; b: called in each of three; c: never. Of images, 3 of 4 others are called."""
    table = consequences([*[("a", 1, 1), ("a", 1, 0)], *[("b", 0, 1)] * 3, ("c", 0, 0)])
    values = table["value"]
    assert values["melanomas_found_of_1000"] == pytest.approx(100 * 0.5)
    assert values["false_alarms_of_1000"] == pytest.approx(900 * 0.5)
    assert values["ppv"] == pytest.approx(50 / (50 + 450))


def test_what_was_always_found_may_still_be_missed_and_what_varies_is_left_to_its_replicates():
    found = consequences([*[(f"m{n}", 1, 1) for n in range(10)], *[(f"o{n}", 0, n % 2) for n in range(40)]])
    assert found.loc["melanomas_missed_of_1000", ["value", "low"]].tolist() == [0, 0]
    assert found.loc["melanomas_missed_of_1000", "high"] == pytest.approx(100 * (1 - 0.6915), abs=0.1)  # tables
    assert 250 < found.loc["false_alarms_of_1000", "low"] < 450 < found.loc["false_alarms_of_1000", "high"] < 650
    assert found.loc["npv", "low"] < found.loc["npv", "value"] == 1


def test_a_name_with_images_of_both_classes_is_a_lesion_of_either():
    table = consequences([("a", 1, 1), ("a", 0, 0), ("b", 0, 0), ("c", 1, 1)])
    assert table.loc["melanomas_found_of_1000", "value"] == 100
    assert table.loc["false_alarms_of_1000", "value"] == 0


def test_the_thresholds_own_noise_is_in_the_interval_and_both_are_told():
    """Over 300 pairs of val and holdout the true share let go is missed by an interval that holds the threshold."""
    rng, key, missed = np.random.default_rng(0), ("operating point", "specificity"), {"": 0, "_given": 0}
    settings = OperatingPoint(sensitivity=0.9, quantile="step", coverage=0.9)
    for seed in range(300):
        tables, p = zip(*(images(rng) for _ in range(2)), strict=True)
        val, holdout = (draw_sample(table, replicates=200, seed=[seed, n]) for n, table in enumerate(tables))
        decision = fit_decision(val.labels, p[0], settings)
        estimates = score(holdout, p[1], decision.threshold, refit(val, p[0], decision, settings), only=key[0])
        bounds, expected = bounds_of(estimates, key), norm.cdf(norm.ppf(0.1) + 1.5)  # at the true 90 % sensitivity
        for end in missed:
            missed[end] += not bounds[f"low{end}"] <= expected <= bounds[f"high{end}"]
    assert missed[""] / 300 < 0.14  # .11, as val's few melanomas are themselves drawn from
    assert missed["_given"] / 300 > 0.5  # .65: it knows nothing of what 40 melanomas chose


def test_the_scalings_own_noise_is_in_every_calibration_metric_after_it():
    rng = np.random.default_rng(1)
    tables, p = zip(*(images(rng) for _ in range(2)), strict=True)
    val, holdout = (draw_sample(table, replicates=200, seed=[1, n]) for n, table in enumerate(tables))
    decision = fit_decision(val.labels, p[0], OperatingPoint(sensitivity=0.9, quantile="step", coverage=0.9))
    refits = refit(val, p[0], decision, OperatingPoint(sensitivity=0.9, quantile="step", coverage=0.9))
    estimates = score(holdout, p[1], decision.threshold, refits, only="platt")
    scaled = calibration_metrics(holdout.labels, decision.calibration(p[1]), holdout.weights)
    for metric in ("observed_over_expected", "calibration_slope", "ece", "log_loss", "brier_score"):
        assert estimates["given platt", metric] == pytest.approx(scaled[metric], rel=1e-3)
        bounds = bounds_of(estimates, ("platt", metric), bounded=False)
        assert bounds["high"] - bounds["low"] > bounds["high_given"] - bounds["low_given"]


def images(rng):
    labels = np.repeat([1, 0], [40, 400])
    table = pd.DataFrame({"melanoma": labels, "lesion_id": np.arange(440).astype(str)})
    return table, norm.cdf(rng.normal(size=440) + 1.5 * labels)
