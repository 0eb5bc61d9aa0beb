"""The U-Net of flows for images."""

import pytest
import torch

from gen_augment.modalities.image.unet import GroupNorm, SkipUNet, UNet


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 33, 20), (3, 128, 100)])
def test_the_network_takes_every_size_and_starts_as_zero(shape: tuple[int, int, int]) -> None:
    network = UNet(shape, 16, 8)
    x, condition = torch.randn(2, *shape), torch.randn(2, 16)
    assert torch.equal(network(x, condition), torch.zeros_like(x))
    torch.nn.init.normal_(network.head.weight)
    out = network(x, condition)
    assert out.shape == x.shape
    out.square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_a_gain_beside_the_network_carries_the_noise() -> None:
    network = SkipUNet((5, 12, 10), 16, 8)
    x, condition = torch.randn(3, 5, 12, 10), torch.randn(3, 16)
    gain = network.gain(condition)
    assert torch.allclose(network(x, condition), gain[:, :, None, None] * x)  # the U-Net is 0
    network(x, condition).square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_groups_are_normalised_in_32_bits_for_any_input_dtype() -> None:
    x = torch.randn(3, 8, 5, 5).bfloat16()
    out = GroupNorm(2, 8)(x)
    assert out.dtype == torch.bfloat16
    exact = torch.nn.functional.group_norm(x.double(), 2)
    torch.testing.assert_close(out, exact.bfloat16(), rtol=0.004, atol=1e-6)
