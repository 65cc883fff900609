"""Grad-CAM: one map an image, brightest where the logit comes from."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from stages.explain import grad_cam


def test_one_map_for_each_image_of_the_galleries(finished):
    heat = np.load(finished / "models/demo/explanations.npy")
    examples = pd.read_csv(finished / "plots/demo/data/examples.csv")
    assert heat.shape == (len(examples), 32, 32)
    assert heat.dtype == np.uint8
    assert set(heat.max(axis=(1, 2))) <= {0, 255}
    assert (heat.max(axis=(1, 2)) == 255).any()


class Red(nn.Module):
    """A model whose first logit is the mean of the red channel."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.add_module("features", nn.AvgPool2d(4))

    def forward(self, x):
        red = self.backbone.features(x)[:, 0].mean(dim=(1, 2))
        return torch.stack([red, -red], dim=1)


def test_the_map_is_bright_where_the_logit_comes_from():
    images = torch.zeros(1, 3, 16, 16)
    images[0, 0, :8, :8] = 1
    heat = grad_cam(Red(), images.requires_grad_(), 0)[0]
    assert heat[2, 2] == 255
    assert heat[12, 12] == 0
    assert (grad_cam(Red(), images, 1) == 0).all()  # red only lowers the second
