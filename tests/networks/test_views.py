"""Views are a pure function of (seed, image, view); mixtures and cut-outs are part of them."""

import zlib

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from stages.foundation.pack import Pack
from stages.networks import train_images, views
from stages.networks.settings import Views
from stages.networks.train_images import TrainImages
from stages.networks.views import Examples, draw_view, plain_view, render_view, uniform

VIEWS = Views(seed=1, rotation=180.0, zoom=1.15, brightness=0.08, contrast=0.15, mixtures=0.5, cutout=0.3)
STILL = Views(seed=1, rotation=0.0, zoom=1.0, brightness=0.0, contrast=0.0, mixtures=0.0, cutout=0.0)
IDS = [f"ISIC_{number}" for number in range(8)]
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
IMAGES = TrainImages(
    Pack(PIXELS, IDS, []), IDS, np.arange(8), torch.arange(8) % 3, np.arange(8) // 4, ("a", "mel", "c")
)
EVERY = np.arange(8)
CPU = torch.device("cpu")


def parts(draw):
    return draw.affine, torch.from_numpy(draw.partners), draw.shares, draw.holes


def changed(views: Views, **values) -> Views:
    return views.model_copy(update=values)


def test_a_view_depends_on_seed_image_and_view_alone():
    draw = draw_view(IMAGES, EVERY, 3, VIEWS)
    some = draw_view(IMAGES, np.array([5, 2]), 3, VIEWS)
    for whole, part in zip(parts(draw), parts(some), strict=True):
        assert torch.equal(whole[[5, 2]], part)
    for other in (draw_view(IMAGES, EVERY, 4, VIEWS), draw_view(IMAGES, EVERY, 3, changed(VIEWS, seed=2))):
        assert not torch.equal(draw.affine, other.affine)


def test_the_numbers_drawn_are_uniform_and_independent_of_each_other_and_of_the_next_view():
    hashes = np.array([zlib.crc32(f"ISIC_{number:07d}".encode()) for number in range(4000)], dtype=np.uint64)
    views = np.stack([uniform(1, hashes, view, 10) for view in range(3)]).reshape(30, 4000)
    assert views.min() >= 0
    assert views.max() < 1
    assert min(kstest(row, "uniform").pvalue for row in views) > 0.001
    correlation = np.corrcoef(views) - np.eye(30)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(4000)
    neighbours = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in views]  # images whose names follow each other
    assert np.abs(neighbours).max() < 4 / np.sqrt(4000)
    assert not np.array_equal(uniform(2, hashes, 0, 10), views[:10])


def test_rendering_does_not_depend_on_the_batch():
    examples = Examples(IMAGES, VIEWS, 1)
    whole, alone = examples.batch(EVERY, 0, CPU), examples.batch(EVERY[5:6], 0, CPU)
    assert torch.allclose(whole.images[5:6], alone.images, atol=1e-6)
    assert torch.equal(whole.targets[5:6], alone.targets)


def test_values_stay_in_range_and_shape():
    batch = Examples(IMAGES, VIEWS, 1).batch(EVERY, 0, CPU)
    assert batch.images.shape == (8, 3, 32, 32)
    assert batch.images.min() >= 0
    assert batch.images.max() <= 1
    assert torch.allclose(batch.targets.sum(dim=1), torch.ones(8))
    assert torch.equal(batch.positions, torch.arange(8))


def test_without_augmentation_a_view_is_the_image_or_its_mirror():
    flips = draw_view(IMAGES, EVERY, 0, STILL).affine[:, 1]
    assert set(flips.tolist()) == {-1.0, 1.0}
    batch, plain = Examples(IMAGES, STILL, 1).batch(EVERY, 0, CPU), plain_view(torch.from_numpy(PIXELS))
    for image, view, flip in zip(plain, batch.images, flips, strict=True):
        assert torch.allclose(view, image if flip > 0 else image.flip(2), atol=1e-4)
    assert torch.equal(batch.targets.argmax(dim=1), IMAGES.labels)
    assert batch.targets.max(dim=1).values.tolist() == [1.0] * 8


def test_half_a_turn_is_half_a_turn():
    draw = draw_view(IMAGES, EVERY[:1], 0, STILL)
    draw.affine[:] = torch.tensor([torch.pi, 1.0, 1.0, 0.0, 1.0])
    plain = plain_view(torch.from_numpy(PIXELS[:1]))
    assert torch.allclose(render_view(plain, draw, 0.0), plain.flip(2, 3), atol=1e-3)


