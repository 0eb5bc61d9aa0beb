"""Networks of recordings differ from those of images in two ways."""

import torch

from gen_augment.modalities import Audio, DataSpec, Image
from tests.modalities.audio.tones import RATE, recordings


def test_networks_take_and_return_spectrograms() -> None:
    codec, rows = Audio(sample_rate=RATE, n_mels=32, n_frames=16).fit(recordings(4)[0])
    assert rows.shape[2:] == (32, 16)
    spec = DataSpec.of(codec, 2)
    networks = spec.networks
    code, condition = torch.zeros(4, 3), torch.zeros(4, 5)
    encoder = networks.encoder(spec, 2)
    assert encoder(rows).shape == (4, encoder.out_features)
    for out in (
        networks.decoder(spec, 3, 5, 2)(code, condition),
        networks.velocity(spec, 5, 8)(rows, condition),
        networks.pair_decoder(spec, 3, 5, 2)(rows, code, condition),
    ):
        assert out.shape == rows.shape


def test_recordings_are_not_played_backwards() -> None:
    x = torch.arange(24.0).view(1, 1, 4, 6)
    assert torch.equal(Audio.networks.mirror(x), x)
    assert not torch.equal(Image.networks.mirror(x), x)


def test_sources_keep_decibels_between_whole_numbers() -> None:
    x = torch.rand(50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(x.to(Audio.networks.source_dtype), x)
