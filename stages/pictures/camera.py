"""The cameras that the demo's lesions are photographed with."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from stages.pictures.settings import CameraName


@dataclass(frozen=True)
class Camera:
    """tint: factors of red, green and blue; noise: standard deviation; vignette: how dark corners get, from and to."""

    tint: tuple[float, float, float]
    noise: float
    vignette: tuple[float, float]


CAMERAS: dict[CameraName, Camera] = {
    "standard": Camera((1.0, 1.0, 1.0), 0.012, (0.1, 0.5)),
    "second": Camera((1.06, 1.0, 0.93), 0.02, (0.0, 0.1)),  # warmer, without dark corners: another room
    "other": Camera((0.92, 1.0, 1.08), 0.03, (0.5, 0.9)),  # another clinic's: cooler, noisier, darker corners
}


def photograph(image: np.ndarray, rng: np.random.Generator, camera: Camera) -> np.ndarray:
    """Return an image, float (height, width, 3), with exposure, white balance, vignette, blur and noise of a camera."""
    height, width, _ = image.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = 1 - rng.uniform(*camera.vignette) * np.clip(np.hypot(x, y) - 0.7, 0, None)
    image = image * (rng.normal(1, 0.07) * rng.normal(1, 0.02, 3) * camera.tint) * vignette[..., None]
    image = gaussian_filter(image, (sigma := rng.uniform(0.2, 0.7), sigma, 0))
    return image + rng.normal(0, camera.noise, image.shape)
