"""Skin tone by the typology angle: the formula, and that lesion, vignette and hair do not count."""

import numpy as np
import pytest
from skimage.color import lab2rgb

from stages.pictures.skin import TONES, typology_angle


def skin(lightness, yellow, size=60):
    return (lab2rgb(np.full((size, size, 3), (lightness, 12.0, yellow))) * 255).round().astype(np.uint8)


@pytest.mark.parametrize(("lightness", "yellow"), [(75, 15), (60, 18), (45, 20), (30, 10)])
def test_it_is_the_angle_of_lightness_and_yellow(lightness, yellow):
    expected = np.degrees(np.arctan((lightness - 50) / yellow))
    assert typology_angle(skin(lightness, yellow)) == pytest.approx(expected, abs=1.5)


def test_a_lesion_in_the_middle_does_not_count():
    image = skin(70, 16)
    image[15:45, 15:45] = 40
    assert typology_angle(image) == typology_angle(skin(70, 16))


def test_dark_corners_do_not_count():
    image = skin(70, 16)
    image[:12, :12] = image[-12:, -12:] = 0
    assert typology_angle(image) == pytest.approx(typology_angle(skin(70, 16)), abs=0.1)


def test_a_black_frame_tells_nothing():
    assert np.isnan(typology_angle(np.zeros((40, 40, 3), np.uint8)))


def test_the_classes_fall_from_light_to_dark():
    assert list(TONES.values()) == sorted(TONES.values(), reverse=True)
