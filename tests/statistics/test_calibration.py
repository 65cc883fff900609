"""Scaling fitted on one set: a known distortion is undone, ranks stay."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from stages.foundation.probability import log_odds
from stages.statistics.calibration import RAW, ece_if_calibrated, fit_platt, fit_temperature
from stages.statistics.metrics import calibration_metrics, point_estimate
from stages.statistics.ranking import unit_weights

RNG = np.random.default_rng(0)
TRUE = RNG.beta(1, 4, 6000)
LABELS = (RNG.uniform(size=6000) < TRUE).astype(int)


def distorted(slope, intercept):
    return 1 / (1 + np.exp(-(slope * log_odds(TRUE) + intercept)))


def test_platt_undoes_a_slope_and_a_shift():
    calibration = fit_platt(LABELS, distorted(2.0, 1.0))
    assert calibration.slope == pytest.approx(0.5, abs=0.03)
    assert calibration.intercept == pytest.approx(-0.5, abs=0.08)
    before, after = (
        point_estimate(calibration_metrics(LABELS, p, unit_weights(LABELS)))
        for p in (distorted(2.0, 1.0), calibration(distorted(2.0, 1.0)))
    )
    assert after["ece"] < 0.02 < before["ece"]


def test_temperature_is_the_one_of_least_log_loss():
    p = distorted(2.0, 0.0)
    x = log_odds(p)

    def log_loss(temperature):
        q = 1 / (1 + np.exp(-x / temperature))
        return -np.mean(LABELS * np.log(q) + (1 - LABELS) * np.log(1 - q))

    best = minimize_scalar(log_loss, bounds=(0.1, 10), method="bounded").x
    calibration = fit_temperature(LABELS, p)
    assert calibration.slope == pytest.approx(1 / best, rel=1e-3)
    assert calibration.intercept == 0


def test_ranks_stay_and_certainty_is_finite():
    p = np.array([0.0, 0.2, 0.9, 1.0])
    for scale in (RAW, fit_temperature(LABELS, TRUE), fit_platt(LABELS, TRUE)):
        scaled = scale(p)
        assert (np.diff(scaled) > 0).all()
        assert ((scaled > 0) & (scaled < 1)).all()


def test_a_separated_val_is_fitted_all_the_same():
    assert np.isfinite(fit_platt(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])).slope)


def test_of_images_of_few_lesions_a_calibrated_model_shows_a_larger_ece():
    p, lesions = np.full(200, 0.3), np.arange(200)
    alone, tenfold = (ece_if_calibrated(p, names, replicates=500, seed=0).mean() for names in (lesions, lesions // 10))
    assert tenfold == pytest.approx(alone * np.sqrt(10), rel=0.1)
