"""Batch normalisation of two processes is that of torch on the whole batch."""

from typing import Any

import torch
from torch import nn

from gen_augment.batch_share import batch_share
from gen_augment.training.placement import make_fabric
from gen_augment.training.whole_batch_norm import with_whole_batch_norm
from tests.training.together import together

X = torch.randn(8, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 2 + 1
AIM = torch.rand(X.shape, generator=torch.Generator().manual_seed(1))


def normalise(rank: int, of: int) -> list[Any]:
    torch.manual_seed(0)
    network: Any = nn.Sequential(nn.BatchNorm2d(3))
    nn.init.normal_(network[0].weight)
    make_fabric("cpu", "32-true", of)
    n = len(X) // of
    x = X[rank * n : (rank + 1) * n].clone().requires_grad_()
    with batch_share(rank, of):
        rows = with_whole_batch_norm(network)(x)
        ((rows - AIM[rank * n : (rank + 1) * n]) ** 3).sum().backward()
    statistics = [buffer.clone() for buffer in network.buffers()]
    network.eval()
    return [rows.detach(), x.grad, network(X[:1]).detach(), *statistics]


def test_two_processes_normalise_as_one() -> None:
    alone = normalise(0, 1)
    first, second = together(2, normalise, 2)
    for n in range(2):
        torch.testing.assert_close(torch.cat([first[n], second[n]]), alone[n], rtol=1e-4, atol=1e-5)
    for one, two, expected in zip(first[2:], second[2:], alone[2:], strict=True):
        assert torch.equal(one, two)
        torch.testing.assert_close(one, expected)
