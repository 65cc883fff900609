"""Hand-crafted features are finite and of one length; those of colour do not change with rotation."""

import numpy as np

from stages.features.handcrafted import image_features
from stages.pictures.synthesis import Lesion, render


def lesion_image() -> np.ndarray:
    return render(Lesion("nv", 0.0, (1, 2)), 0, width=64, height=64)


def test_every_image_has_finite_features_of_one_length():
    images = [
        lesion_image(),
        np.zeros((64, 64, 3), np.uint8),
        np.full((64, 64, 3), 200, np.uint8),
        lesion_image()[:32, :32],
    ]
    features = [image_features(image) for image in images]
    assert {len(row) for row in features} == {len(features[0])}
    assert np.isfinite(features).all()


def test_colour_does_not_depend_on_the_pose():
    image = lesion_image()
    upright, turned = image_features(image), image_features(np.rot90(image).copy())
    assert np.allclose(upright[:54], turned[:54], atol=1e-5)
