"""The moving average against its recurrence."""

import pytest
import torch
from torch import nn

from gen_augment.training import EMA


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_average_follows_its_recurrence(decay: float) -> None:
    layer = nn.BatchNorm1d(2)
    ema = EMA(layer, decay)
    update = ema.follow(layer)
    expected = layer.weight.detach().clone()
    for t in range(30):
        layer.weight.data += 1
        layer.running_mean += 1
        update()
        d = min(decay, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * layer.weight.detach()
    torch.testing.assert_close(ema.module.weight.detach(), expected)
    torch.testing.assert_close(ema.module.running_mean, expected - 1)
    assert int(ema.n_updates) == 30
    assert not any(p.requires_grad for p in ema.parameters())
