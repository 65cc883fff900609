"""The training images and their views: augmentation as a pure function of (seed, image, view).

Dermoscopy has no up or down, so views rotate fully and flip; scale, brightness and contrast change mildly. Hue jitter
was left out: it costs more than decoding the JPEG and brought nothing (docs/speed.md). As a view depends on nothing
else, a teacher's logits on it are computed once, and the student sees the very view the teacher saw (Beyer et al. 2022,
"Knowledge distillation: a good teacher is patient and consistent").
"""

import zlib
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from stages.dataset.pack import Pack
from stages.dataset.splits import MELANOMA
from stages.learning.settings import Views


@dataclass(frozen=True)
class TrainImages:
    """The images of train.csv. rows: of the pack, int64 (images,); labels: indices of classes, int64 (images,)."""

    pack: Pack
    image_ids: list[str]
    rows: np.ndarray
    labels: torch.Tensor
    classes: tuple[str, ...]

    @property
    def melanoma(self) -> int:
        """Index of melanoma among the classes."""
        return self.classes.index(MELANOMA)


@dataclass(frozen=True)
class Examples:
    """The training images with their views; epoch e shows view e mod view_count of each image."""

    images: TrainImages
    views: Views
    view_count: int

    def view(self, positions: np.ndarray, view: int, device: torch.device) -> torch.Tensor:
        """Return one view of the images at some positions of train.csv, float32 (batch, 3, size, size) in [0, 1]."""
        images = self.images
        pixels = torch.from_numpy(images.pack.pixels[images.rows[positions]]).to(device)
        return render_view(pixels, draw_view([images.image_ids[i] for i in positions], view, self.views))


def draw_view(image_ids: list[str], view: int, views: Views) -> torch.Tensor:
    """Return a view's parameters, float32 (images, 5): angle in radians, flip (±1), zoom, brightness, contrast."""
    generators = (np.random.default_rng([views.seed, zlib.crc32(name.encode()), view]) for name in image_ids)
    unit = np.stack([generator.uniform(-1, 1, 5) for generator in generators])  # (images, 5)
    angle = np.deg2rad(views.rotation) * unit[:, 0]
    flip = np.where(unit[:, 1] < 0, -1.0, 1.0)
    zoom = views.zoom ** unit[:, 2]
    columns = [angle, flip, zoom, views.brightness * unit[:, 3], 1 + views.contrast * unit[:, 4]]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


def render_view(pixels: torch.Tensor, parameters: torch.Tensor) -> torch.Tensor:
    """Return the images transformed by `draw_view`'s parameters, float32 (images, 3, size, size) in [0, 1].

    pixels: uint8 (images, size, size, 3). Corners that a rotation uncovers are filled by reflection.
    """
    angle, flip, zoom, brightness, contrast = parameters.to(pixels.device).unbind(1)
    cos, sin, zero = torch.cos(angle) / zoom, torch.sin(angle) / zoom, torch.zeros_like(angle)
    matrix = torch.stack([torch.stack([cos * flip, -sin, zero], 1), torch.stack([sin * flip, cos, zero], 1)], 1)
    images = plain_view(pixels)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    scale, shift = contrast.view(-1, 1, 1, 1), brightness.view(-1, 1, 1, 1)
    return ((images - mean) * scale + mean + shift).clamp_(0, 1)


def plain_view(pixels: torch.Tensor) -> torch.Tensor:
    """Return uint8 (images, size, size, 3) as float32 (images, 3, size, size) in [0, 1], without augmentation."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)  # a view in channels-last memory, without a copy
