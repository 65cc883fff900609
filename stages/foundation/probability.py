"""Between logits, probabilities and log odds."""

import numpy as np

CLIP = 1e-6  # probabilities are taken as no closer to 0 or 1 than this where a logarithm needs it


def log_odds(p: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), with p kept CLIP away from 0 and 1."""
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


def class_probability(logits: np.ndarray, index: int) -> np.ndarray:
    """Return the softmax of (images, classes) at one class, float64 (images,)."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted[:, index] / shifted.sum(axis=1)
