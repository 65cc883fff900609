"""Views of the training images: augmentation as a pure function of (seed, image, view).

Dermoscopy has no up or down, so views rotate fully and flip; scale, brightness and contrast change mildly. A share of
the views may be mixtures with a second image (Zhang et al. 2018, "mixup"), and a square may be cut out (DeVries &
Taylor 2017). Hue jitter was left out: it costs more than decoding the JPEG and brought nothing (docs/scale.md). As a
view depends on nothing else, a teacher's logits on it are computed once, and the student sees the very view the teacher
saw (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent"), which may be altered for it
(stages/distillation/alterations.py).
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from stages.networks.settings import Views
from stages.networks.train_images import TrainImages

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # splitmix64's increment


@dataclass(frozen=True)
class Draw:
    """The random choices of one view of some images.

    affine: float32 (images, 5): angle in radians, flip (±1), zoom, brightness, contrast. partners: the position of the
    image mixed in, int64 (images,); shares: the image's own share in the mixture, float32 (images,), 1 for no mixture.
    holes: centre of the square that is cut out, float32 (images, 2), x and y from 0 to 1.
    """

    affine: torch.Tensor
    partners: np.ndarray
    shares: torch.Tensor
    holes: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """One view of some images.

    images: float32 (batch, 3, size, size) in [0, 1]; targets: each class's share, float32 (batch, classes); positions:
    of the images in train.csv, int64 (batch,).
    """

    images: torch.Tensor
    targets: torch.Tensor
    positions: torch.Tensor
    view: int


@dataclass(frozen=True)
class Examples:
    """The training images with their views; epoch e shows view e mod view_count of each image."""

    images: TrainImages
    views: Views
    view_count: int

    def batch(self, positions: np.ndarray, view: int, device: torch.device) -> Batch:
        """Return one view of the images at some positions of train.csv, int64 (batch,)."""
        images, draw = self.images, draw_view(self.images, positions, view, self.views)
        shares = draw.shares.to(device)
        targets, others = (
            F.one_hot(images.labels[rows], len(images.classes)).float().to(device)
            for rows in (positions, draw.partners)
        )
        return Batch(
            self._render(positions, draw, device),
            others.lerp(targets, shares[:, None]),
            torch.from_numpy(positions).to(device),
            view,
        )

    def _render(self, positions: np.ndarray, draw: Draw, device: torch.device) -> torch.Tensor:
        mixed = np.flatnonzero(draw.shares.numpy() < 1)
        own, partner = (plain_view(self.images.pixels(rows, device)) for rows in (positions, draw.partners[mixed]))
        own[mixed] = partner.lerp(own[mixed], draw.shares[mixed].to(device).view(-1, 1, 1, 1))
        return render_view(own, draw, self.views.cutout)


def draw_view(images: TrainImages, positions: np.ndarray, view: int, views: Views) -> Draw:
    """Return the choices of one view of the images at some positions, from (views.seed, image, view) alone.

    A mixture's partner is one of the image's own fold, on whose images it depends as well, so that a teacher which
    never saw the fold saw neither of the two.
    """
    drawn = uniform(views.seed, images.hashes[positions], view, 10)
    turn, flip, zoom, brightness, contrast = 2 * drawn[:5] - 1  # each (images,), from -1 to 1
    angle, mirror = np.deg2rad(views.rotation) * turn, np.where(flip < 0, -1.0, 1.0)
    affine = [angle, mirror, views.zoom**zoom, views.brightness * brightness, 1 + views.contrast * contrast]
    mixes, shares, partner, *hole = drawn[5:]
    shares = np.where(mixes < views.mixtures, 0.5 + shares / 2, 1.0)
    columns = [torch.from_numpy(np.stack(values, axis=-1)).float() for values in (affine, hole)]
    return Draw(columns[0], images.in_same_fold(positions, partner), torch.from_numpy(shares).float(), columns[1])


def uniform(seed: int, hashes: np.ndarray, view: int, count: int) -> np.ndarray:
    """Return numbers in [0, 1), float64 (count, images), each a hash of (seed, image, view, which): splitmix64.

    hashes: of the images, uint64 (images,). A generator for each image would cost more than drawing the view does.
    Steele et al. 2014, "Fast splittable pseudorandom number generators", figure 16.
    """
    state = np.zeros((count, len(hashes)), np.uint64)
    for part in (np.uint64(seed), hashes, np.uint64(view), np.arange(count, dtype=np.uint64)[:, None]):
        state = (state ^ part) + GOLDEN
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)) * 2.0**-53


def render_view(images: torch.Tensor, draw: Draw, cutout: float) -> torch.Tensor:
    """Return images, float32 (images, 3, size, size) in [0, 1], transformed by a draw.

    Corners that a rotation uncovers are filled by reflection; the square cut out, of side `cutout` times the image's,
    with the image's mean colour.
    """
    angle, flip, zoom, brightness, contrast = (
        column.view(-1, 1, 1) for column in draw.affine.to(images.device).unbind(1)
    )
    cos, sin = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    grid = _grid(cos * flip, -sin, sin * flip, cos, images.shape[-1])
    # Contiguous, and not in channels-last memory: sampling is then a third faster on a CPU (docs/scale.md).
    images = F.grid_sample(images.contiguous(), grid, padding_mode="reflection", align_corners=False)
    color = images.mean(dim=(2, 3), keepdim=True)  # (images, 3, 1, 1)
    if cutout > 0:
        images = torch.where(_hole(draw.holes.to(images.device), images.shape[-1], cutout), color, images)
    scale, shift = contrast[..., None], brightness[..., None]
    offset = color.mean(dim=1, keepdim=True) * (1 - scale) + shift
    return torch.addcmul(offset, images, scale).clamp_(0, 1)  # contrast about the mean, then brightness


def plain_view(pixels: torch.Tensor) -> torch.Tensor:
    """Return uint8 (images, size, size, 3) as float32 (images, 3, size, size) in [0, 1], without augmentation."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)  # a view in channels-last memory, without a copy


def _grid(xx: torch.Tensor, xy: torch.Tensor, yx: torch.Tensor, yy: torch.Tensor, size: int) -> torch.Tensor:
    """Return where each pixel is sampled, float32 (images, size, size, 2), as F.affine_grid does without translation.

    Each argument is an element of the images' matrices, (images, 1, 1). F.affine_grid multiplies whole matrices, which
    takes seventeen times as long on a CPU (docs/scale.md).
    """
    steps = (2 * torch.arange(size, device=xx.device) + 1) / size - 1
    across, down = steps.view(1, 1, size), steps.view(1, size, 1)
    grid = torch.empty(len(xx), size, size, 2, device=xx.device)
    torch.add(xx * across, xy * down, out=grid[..., 0])
    torch.add(yx * across, yy * down, out=grid[..., 1])
    return grid


def _hole(centers: torch.Tensor, size: int, side: float) -> torch.Tensor:
    """Return the mask of a square around each centre, bool (images, 1, size, size)."""
    pixel = (torch.arange(size, device=centers.device) + 0.5) / size
    inside = (pixel - centers[:, :, None]).abs() < side / 2  # (images, 2, size)
    return inside[:, 0, None, None, :] & inside[:, 1, None, :, None]
