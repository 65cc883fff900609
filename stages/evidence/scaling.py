"""How a fitted calibration changes a probability: numpy alone, for what must start fast."""

from dataclasses import dataclass

import numpy as np

from stages.evidence.metrics import log_odds


@dataclass(frozen=True)
class Calibration:
    """log odds -> slope * log odds + intercept."""

    slope: float
    intercept: float

    def __call__(self, p: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities, float (images,)."""
        return 1 / (1 + np.exp(-(self.slope * log_odds(p) + self.intercept)))
