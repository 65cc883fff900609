"""Validation's numbers are scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from stages.networks.dataset import ranking_and_loss


@pytest.mark.parametrize("digits", [1, 2, 9])  # with many ties, some, none
def test_they_are_scikit_learns(digits):
    rng = np.random.default_rng(digits)
    labels = (rng.uniform(size=500) < 0.2).astype(int)
    p = np.clip(0.2 * labels + rng.uniform(0, 0.8, 500), 0.001, 1).round(digits)
    p[:3] = 0, 1, 1  # as a network may be as sure
    assert ranking_and_loss(labels, p) == pytest.approx(
        {
            "roc_auc": roc_auc_score(labels, p),
            "average_precision": average_precision_score(labels, p),
            "loss": log_loss(labels, p),
        },
        rel=1e-12,
    )
