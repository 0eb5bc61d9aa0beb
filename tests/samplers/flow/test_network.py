"""The velocity network of a flow."""

import torch

from gen_augment.modalities import DataSpec, Table
from gen_augment.samplers.flow.network import FlowNetwork, Velocity

SPEC = DataSpec(Table(), (3,), 2)


def test_the_velocity_depends_on_row_time_and_class() -> None:
    torch.manual_seed(0)
    network = Velocity(SPEC, 4)
    x, t, y = torch.randn(5, 3), torch.rand(5), torch.tensor([0, 1, -1, 0, 1])
    assert not network(x, t, y).any()  # it starts as zero
    torch.nn.init.normal_(network.body.head.weight)
    known = network(x, t, y)
    assert known.shape == x.shape
    for changed in (
        network(x + 1, t, y),
        network(x, t + 0.5, y),
        network(x, t, torch.full_like(y, -1)),
    ):
        assert not torch.allclose(known, changed)
    torch.testing.assert_close(network(x[:2], t[:2], y[:2]), known[:2])  # row by row


def test_the_average_starts_at_the_velocity() -> None:
    network = FlowNetwork(SPEC, 4, ema_decay=0.9)
    averaged = dict(network.ema.named_parameters()) | dict(network.ema.named_buffers())
    weights = dict(network.velocity.named_parameters())
    assert sum(p.numel() for p in averaged.values()) >= sum(p.numel() for p in weights.values())
    assert all(
        any(
            tensor.shape == weight.shape and torch.equal(tensor, weight)
            for tensor in averaged.values()
        )
        for weight in weights.values()
    )
