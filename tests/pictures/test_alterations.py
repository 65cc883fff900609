"""Alterations: stronger is more, equal draws give equal pixels, and each does what it says."""

from itertools import pairwise

import numpy as np
import pytest

from stages.pictures.alterations import ALTERATIONS, FAMILIES, LIKE, MEANS, STRENGTHS, alter
from stages.pictures.synthesis import Lesion, render

IMAGE = render(Lesion("nv", 0.0, (1,)), 0, width=128, height=128)


def altered(name, strength):
    return alter(IMAGE, name, strength, np.random.default_rng(3))


@pytest.mark.parametrize("name", ALTERATIONS)
def test_each_strength_changes_more_than_the_one_before(name):
    pictures = [altered(name, strength) for strength in STRENGTHS]
    assert all(picture.shape == IMAGE.shape and picture.dtype == np.uint8 for picture in pictures)
    changes = [np.abs(picture.astype(float) - IMAGE).mean() for picture in pictures]
    assert changes[0] > 0.1
    assert changes == sorted(changes)
    assert np.array_equal(pictures[2], altered(name, 3))


def test_blur_takes_detail_and_keeps_light():
    assert np.diff(altered("blur", 5).astype(float), axis=1).std() < 0.7 * np.diff(IMAGE.astype(float), axis=1).std()
    assert altered("blur", 5).mean() == pytest.approx(IMAGE.mean(), rel=0.01)


def test_over_exposure_saturates():
    assert (altered("over_exposure", 5) == 255).mean() > 0.3 > (IMAGE == 255).mean()


def test_a_colour_cast_keeps_grey_level_and_changes_channels():
    ratios = altered("colour_cast", 3).mean(axis=(0, 1)) / IMAGE.mean(axis=(0, 1))
    assert ratios.mean() == pytest.approx(1, abs=0.02)
    assert np.ptp(ratios) > 0.1


def test_a_crop_enlarges_the_middle():
    middle = np.zeros((64, 64, 3), np.uint8)
    middle[24:40, 24:40] = 200
    shown = alter(middle, "crop", 5, np.random.default_rng(0)) > 100
    assert shown.mean() == pytest.approx(4 * (middle > 100).mean(), rel=0.1)


@pytest.mark.parametrize("name", ["hair", "hair_bundles", "ink", "bubbles", "characters"])
def test_a_stronger_one_covers_what_a_weaker_one_does(name):
    covers = [np.abs(altered(name, strength).astype(int) - IMAGE).max(axis=2) > 20 for strength in STRENGTHS]
    for weaker, stronger in pairwise(covers):
        assert (weaker & ~stronger).mean() < 0.002
    assert 0 < covers[0].mean() < 0.15
    assert covers[4].mean() > 1.5 * covers[0].mean()


def test_noise_is_as_strong_as_it_says():
    grey = np.full((128, 128, 3), 128, np.uint8)
    draws = {name: alter(grey, name, 2, np.random.default_rng(0)) / 255 for name in ALTERATIONS if "noise" in name}
    assert draws["gaussian_noise"].std() == pytest.approx(0.08, rel=0.03)
    assert draws["speckle_noise"].std() == pytest.approx(0.15 * 128 / 255, rel=0.03)
    assert draws["shot_noise"].std() == pytest.approx(np.sqrt(128 / 255 / 25), rel=0.05)
    extreme = [(draws["impulse_noise"] == value).mean() for value in (0, 1)]
    assert extreme == pytest.approx([0.015, 0.015], abs=0.003)


def test_a_motion_blur_smears_along_one_direction_and_a_defocus_along_all():
    point = np.zeros((224, 224, 3), np.uint8)
    point[112, 112] = 255
    for name, most, least in (("motion_blur", 0.5, 0), ("defocus_blur", 1, 0.95)):
        y, x = np.nonzero(alter(point, name, 3, np.random.default_rng(0))[..., 0])
        across, along = np.sqrt(np.linalg.eigvalsh(np.cov(x, y)))
        assert along > 2
        assert least <= across / along <= most


def test_means_are_over_dermamnists_fifteen_and_each_alteration_is_in_one_family():
    assert len(MEANS["DermaMNIST-C"]) == 15
    alike = [name for like in LIKE for name in MEANS[f"like {like}"]]
    assert sorted(alike) == sorted(MEANS["all"]) == sorted(ALTERATIONS)
    assert sorted(name for family in FAMILIES for name in MEANS[family]) == sorted(ALTERATIONS)


def test_a_ruler_lies_along_one_edge_and_nothing_else_changes():
    for seed in range(8):
        changed = (alter(IMAGE, "ruler", 2, np.random.default_rng(seed)) != IMAGE).any(axis=2)
        edges = [changed[:16].mean(), changed[-16:].mean(), changed[:, :16].mean(), changed[:, -16:].mean()]
        assert max(edges) > 0.05
        assert changed[16:-16, 16:-16].mean() == 0
