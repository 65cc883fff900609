"""The distance from the training images: the formula, and the same number out of the exported file."""

import numpy as np
import pytest
import torch

from stages.deployment.deployed import run_of, score_pixels
from stages.deployment.session import open_session
from stages.export.familiarity import DIRECTIONS, Answering, Gaussian, Pooled, farthest
from stages.export.graph import export_onnx
from stages.foundation.names import STUDENT
from stages.networks.models import build_model
from stages.networks.views import plain_view

RNG = np.random.default_rng(0)
FEATURES = (RNG.normal(size=(400, 60)) @ RNG.normal(size=(60, 60)) + RNG.normal(size=60)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model(STUDENT, 7).eval()


def test_it_is_mahalanobis_distance_under_probabilistic_pca():
    distance = Gaussian(FEATURES)(torch.from_numpy(FEATURES)).numpy()
    standardized = (FEATURES - FEATURES.mean(axis=0)) / FEATURES.std(axis=0)
    variances, directions = np.linalg.eigh(np.cov(standardized.T, bias=True))
    variances[:-DIRECTIONS] = variances[:-DIRECTIONS].mean()
    inverse = directions @ np.diag(1 / variances) @ directions.T
    squares = np.einsum("if,fg,ig->i", standardized, inverse, standardized)
    assert distance == pytest.approx(np.sqrt(squares / 60), rel=1e-3)
    assert np.mean(distance**2) == pytest.approx(1, abs=1e-3)  # a Gaussian's own sample: one for each feature


def test_what_is_unlike_the_training_images_is_far():
    gaussian = Gaussian(FEATURES)
    assert gaussian(torch.from_numpy(FEATURES)).max() < gaussian(torch.from_numpy(-4 * FEATURES)).median()


def test_a_constant_feature_and_too_few_images_do_no_harm():
    few = FEATURES[:10].copy()
    few[:, 0] = 5
    assert torch.isfinite(Gaussian(few)(torch.from_numpy(few))).all()


@pytest.mark.parametrize("share", [0.01, 0.1, 0.25])
def test_at_most_the_share_is_beyond(share):
    for images in (3, 100, 1501):
        distance = RNG.exponential(size=images)
        beyond = np.mean(distance > farthest(distance, share))
        assert share - 1.5 / images < beyond <= share


def test_the_exported_file_gives_the_students_logits_and_the_distance(model):
    pixels = (RNG.integers(0, 256, (99, 1, 1, 3)) * RNG.uniform(0.3, 1, (99, 64, 64, 3))).astype(np.uint8)
    images = plain_view(torch.from_numpy(pixels))
    with torch.inference_mode():
        logits, features = Pooled(model)(images)
        assert torch.allclose(logits, model(images), atol=1e-5)
        gaussian = Gaussian(features.numpy())
        distance = gaussian(features)
    exported = export_onnx(Answering(model, gaussian), 64, ["logits", "distance"])
    outputs = score_pixels(run_of(open_session(exported.SerializeToString(), threads=1)), pixels, np.arange(99))
    assert outputs["logits"] == pytest.approx(logits.numpy(), abs=1e-4)
    assert outputs["distance"] == pytest.approx(distance.numpy(), rel=1e-2)
    assert distance.std() > 0.05
    assert len(exported.SerializeToString()) - len(export_onnx(model, 64).SerializeToString()) < 100_000
