"""Views of an image: augmentation as a pure function of (seed, image, view).

Dermoscopy has no up or down, so views rotate fully and flip; scale, brightness and contrast change mildly. Hue
jitter was left out: it costs more than decoding the JPEG and brought nothing (measured). Because a view depends on
nothing else, a teacher's logits on it can be computed once and reused: the student sees the very view the teacher
saw (Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent").
"""

import zlib

import numpy as np
import torch
import torch.nn.functional as F

from stages.learning.settings import Views


def draw_view(image_ids: list[str], view: int, views: Views) -> torch.Tensor:
    """Return the view's numbers, float32 (images, 5): angle in radians, flip (±1), zoom, brightness, contrast."""
    generators = (np.random.default_rng([views.seed, zlib.crc32(name.encode()), view]) for name in image_ids)
    unit = np.stack([generator.uniform(-1, 1, 5) for generator in generators])  # (images, 5)
    angle = np.deg2rad(views.rotation) * unit[:, 0]
    flip = np.where(unit[:, 1] < 0, -1.0, 1.0)
    zoom = views.zoom ** unit[:, 2]
    columns = [angle, flip, zoom, views.brightness * unit[:, 3], 1 + views.contrast * unit[:, 4]]
    return torch.from_numpy(np.stack(columns, axis=1)).float()


def render_view(pixels: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Return the images as the view shows them: uint8 (images, size, size, 3) to float32 (images, 3, size, size).

    Values stay in [0, 1]; corners that a rotation uncovers are filled by reflection.
    """
    angle, flip, zoom, brightness, contrast = drawn.to(pixels.device).unbind(1)
    cos, sin, zero = torch.cos(angle) / zoom, torch.sin(angle) / zoom, torch.zeros_like(angle)
    matrix = torch.stack([torch.stack([cos * flip, -sin, zero], 1), torch.stack([sin * flip, cos, zero], 1)], 1)
    images = plain_view(pixels)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    scale, shift = contrast.view(-1, 1, 1, 1), brightness.view(-1, 1, 1, 1)
    return ((images - mean) * scale + mean + shift).clamp_(0, 1)


def plain_view(pixels: torch.Tensor) -> torch.Tensor:
    """Return the images as they are: uint8 (images, size, size, 3) to float32 (images, 3, size, size) in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)  # channels-last memory already: no copy
