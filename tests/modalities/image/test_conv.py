"""Convolutional networks for images of any size."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gen_augment.modalities.image.conv import (
    ConditionalBatchNorm,
    ConvDecoder,
    ConvEncoder,
    pyramid,
)


@given(height=st.integers(8, 128), width=st.integers(8, 128))
def test_the_shorter_side_is_halved_to_at_most_8_pixels(height: int, width: int) -> None:
    widths, h0, w0 = pyramid(height, width, 4)
    scale = 2 ** len(widths)
    assert (h0, w0) == (math.ceil(height / scale), math.ceil(width / scale))
    assert min(h0, w0) <= 8
    assert len(widths) == 1 or math.ceil(min(height, width) / (scale / 2)) > 8
    assert widths == sorted(widths)
    assert widths[-1] <= 16


@settings(max_examples=8)
@given(height=st.integers(8, 40), width=st.integers(8, 40), channels=st.sampled_from([1, 3, 4]))
def test_encoder_and_decoder_take_every_size(height: int, width: int, channels: int) -> None:
    shape = (channels, height, width)
    encoder, decoder = ConvEncoder(shape, 2), ConvDecoder(shape, 3, 2, 2)
    x = torch.zeros(2, *shape)
    assert encoder(x).shape == (2, encoder.out_features)
    assert decoder(torch.zeros(2, 3), torch.zeros(2, 2)).shape == x.shape


@pytest.mark.parametrize("norm", [True, False])
def test_batch_normalisation_can_be_left_out(norm: bool) -> None:
    encoder = ConvEncoder((1, 32, 32), 2, norm=norm)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules()) is norm


def test_the_normalisation_is_scaled_by_the_condition() -> None:
    torch.manual_seed(0)
    layer, x = ConditionalBatchNorm(2, 3), torch.randn(4, 2, 5, 5)
    condition = torch.randn(4, 3)
    torch.testing.assert_close(layer(x, condition), nn.BatchNorm2d(2, affine=False)(x))
    nn.init.normal_(layer.affine.weight)
    gain, bias = layer.affine(condition).chunk(2, dim=1)
    expected = nn.BatchNorm2d(2, affine=False)(x) * (1 + gain[:, :, None, None])
    torch.testing.assert_close(layer(x, condition), expected + bias[:, :, None, None])
