"""Networks of recordings take and return flat rows."""

import torch

from gen_augment.modalities import Audio, DataSpec
from gen_augment.modalities.audio.generators import GainVelocity
from tests.modalities.audio.tones import RATE, recordings


def test_networks_take_and_return_encoded_recordings() -> None:
    codec, rows = Audio(sample_rate=RATE, n_mels=32, n_frames=16).fit(recordings(4)[0])
    assert rows.shape == (4, 32 * 8 + 1)
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


def test_a_velocity_without_layers_is_a_gain_on_each_number() -> None:
    network = GainVelocity(3, 2, 4)
    torch.nn.init.constant_(network.gain.bias, 2.0)
    x = torch.tensor([[1.0, -1.0, 0.5]])
    assert torch.equal(network(x, torch.ones(1, 2)), 2 * x)
