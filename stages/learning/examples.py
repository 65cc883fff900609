"""The training images as a model is shown them: one view of each, a batch at a time."""

from dataclasses import dataclass

import numpy as np
import torch

from stages.dataset.pack import Pack
from stages.learning.views import Views, draw_view, render_view


@dataclass(frozen=True)
class Examples:
    """The training images and how they are shown: epoch e shows each one's view e mod view_count."""

    pack: Pack
    image_ids: list[str]
    rows: np.ndarray
    views: Views
    view_count: int

    def view(self, positions: np.ndarray, view: int, device: torch.device) -> torch.Tensor:
        """Return float32 (batch, 3, size, size) in [0, 1]: these images as the view shows them."""
        pixels = torch.from_numpy(self.pack.pixels[self.rows[positions]]).to(device)
        return render_view(pixels, draw_view([self.image_ids[i] for i in positions], view, self.views))
