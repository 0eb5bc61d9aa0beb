"""Networks of series: shapes, gradients, and independence of the other rows of a batch."""

import pytest
import torch

from gen_augment.modalities.series.conv import (
    SeriesDecoder,
    SeriesEncoder,
    SeriesUNet,
    fold,
    unfold,
)

SHAPES = [(1, 1), (2, 5), (1, 64), (3, 65), (1, 150), (5, 1501)]


def test_folding_keeps_steps_together() -> None:
    x = torch.arange(26.0).view(1, 2, 13)
    folded = fold(x, 4, 16)
    assert folded.shape == (1, 8, 1, 4)
    assert folded[0, :4, 0, 0].tolist() == [0, 1, 2, 3]
    assert torch.equal(unfold(folded, 4, 13), x)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_parameter_has_a_gradient(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x, z, condition = torch.randn(3, *shape), torch.randn(3, 4), torch.randn(3, 6)
    encoder = SeriesEncoder(shape, 8)
    decoder, flow = SeriesDecoder(shape, 4, 6, 8), SeriesUNet(shape, 6, 8)
    for network in (decoder, flow):  # weights of zero would hide gradients
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    features = encoder(x)
    assert features.shape == (3, encoder.out_features)
    for network, out in (
        (encoder, features),
        (decoder, decoder(z, condition)),
        (flow, flow(x, condition)),
    ):
        assert network is encoder or out.shape == (3, *shape)
        out.square().sum().backward()
        lacking = [name for name, p in network.named_parameters() if p.grad is None]
        assert lacking == []


def test_the_velocity_of_a_row_does_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    flow = SeriesUNet((1, 40), 6, 8)
    torch.nn.init.normal_(flow.head.weight)
    x, condition = torch.randn(9, 1, 40), torch.randn(9, 6)
    torch.testing.assert_close(flow(x, condition)[2:4], flow(x[2:4], condition[2:4]))
