"""Where a student looks: Grad-CAM (Selvaraju et al. 2017) on its last feature map."""

import numpy as np
import torch
from torch.nn import functional

from stages.learning.models import Classifier


def grad_cam(model: Classifier, images: torch.Tensor, target: int) -> np.ndarray:
    """Return what raises the target's logit in (batch, 3, size, size): uint8 (batch, size, size), 255 the most."""
    model.eval()
    kept: list[torch.Tensor] = []
    hook = model.backbone.get_submodule("features").register_forward_hook(
        lambda _module, _inputs, out: kept.append(out)
    )
    logits = model(images)
    hook.remove()
    (features,) = kept  # (batch, channels, rows, columns)
    (gradient,) = torch.autograd.grad(logits[:, target].sum(), features)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    heat = functional.relu((weights * features).sum(dim=1, keepdim=True))
    heat = functional.interpolate(heat, size=images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
    peak = heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    return (255 * heat / peak).round().byte().detach().numpy()
