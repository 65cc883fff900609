"""A fold's frozen predictions, made up, for tests of comparisons."""

import numpy as np
import pandas as pd

from stages.foundation.settings import Evaluate, Kd

GRID = {"temperatures": [1, 1], "alphas": [0.5, 0.5]}
KD = Kd(teachers=["resnet18"], label_turns=1, temperature=1, alpha=0.5, grid=GRID, repeated="T1_alpha0.5", seeds=[43])
SETTINGS = Evaluate(
    primary="pooled",
    sensitivity=0.95, quantile="step", coverage=0.95, replicates=200, seed=1,
    margins={"equivalent": 0.005, "not_inferior": 0.02}, prevalences=[0.11], threshold_probability=0.05,
)  # fmt: skip


def fold(seed, gain):
    """Return a frozen table whose distilled students see the truth better by `gain` standard deviations."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(400) % 5 == 0).astype(int)
    table = pd.DataFrame({"image_id": 1000 * seed + np.arange(400), "melanoma": labels})
    table["lesion_id"] = np.arange(400) // 2
    table["split"] = np.where(np.arange(400) < 200, "val", "holdout")
    for ending in ("", "_seed43"):
        for turned in ("", "_turned"):
            noise = rng.normal(size=400)
            for student, strength in (("T1_alpha0.5", 1.5 + gain), ("T1_alpha0", 1.5)):
                logit = -2 + strength * labels + noise
                table[f"student_{student}{ending}{turned}"] = 1 / (1 + np.exp(-logit))
    return table
