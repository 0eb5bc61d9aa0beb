"""The parts of a modality that generic samplers use."""

import torch

from gen_augment.modalities import DataSpec, Table
from gen_augment.modalities.generators import GeneratorNetworks
from tests.samplers.test_mixed import draw_mixed


def test_a_spec_describes_the_encoded_rows() -> None:
    X, _ = draw_mixed(60)
    codec, rows = Table().fit(X)
    spec = DataSpec.of(codec, 4)
    assert spec.shape == tuple(rows.shape[1:])
    assert (spec.n_classes, spec.blocks) == (4, codec.blocks)
    assert spec.n_numbers + sum(codec.blocks) == rows.shape[1]
    assert spec.networks is Table.networks


def test_networks_of_flat_rows_fit_together() -> None:
    codec, rows = Table().fit(draw_mixed(60)[0])
    spec, networks = DataSpec.of(codec, 2), GeneratorNetworks()
    encoder = networks.encoder(spec, 4)
    assert encoder(rows).shape == (60, encoder.out_features)
    condition, code = torch.zeros(60, 3), torch.zeros(60, 5)
    for out in (
        networks.decoder(spec, 5, 3, 4)(code, condition),
        networks.velocity(spec, 3, 4)(rows, condition),
        networks.pair_decoder(spec, 5, 3, 4)(rows, code, condition),
    ):
        assert out.shape == rows.shape
    noise = networks.noise(spec)
    drawn = noise.draw(rows, torch.zeros(60, networks.noise_dim(spec)), 0.0)
    assert torch.equal(drawn, rows)


def test_rows_without_pictures_have_no_augmentation() -> None:
    codec, rows = Table().fit(draw_mixed(20)[0])
    spec, networks = DataSpec.of(codec, 2), GeneratorNetworks()
    assert networks.augmentation(spec) is None
    assert networks.mirror(rows) is rows
    y = torch.zeros(20, dtype=torch.int64)
    assert networks.perceptual_network(rows, y, 2, n_steps=1, batch_size=2) is None
