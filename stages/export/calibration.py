"""The training images on which quantisation methods are fitted: ranges of activations, what stays in float32."""

import numpy as np

from stages.networks.train_images import TrainImages


def calibration_pixels(images: TrainImages, count: int, seed: int) -> np.ndarray:
    """Return so many training images drawn by the seed, all where there are fewer: uint8 (images, size, size, 3)."""
    rows = np.random.default_rng(seed).permutation(images.rows)[:count]
    return images.pack.pixels[np.sort(rows)]
