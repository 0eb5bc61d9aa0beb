"""Networks and likelihood of flat rows against torch's distributions."""

from typing import Any

import pytest
import torch
from torch.distributions import Categorical, Normal

from gen_augment.modalities.networks import (
    BetweenDecoder,
    GaussianNoise,
    MLPDecoder,
    MLPEncoder,
    VelocityMLP,
)

N, NUMBERS, BLOCKS = 7, 2, (3, 2)


def make_rows(seed: int = 0) -> torch.Tensor:
    """Rows of two numbers and two one-hot blocks."""
    torch.manual_seed(seed)
    hot = [torch.eye(width)[torch.randint(width, (N,))] for width in BLOCKS]
    return torch.cat([torch.randn(N, NUMBERS), *hot], dim=1)


def test_the_likelihood_is_that_of_normal_and_categorical_distributions() -> None:
    noise, x, out = GaussianNoise(NUMBERS, BLOCKS), make_rows(), torch.randn(N, 7)
    with torch.no_grad():
        noise.log_scale += torch.tensor([0.5, -1.0])
    expected = Normal(out[:, :2], noise.std()).log_prob(x[:, :2]).sum(dim=1)
    for part in (slice(2, 5), slice(5, 7)):
        expected += Categorical(logits=out[:, part]).log_prob(x[:, part].argmax(dim=1))
    torch.testing.assert_close(noise(x, out), -expected.mean())


def test_the_standard_deviation_has_a_lower_bound() -> None:
    noise = GaussianNoise(1)
    with torch.no_grad():
        noise.log_scale.fill_(-50)
        assert noise.std().item() == pytest.approx(torch.tensor(-4.0).exp().item())
        noise.log_scale.fill_(3)
        assert noise.std().item() == pytest.approx(torch.tensor(3.0).exp().item(), rel=0.01)


def test_draws_have_the_mean_and_the_scale() -> None:
    noise, out = GaussianNoise(NUMBERS, BLOCKS), make_rows()
    assert torch.equal(noise.draw(out, torch.randn(N, 7), strength=0.0), out)  # one-hot: the mode
    z = torch.randn(N, 7)
    drawn = noise.draw(out, z)
    torch.testing.assert_close(drawn[:, :2], out[:, :2] + noise.std() * z[:, :2])
    assert torch.equal(drawn[:, 2:5].sum(dim=1), torch.ones(N))
    assert set(drawn[:, 2:].unique().tolist()) == {0.0, 1.0}
    bounded = GaussianNoise(1, bounded=True)
    assert bounded.draw(torch.tensor([[5.0]]), torch.zeros(1, 1)).item() == 1


def test_a_decoder_between_two_rows_stays_between_them() -> None:
    torch.manual_seed(0)
    decoder, source = BetweenDecoder(7, BLOCKS, 3, 4, 8), make_rows()
    z, condition = torch.randn(N, 3), torch.randn(N, 4)
    other, _ = decoder.decoder(z, condition).chunk(2, dim=1)
    out = decoder(source, z, condition)
    low, high = torch.minimum(source, other)[:, :2], torch.maximum(source, other)[:, :2]
    assert bool(((low - 1e-6 <= out[:, :2]) & (out[:, :2] <= high + 1e-6)).all())
    for part in (slice(2, 5), slice(5, 7)):  # each place lies between both categories
        likely, mixed = other[:, part].softmax(dim=1), out[:, part].exp()
        low, high = torch.minimum(source[:, part], likely), torch.maximum(source[:, part], likely)
        assert bool(((low - 1e-5 <= mixed) & (mixed <= high + 1e-5)).all())
    plain = BetweenDecoder(2, (), 3, 4, 8)
    assert plain(source[:, :2], z, condition).shape == (N, 2)


@pytest.mark.parametrize(
    "network, inputs, width",
    [
        (MLPEncoder(5, 8), (5,), 8),
        (MLPDecoder(5, 3, 4, 8), (3, 4), 5),
        (VelocityMLP(5, 4, 8), (5, 4), 5),
    ],
)
def test_shapes_and_gradients(network: Any, inputs: tuple[int, ...], width: int) -> None:
    torch.manual_seed(0)
    if isinstance(network, VelocityMLP):
        assert not network(*(torch.randn(N, n) for n in inputs)).any()  # a flow starts as zero
        torch.nn.init.normal_(network.head.weight)
    out = network(*(torch.randn(N, n) for n in inputs))
    assert out.shape == (N, width)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())
