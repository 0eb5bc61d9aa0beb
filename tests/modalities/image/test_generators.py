"""Convolutional networks for generic samplers."""

import pytest
import torch

from gen_augment.modalities import DataSpec, Image
from tests.conftest import toy_images


@pytest.mark.parametrize("channels", [1, 3])
def test_networks_fit_together(channels: int) -> None:
    codec, rows = Image().fit(toy_images(4, channels=channels)[0])
    spec = DataSpec.of(codec, 2)
    networks = spec.networks
    encoder = networks.encoder(spec, 2)
    assert encoder(rows).shape == (4, encoder.out_features)
    code, condition = torch.zeros(4, 3), torch.zeros(4, 5)
    for out in (
        networks.decoder(spec, 3, 5, 2)(code, condition),
        networks.velocity(spec, 5, 8)(rows, condition),
        networks.pair_decoder(spec, 3, 5, 2)(rows, code, condition),
    ):
        assert out.shape == rows.shape
    drawn = networks.noise(spec).draw(rows, torch.zeros(4, networks.noise_dim(spec)))
    assert drawn.shape == rows.shape


def test_a_mirror_image_is_flipped_from_left_to_right() -> None:
    codec, rows = Image().fit(toy_images(4)[0])
    mirrored = Image.networks.mirror(rows)
    assert torch.equal(mirrored, rows.flip(3))
    assert torch.equal(Image.networks.mirror(mirrored), rows)
    augment = Image.networks.augmentation(DataSpec.of(codec, 2))
    assert augment is not None
    assert torch.equal(augment(rows, p=0.0, shift=0.2, colour=True), rows)
