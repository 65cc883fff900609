"""How far a picture is from the training images: the exported student's second output.

The student's own features, pooled, are described by one Gaussian: a mean, a few directions and one variance for all
others (probabilistic PCA, Tipping & Bishop 1999). The distance is Mahalanobis' under it, as Lee et al. 2018, "A simple
unified framework for detecting out-of-distribution samples and adversarial attacks", take it of several layers. It is
divided by the root of the number of features, so that training images are at about 1. It says nothing of the diagnosis.
"""

from typing import cast

import numpy as np
import torch
from torch import nn
from torchvision.models import MobileNetV3

from stages.networks.device import Device
from stages.networks.models import Classifier
from stages.networks.scoring import score_images
from stages.networks.train_images import TrainImages

BLOCKS = (8, 12)  # of MobileNetV3-Small's features, whose outputs are pooled: its middle and its end
DIRECTIONS = 16  # of the Gaussian, each with its own variance: 40 kB in float32, 10 in int8
SMALLEST = 1e-6  # standard deviation of a feature, so that a constant one does no harm


class Gaussian(nn.Module):
    """Features, float32 (batch, features), to the distance from their Gaussian, float32 (batch,)."""

    def __init__(self, features: np.ndarray) -> None:
        """Fit it to the features of the training images, (images, features)."""
        super().__init__()
        values = torch.from_numpy(features).double()  # PyTorch's threads are pinned, NumPy's are not
        center, scale = values.mean(dim=0), values.std(dim=0, correction=0) + SMALLEST
        standardized = (values - center) / scale
        variances, directions = torch.linalg.eigh(standardized.T @ standardized / len(values))  # ascending
        largest, projection = variances[-DIRECTIONS:], directions[:, -DIRECTIONS:]
        rest = max(float(variances[:-DIRECTIONS].mean()), SMALLEST)
        self.rest = rest * len(center)
        self.center, self.scale, self.projection, self.excess = (
            nn.Buffer(value.float().contiguous()) for value in (center, 1 / scale, projection, rest / largest - 1)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        standardized = (features - self.center) * self.scale
        along = standardized @ self.projection
        # Along a direction of variance v instead of `rest`, a square counts rest / v times as much.
        squares = (standardized**2).sum(dim=1) + (along**2 * self.excess).sum(dim=1)
        return (squares.clamp(min=0) / self.rest).sqrt()


class Pooled(nn.Module):
    """A student that gives its pooled features beside its logits: (batch, classes) and (batch, features)."""

    def __init__(self, student: Classifier) -> None:
        super().__init__()
        self.student = student

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        backbone, pooled = cast(MobileNetV3, self.student.backbone), []
        hidden = (image - self.student.mean) / self.student.std
        for position, block in enumerate(backbone.features):
            hidden = block(hidden)
            if position in BLOCKS:
                pooled.append(hidden.mean(dim=(2, 3)))
        return backbone.classifier(pooled[-1]), torch.cat(pooled, dim=1)


class Answering(nn.Module):
    """A student that gives logits, (batch, classes), and distance, (batch,)."""

    def __init__(self, student: Classifier, gaussian: Gaussian) -> None:
        super().__init__()
        self.pooled, self.gaussian = Pooled(student), gaussian

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, features = self.pooled(image)
        return logits, self.gaussian(features)


def farthest(distance: np.ndarray, share: float) -> float:
    """Return the distance that at most this share of images, those of val, are beyond."""
    return float(np.quantile(distance, 1 - share, method="higher"))


def fit_gaussian(student: Classifier, images: TrainImages) -> Gaussian:
    """Return the Gaussian of the training images' features."""
    pooled, cpu = Pooled(student).eval(), Device(torch.device("cpu"), mixed=False)

    class Features(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return pooled(image)[1]

    return Gaussian(score_images(Features(), images.pack, images.rows, cpu))
