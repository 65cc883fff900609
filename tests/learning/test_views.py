"""Views are a pure function of (seed, image, view)."""

import numpy as np
import pytest
import torch

from stages.learning.settings import Views
from stages.learning.views import draw_view, plain_view, render_view

VIEWS = Views(seed=1, rotation=180.0, zoom=1.15, brightness=0.08, contrast=0.15)
STILL = Views(seed=1, rotation=0.0, zoom=1.0, brightness=0.0, contrast=0.0)
IDS = [f"ISIC_{number}" for number in range(8)]
PIXELS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8))


def test_a_view_depends_on_seed_image_and_view_alone():
    parameters = draw_view(IDS, 3, VIEWS)
    assert torch.equal(parameters[[5, 2]], draw_view([IDS[5], IDS[2]], 3, VIEWS))
    assert not torch.equal(parameters, draw_view(IDS, 4, VIEWS))
    assert not torch.equal(parameters, draw_view(IDS, 3, VIEWS.model_copy(update={"seed": 2})))


def test_rendering_does_not_depend_on_the_batch():
    whole = render_view(PIXELS, draw_view(IDS, 0, VIEWS))
    alone = render_view(PIXELS[5:6], draw_view(IDS[5:6], 0, VIEWS))
    assert torch.allclose(whole[5:6], alone, atol=1e-6)


def test_values_stay_in_range_and_shape():
    rendered = render_view(PIXELS, draw_view(IDS, 0, VIEWS))
    assert rendered.shape == (8, 3, 32, 32)
    assert rendered.min() >= 0
    assert rendered.max() <= 1


def test_without_augmentation_a_view_is_the_image_or_its_mirror():
    parameters = draw_view(IDS, 0, STILL)
    assert set(parameters[:, 1].tolist()) == {-1.0, 1.0}
    plain, rendered = plain_view(PIXELS), render_view(PIXELS, parameters)
    for image, view, flip in zip(plain, rendered, parameters[:, 1], strict=True):
        assert torch.allclose(view, image if flip > 0 else image.flip(2), atol=1e-4)


def test_half_a_turn_is_half_a_turn():
    parameters = torch.tensor([[torch.pi, 1.0, 1.0, 0.0, 1.0]])
    assert torch.allclose(render_view(PIXELS[:1], parameters), plain_view(PIXELS[:1]).flip(2, 3), atol=1e-3)


def test_angles_cover_the_circle_evenly():
    angles = np.concatenate([draw_view(IDS, view, VIEWS)[:, 0].numpy() for view in range(100)])
    counts, _ = np.histogram(angles, 4, (-np.pi, np.pi))
    assert counts.min() > 0.2 * len(angles)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_pixels_become_the_unit_interval(value):
    pixels = torch.full((1, 32, 32, 3), value, dtype=torch.uint8)
    assert plain_view(pixels).unique().tolist() == pytest.approx([value / 255])
