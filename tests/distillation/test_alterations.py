"""Altered views: pure, as many as asked, each family what it says, and none of those kept for the test."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from stages.distillation.alterations import APPLY, SIGMA, alter, blur, compress, corners, light, noise
from stages.distillation.settings import Alterations
from stages.pictures.alterations import MEANS

FAMILIES = ["light", "blur", "noise", "file", "hair", "corners"]
SETTINGS = Alterations(seed=1, share=0.5, until="none", strength=3.0, families=FAMILIES)
HASHES = np.arange(400, dtype=np.uint64) * np.uint64(7919)
SIZE = 48
IMAGE = torch.nn.functional.interpolate(
    torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(0)), SIZE, mode="bilinear"
)[0]
LUCK = [0.3, 0.6, 0.8]


def batch(count: int = 400) -> torch.Tensor:
    return IMAGE.expand(count, 3, SIZE, SIZE).clone()


def altered(**changes) -> torch.Tensor:
    return alter(batch(), HASHES, 0, SETTINGS.model_copy(update=changes))


def test_the_share_that_was_asked_for_is_altered_and_stays_in_range():
    for share in (0.0, 0.25, 0.5, 1.0):
        images = altered(share=share)
        changed = (images != batch()).flatten(1).any(dim=1).float().mean()
        assert changed == pytest.approx(share, abs=0.06 * (0 < share < 1))
        assert images.min() >= 0
        assert images.max() <= 1


def test_a_view_is_altered_by_seed_image_and_view_alone():
    order = np.random.default_rng(0).permutation(400)
    assert torch.equal(alter(batch(), HASHES[order], 3, SETTINGS), alter(batch(), HASHES, 3, SETTINGS)[order])
    assert not torch.equal(alter(batch(), HASHES, 4, SETTINGS), alter(batch(), HASHES, 3, SETTINGS))
    assert not torch.equal(altered(seed=2), altered())


def test_a_student_may_end_on_views_that_are_as_they_are():
    settings = SETTINGS.model_copy(update={"until": 3})
    assert torch.equal(alter(batch(), HASHES, 2, settings), alter(batch(), HASHES, 2, SETTINGS))
    assert torch.equal(alter(batch(), HASHES, 3, settings), batch())


def test_families_that_are_not_asked_for_are_in_no_view():
    only = altered(share=1.0, families=["light"])
    gains = only.flatten(2).mean(dim=2) / IMAGE.flatten(1).mean(dim=1)
    dim = gains.max(dim=1).values < 1  # where nothing is clipped
    assert torch.allclose(only[dim], IMAGE * gains[dim][..., None, None], atol=1e-5)
    black = (altered(share=1.0, families=["noise"])[:, :, 0, 0] == 0).all(dim=1)
    assert not black.any()
    black = (altered(share=1.0, families=["corners"])[:, :, 0, 0] == 0).all(dim=1)
    assert black.all()


def test_each_of_the_other_families_is_drawn_as_often(monkeypatch):
    drawn = []
    for name in FAMILIES:
        monkeypatch.setitem(APPLY, name, lambda image, *_, name=name: drawn.append(name) or image)
    altered(share=1.0)
    counts = {name: drawn.count(name) / 400 for name in FAMILIES}
    assert counts.pop("light") == 1
    assert all(share == pytest.approx(1 / 5, abs=0.06) for share in counts.values())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_greater_strength_changes_more(family):
    def change(step: float) -> float:
        return float((APPLY[family](IMAGE.clone(), step, LUCK, SETTINGS).clamp(0, 1) - IMAGE).abs().mean())

    assert 0 < change(1.0) < change(3.0)


def test_blur_is_a_gaussians():
    point = torch.zeros(3, SIZE, SIZE)
    point[:, 24, 20] = 1
    found, sigma = blur(point, 3.0, LUCK, SETTINGS), SIGMA * SIZE * 3
    expected = gaussian_filter(point.numpy(), (0, sigma, sigma), truncate=2.5)
    assert np.allclose(found.numpy(), expected, atol=2e-3)
    assert torch.allclose(blur(torch.full((3, SIZE, SIZE), 0.4), 3.0, LUCK, SETTINGS), torch.tensor(0.4))


def test_light_keeps_the_lesions_form_and_noise_its_mean():
    ratio = light(IMAGE, 2.0, LUCK, SETTINGS) / IMAGE
    assert torch.allclose(ratio, ratio[:, :1, :1].expand_as(ratio), rtol=1e-5)
    difference = noise(IMAGE, 3.0, LUCK, SETTINGS) - IMAGE
    assert float(difference.mean()) == pytest.approx(0, abs=0.01)
    assert float(difference.std()) == pytest.approx(0.12, rel=0.1)


def test_a_file_holds_the_image_and_corners_leave_its_middle():
    assert (compress(IMAGE, 1.0, LUCK, SETTINGS) - IMAGE).abs().mean() < 0.03
    middle = slice(SIZE // 4, -SIZE // 4)
    assert torch.equal(corners(IMAGE, 3.0, LUCK, SETTINGS)[:, middle, middle], IMAGE[:, middle, middle])


def test_what_is_kept_for_the_test_is_drawn_in_no_training():
    assert MEANS["like nothing"] == ["pixelate", "motion_blur", "zoom_blur", "characters", "ruler", "ink", "bubbles"]
    assert set(APPLY) == set(FAMILIES)
