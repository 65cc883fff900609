"""The training images, and how a model is shown them: one view of each, a batch at a time."""

from dataclasses import dataclass

import numpy as np
import torch

from stages.dataset.pack import Pack
from stages.dataset.splits import MELANOMA
from stages.learning.settings import Views
from stages.learning.views import draw_view, render_view


@dataclass(frozen=True)
class TrainImages:
    """The images of train.csv. rows: in the pack, int64 (images,); labels: class of each, int64 (images,)."""

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
    """Epoch e shows each image's view e mod view_count."""

    images: TrainImages
    views: Views
    view_count: int

    def view(self, positions: np.ndarray, view: int, device: torch.device) -> torch.Tensor:
        """Return the images at these positions of train.csv as a view shows them.

        float32 (batch, 3, size, size), values in [0, 1].
        """
        images = self.images
        pixels = torch.from_numpy(images.pack.pixels[images.rows[positions]]).to(device)
        return render_view(pixels, draw_view([images.image_ids[i] for i in positions], view, self.views))