def test_angles_cover_the_circle_evenly():
    angles = np.concatenate([draw_view(IMAGES, EVERY, view, VIEWS).affine[:, 0].numpy() for view in range(100)])
    counts, _ = np.histogram(angles, 4, (-np.pi, np.pi))
    assert counts.min() > 0.2 * len(angles)


def test_a_mixture_has_its_images_shares_in_pixels_and_in_targets():
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    pixels[1] = 255
    images = TrainImages(Pack(pixels, ["a", "b"], []), ["a", "b"], np.arange(2), torch.tensor([0, 1]), np.zeros(2, int),
                         ("dark", "mel"))  # fmt: skip
    examples = Examples(images, changed(STILL, mixtures=1.0), 1)
    brightness = set()
    for view in range(40):
        batch = examples.batch(np.arange(2), view, CPU)
        white = batch.images.mean(dim=(1, 2, 3))
        assert torch.allclose(white, batch.targets[:, 1], atol=1e-5)  # the white image's share, in both
        assert batch.targets[0, 0] >= 0.5
        assert batch.targets[1, 1] >= 0.5  # the image itself has the larger share
        brightness |= {round(float(value), 3) for value in white}
    assert len(brightness) > 20


def test_the_asked_share_of_views_are_mixtures_with_images_of_the_same_fold():
    draws = [draw_view(IMAGES, EVERY, view, VIEWS) for view in range(200)]
    mixed = torch.stack([draw.shares < 1 for draw in draws]).float().mean().item()
    assert mixed == pytest.approx(0.5, abs=0.05)
    for draw in draws:
        assert np.array_equal(IMAGES.folds[draw.partners], IMAGES.folds)
    assert {int(partner) for draw in draws for partner in draw.partners[:4]} == {0, 1, 2, 3}


def test_the_cut_out_square_has_the_asked_side_and_the_mean_colour():
    view, plain = changed(STILL, cutout=0.25), plain_view(torch.from_numpy(PIXELS))
    for number in range(20):
        draw = draw_view(IMAGES, EVERY, number, view)
        draw.affine[:, 1] = 1.0  # not mirrored
        rendered = render_view(plain, draw, view.cutout)
        for image, original, hole in zip(rendered, plain, draw.holes, strict=True):
            cut = (image - original).abs().amax(dim=0) > 1e-3  # random pixels: hardly any equals the mean
            x, y = (hole * 32).round().int().tolist()
            inside = cut[max(y - 4, 0) : y + 4, max(x - 4, 0) : x + 4]
            assert cut.sum() <= 64
            assert inside.float().mean() > 0.8
            assert torch.allclose(
                image[:, cut], original.mean(dim=(1, 2))[:, None].expand(3, int(cut.sum())), atol=1e-3
            )


def test_images_outside_a_fold_and_of_a_fold_are_all_images():
    assert IMAGES.without(1).image_ids == IDS[:4]
    assert IMAGES.of_fold(1).tolist() == [4, 5, 6, 7]
    assert IMAGES.without(None) is IMAGES
    assert IMAGES.of_fold(None).tolist() == list(range(8))
    with pytest.raises(ValueError, match=r"wanted one of the folds \[0, 1\], found fold 2"):
        IMAGES.without(2)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_pixels_become_the_unit_interval(value):
    pixels = torch.full((1, 32, 32, 3), value, dtype=torch.uint8)
    assert plain_view(pixels).unique().tolist() == pytest.approx([value / 255])


def test_a_memory_mapped_array_is_copied_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(train_images, "COPIED", 4)
    np.save(tmp_path / "pixels.npy", PIXELS)
    copied = train_images.copy_to(np.load(tmp_path / "pixels.npy", mmap_mode="r"), CPU)
    assert np.array_equal(copied.numpy(), PIXELS)


def test_the_grid_is_torchs():
    matrix = torch.tensor([[[0.8, -0.3, 0.0], [0.2, 1.1, 0.0]], [[-1.0, 0.5, 0.0], [0.4, 0.9, 0.0]]])
    elements = [matrix[:, row, column].view(-1, 1, 1) for row in (0, 1) for column in (0, 1)]
    expected = torch.nn.functional.affine_grid(matrix, [2, 3, 7, 7], align_corners=False)
    assert torch.allclose(views._grid(*elements, 7), expected, atol=1e-6)
