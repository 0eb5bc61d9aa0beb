"""Networks of images."""

import pytest
import torch
from torch import nn

from gen_augment.modalities.image.networks import SmallCNN, warp


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (3, 10, 17)])
def test_small_cnn_takes_any_shape(shape: tuple[int, int, int]) -> None:
    assert SmallCNN(shape, 7)(torch.zeros(2, *shape)).shape == (2, 7)


def test_pooling_before_the_relu_gives_the_same_function() -> None:
    torch.manual_seed(0)
    network = SmallCNN((1, 12, 12), 3).train()
    x = torch.randn(8, 1, 12, 12)
    conv1, norm1, _, _, conv2, norm2, _, _, *head = network
    head[3].p = 0.0  # drop-out
    other = nn.Sequential(
        conv1, norm1, nn.ReLU(), nn.MaxPool2d(2), conv2, norm2, nn.ReLU(), nn.MaxPool2d(2), *head
    )  # fmt: skip
    results = []
    for net in (network, other):
        net.zero_grad()
        logits = net(x)
        logits.logsumexp(dim=1).sum().backward()
        results.append(
            [logits.detach(), *(p.grad.clone() for p in net.parameters() if p.grad is not None)]
        )
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_warp_reads_pixels_at_other_places() -> None:
    x = torch.rand(2, 3, 8, 10)
    still = torch.zeros(2, 2, 8, 10)
    torch.testing.assert_close(warp(x, still), x)
    right, down = still.clone(), still.clone()
    right[:, 0], down[:, 1] = 3 / 10, 2 / 8
    torch.testing.assert_close(warp(x, right)[..., :7], x[..., 3:])
    torch.testing.assert_close(warp(x, down)[:, :, :6], x[:, :, 2:])
    torch.testing.assert_close(
        warp(x, right)[..., 7:], x[..., 9:].expand(-1, -1, -1, 3)
    )  # border pixels are repeated
