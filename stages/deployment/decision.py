"""How a fitted calibration changes a probability: numpy alone, for what must start fast."""

from dataclasses import dataclass

import numpy as np

from stages.foundation.probability import log_odds


@dataclass(frozen=True)
class Calibration:
    """log odds -> slope * log odds + intercept."""

    slope: float
    intercept: float

    def __call__(self, p: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities, float (images,)."""
        return 1 / (1 + np.exp(-(self.slope * log_odds(p) + self.intercept)))


@dataclass(frozen=True)
class Referral:
    """Bounds on p: melanoma stays possible at p >= melanoma_from, another lesion at p <= other_up_to."""

    melanoma_from: float
    other_up_to: float

    def bands(self, p: np.ndarray) -> np.ndarray:
        """Return "benign", "refer" or "suspicious" per image; both possible, or neither, is "refer"."""
        melanoma, other = p >= self.melanoma_from, p <= self.other_up_to
        return np.where(melanoma == other, "refer", np.where(melanoma, "suspicious", "benign"))
