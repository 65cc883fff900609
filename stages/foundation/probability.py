"""Conversions between logits, probabilities and log odds."""

import numpy as np

CLIP = 1e-6  # probabilities are clipped to [CLIP, 1 - CLIP] before a logarithm


def log_odds(p: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), p clipped to [CLIP, 1 - CLIP]."""
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


def mean_probability(p: list[np.ndarray]) -> np.ndarray:
    """Return the probability whose log odds are the mean of several models', float64 (images,)."""
    return 1 / (1 + np.exp(-np.mean([log_odds(values) for values in p], axis=0)))


def class_probability(logits: np.ndarray, index: int) -> np.ndarray:
    """Return the softmax probability of one class: logits (images, classes) to float64 (images,)."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted[:, index] / shifted.sum(axis=1)
