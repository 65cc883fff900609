"""What a deployed ONNX file does with the probability of melanoma: operating point, calibration and referral."""

from dataclasses import dataclass

import numpy as np

from stages.foundation.names import VAL
from stages.foundation.params import Section
from stages.foundation.probability import log_odds

SUSPECTED, CANNOT_TELL, UNLIKELY = "melanoma suspected", "cannot tell", "melanoma unlikely"  # bands of p
FLAGGED, NOT_FLAGGED = "flagged", "not flagged"  # at or above the operating point, and below it


@dataclass(frozen=True)
class Calibration:
    """A logistic recalibration: log odds -> slope * log odds + intercept."""

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
        """Return SUSPECTED, UNLIKELY, or CANNOT_TELL where both classes are possible or neither: text (images,)."""
        melanoma, other = p >= self.melanoma_from, p <= self.other_up_to
        return np.where(melanoma == other, CANNOT_TELL, np.where(melanoma, SUSPECTED, UNLIKELY))


class Decision(Section):
    """One model's threshold, Platt scaling, bounds of referral and refusal; in its file's metadata.

    threshold: of the operating point, on p as the model gives it; sensitivity: what it was chosen to reach; slope and
    intercept: of `Calibration`; melanoma_from and other_up_to: of `Referral`; prevalence: of melanoma among the images
    it was calibrated on; farthest: the distance from the training images up to which a picture is answered about, None
    for a model that tells no distance, as none but an exported file does; decided_on: val, or the table of
    metrics/folds by whose images all but `farthest` was chosen.
    """

    threshold: float
    sensitivity: float
    slope: float
    intercept: float
    melanoma_from: float
    other_up_to: float
    prevalence: float
    farthest: float | None = None
    decided_on: str = VAL

    @property
    def calibration(self) -> Calibration:
        return Calibration(self.slope, self.intercept)

    @property
    def referral(self) -> Referral:
        return Referral(self.melanoma_from, self.other_up_to)

    def at_prevalence(self, p: np.ndarray, prevalence: float) -> np.ndarray:
        """Return calibrated probabilities where this share of the images are melanomas (Saerens et al. 2002).

        It shifts the log odds, as if melanomas looked alike everywhere and were only more or less frequent.
        """
        shift = log_odds(np.array(prevalence)) - log_odds(np.array(self.prevalence))
        return 1 / (1 + np.exp(-(log_odds(self.calibration(p)) + shift)))

    def called(self, p: np.ndarray) -> np.ndarray:
        """Return whether each image is flagged as a melanoma at the operating point, bool (images,)."""
        return p >= self.threshold

    def refused(self, distance: np.ndarray) -> np.ndarray:
        """Return whether each picture is too far from the training images to be answered about, bool (images,).

        A distance that is no number is too far.
        """
        return np.zeros(len(distance), dtype=bool) if self.farthest is None else ~(distance <= self.farthest)
