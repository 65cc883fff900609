"""The loss on the labels: focal loss; cross-entropy is the case gamma = 0."""

import torch
import torch.nn.functional as F

from stages.networks.settings import HardLoss


def class_weights(classes: tuple[str, ...], melanoma: int, settings: HardLoss) -> torch.Tensor:
    """Return float32 (classes,): 2 melanoma_weight for melanoma, 2 (1 - melanoma_weight) for every other class."""
    weights = torch.full((len(classes),), 2 * (1 - settings.melanoma_weight))
    weights[melanoma] = 2 * settings.melanoma_weight
    return weights


def focal_loss(logits: torch.Tensor, targets: torch.Tensor, *, weights: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the batch mean of  -sum_c t_c w_c (1 - p_c)^gamma log p_c  (Lin et al. 2017, eq. 5, over a softmax).

    logits (batch, classes); targets t: each class's share, (batch, classes), so that the loss of a mixture is the
    mixture of its images' losses; weights w (classes,).
    """
    log_p = F.log_softmax(logits, dim=1)
    return -(targets * weights * (1 - log_p.exp()).pow(gamma) * log_p).sum(dim=1).mean()
