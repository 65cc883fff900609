"""Recomputed activations give the same bits: weights and running statistics after some steps."""

import copy

import pytest
import torch

from stages.networks.models import build_model
from stages.networks.recompute import Recomputed, recompute_features


def trained(model, steps=3):
    torch.manual_seed(1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    images = torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.train()(images), torch.arange(6)).backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def models():
    torch.manual_seed(0)
    plain = build_model("efficientnet_b0", 7, dropout=0.3)
    recomputed = copy.deepcopy(plain)
    recompute_features(recomputed.backbone)
    assert isinstance(recomputed.backbone.features, Recomputed)
    return trained(plain), trained(recomputed)


def test_every_weight_and_every_running_statistic_is_the_same(models):
    plain, recomputed = (model.state_dict() for model in models)
    assert list(plain) == list(recomputed)
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)


def test_less_is_kept_for_the_backward_pass(models):
    kept = []
    for model in models:
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=sizes: s.append(t.numel()) or t, lambda t: t):
            model.train()(torch.rand(4, 3, 64, 64))
        kept.append(sum(sizes))
        model.eval()
    assert kept[1] < 0.3 * kept[0]
