"""Generator and discriminator against their definitions."""

import torch

from gen_augment.modalities import DataSpec, Table
from gen_augment.samplers.gan.networks import Generator, ProjectionDiscriminator, append_spread


def test_projection_adds_agreement_with_the_label() -> None:
    torch.manual_seed(0)
    discriminator = ProjectionDiscriminator(DataSpec(Table(), (4,), 3), 4)
    x = torch.randn(5, 4)
    a, b = (discriminator(x, torch.full((5,), label)) for label in (0, 2))
    features = discriminator.head(append_spread(discriminator.encoder(x), 1))
    projection = discriminator.projection.weight
    torch.testing.assert_close(a - b, features @ (projection[0] - projection[2]))


def test_spread_is_that_of_each_group() -> None:
    torch.manual_seed(0)
    features = torch.randn(8, 5)
    out = append_spread(features, 2)
    torch.testing.assert_close(out[:, :5], features)
    for group in (slice(0, 4), slice(4, 8)):
        expected = features[group].std(dim=0, correction=0).mean()
        torch.testing.assert_close(out[group, 5], expected.expand(4))


def test_with_a_given_spread_a_score_does_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    discriminator = ProjectionDiscriminator(DataSpec(Table(), (4,), 3), 4)
    x, y = torch.randn(6, 4), torch.tensor([0, 2, 0, 1, 2, 2])
    spread = discriminator.spread(torch.randn(8, 4))
    whole = discriminator(x, y, spread=spread)
    alone = torch.cat([discriminator(x[i : i + 1], y[i : i + 1], spread=spread) for i in range(6)])
    torch.testing.assert_close(whole, alone)
    torch.testing.assert_close(
        discriminator(x, y, spread=discriminator.spread(x)), discriminator(x, y)
    )


def test_bounded_numbers_end_in_tanh_and_blocks_are_one_hot() -> None:
    torch.manual_seed(0)
    spec = DataSpec(Table(), (5,), 2, bounded=True, blocks=(3,))
    generator = Generator(spec, 4, 2)
    z, y = torch.randn(50, 7), torch.arange(50) % 2
    rows = generator(z, y)
    out = generator.decoder(z[:, :4], generator.embedding(y))
    torch.testing.assert_close(rows[:, :2], out[:, :2].tanh())
    assert rows[:, 2:].sum(dim=1).eq(1).all()
    assert rows[:, 2:].unique().tolist() == [0, 1]
