"""Losses and penalties against their definitions, and training by sampling against the shares that it promises."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor
from torch.nn import functional as F

from gen_augment.modalities import DataSpec, Table
from gen_augment.samplers.adversarial import (
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    r1_penalty,
)
from gen_augment.samplers.adversarial_networks import (
    Generator,
    ProjectionDiscriminator,
    append_spread,
)
from gen_augment.training import Batches
from gen_augment.training.balance import CategoryDraw, row_weights

REAL, FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, -3.0, 0.0])
BLOCKS = (2, 3)


def test_losses_are_those_of_the_papers() -> None:
    ones, zeros = torch.ones(3), torch.zeros(3)
    cross_entropy = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(
        discriminator_loss("non_saturating", REAL, FAKE),
        cross_entropy(REAL, ones) + cross_entropy(FAKE, zeros),
    )
    torch.testing.assert_close(generator_loss("non_saturating", FAKE), cross_entropy(FAKE, ones))
    assert float(discriminator_loss("hinge", REAL, FAKE)) == pytest.approx(
        (0 + 2 + 0.5) / 3 + (2 + 0 + 1) / 3
    )
    assert float(discriminator_loss("wasserstein", REAL, FAKE)) == pytest.approx(-2 / 3 - 0.5)
    for loss in ("hinge", "wasserstein"):
        assert float(generator_loss(loss, FAKE)) == pytest.approx(2 / 3)


def quadratic(x: Tensor, y: Tensor) -> Tensor:
    """D(x, y) = 3 |x|^2: the gradient is 6 x."""
    return 3 * x.square().sum(dim=1)


def test_r1_penalty_is_the_mean_squared_gradient() -> None:
    x = torch.tensor([[1.0, 2.0], [0.5, 0.0]])
    torch.testing.assert_close(
        r1_penalty(quadratic, x, torch.zeros(2)), (36 * x.square().sum(dim=1)).mean()
    )


@pytest.mark.parametrize("pac", [1, 2])
def test_gradient_penalty_is_that_of_a_known_slope(pac: int) -> None:
    x, y = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(6)
    for slope, norm in (
        ([3.0, 0.0, -4.0], 5.0),
        ([0.3, 0.0, 0.4], 0.5),
    ):  # `pac` rows together: norm * sqrt(pac)

        def linear(x: Tensor, y: Tensor, slope: list[float] = slope) -> Tensor:
            return (x @ torch.tensor(slope)).view(-1, pac).sum(dim=1)

        found = gradient_penalty(linear, x, torch.zeros(6, 3), y, pac)
        assert float(found) == pytest.approx(max(0, norm * pac**0.5 - 1) ** 2, rel=1e-5)
    # Where both sides are one point, so is every point between them.
    norms = 6 * x.view(6 // pac, -1).norm(dim=1)
    packed = gradient_penalty(lambda x, y: quadratic(x, y).view(-1, pac).sum(dim=1), x, x, y, pac)
    torch.testing.assert_close(packed, F.relu(norms - 1).square().mean())


def test_gradient_penalty_is_taken_between_the_two_sides() -> None:
    real, fake = torch.zeros(4000, 1), torch.full((4000, 1), 2.0)
    torch.manual_seed(0)
    seen: list[Tensor] = []
    gradient_penalty(
        lambda x, y: (seen.append(x.detach()), x.sum(dim=1))[1], real, fake, torch.zeros(4000)
    )
    assert abs(float(seen[0].mean()) - 1) < 0.05, "uniform on [0, 2]"
    assert abs(float(seen[0].std()) - 2 / 12**0.5) < 0.05


def draw_blocks(n: int = 600) -> tuple[Tensor, Tensor, np.ndarray]:
    """Rows of a number, their own, and two categories; labels; and the categories, counted through both blocks."""
    rng = np.random.default_rng(0)
    places = np.stack(
        [rng.choice(2, n, p=[0.98, 0.02]), 2 + rng.choice(3, n, p=[0.7, 0.25, 0.05])], axis=1
    )
    hot = np.zeros((n, 5), np.float32)
    np.put_along_axis(hot, places, 1, axis=1)
    x = torch.from_numpy(np.concatenate([np.arange(n, dtype=np.float32)[:, None], hot], axis=1))
    return x, torch.from_numpy((rng.random(n) < 0.1).astype(np.int64)), places


def as_batches(x: Tensor, y: Tensor, balance: float) -> Batches:
    return Batches(x, y, batch_size=8, seed=0, weights=row_weights(y, balance) if balance else None)


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_categories_are_met_by_the_logarithm_of_their_frequency(balance: float) -> None:
    x, y, places = draw_blocks()
    torch.manual_seed(0)
    rows, labels, place = CategoryDraw(as_batches(x, y, balance), BLOCKS)(40_000)
    number = rows[:, 0].long()
    assert torch.equal(rows, x[number])
    assert torch.equal(labels, y[number])
    assert rows[torch.arange(len(rows)), 1 + place].eq(1).all(), (
        "each row has the category it was drawn by"
    )

    weights = np.log1p(np.bincount(places.ravel(), minlength=5))
    expected = (
        np.concatenate([weights[:2] / weights[:2].sum(), weights[2:] / weights[2:].sum()]) / 2
    )
    assert chisquare(np.bincount(place, minlength=5), 40_000 * expected).pvalue > 1e-4
    here = np.flatnonzero(places[:, 1] == 2)  # rows of one category: all alike, or classes alike
    counts = np.bincount(number[place == 2], minlength=600)[here]
    of_class = np.bincount(y)[y[here]] if balance else np.ones(len(here))
    share = 1 / of_class
    assert chisquare(counts, counts.sum() * share / share.sum()).pvalue > 1e-4


def test_a_category_that_no_row_has_is_never_told() -> None:
    x, y, _ = draw_blocks()
    x = x[x[:, 2] == 0]
    _, _, place = CategoryDraw(as_batches(x, y[: len(x)], 0.0), BLOCKS)(2000)
    assert set(place.tolist()) == {0, 2, 3, 4}


def test_samples_are_told_categories_as_often_as_their_class_has_them() -> None:
    x, y, places = draw_blocks()
    generator = Generator(DataSpec(Table(), (6,), 3, blocks=BLOCKS), 4, 2, tell_category=True)
    generator.set_shares(x, y)
    z = torch.randn(40_000, 10, generator=torch.Generator().manual_seed(1))
    for label in (0, 1):
        told = generator.pick(z, torch.full((len(z),), label))
        counts = np.bincount(places[y.numpy() == label].ravel(), minlength=5)
        expected = counts / counts.sum()
        kept = expected > 0
        found = np.bincount(told, minlength=5)
        assert found[~kept].sum() == 0
        assert chisquare(found[kept], 40_000 * expected[kept]).pvalue > 1e-4
    before = generator.shares.weight.clone()  # type: ignore[union-attr]
    generator.set_shares(x[y == 1], y[y == 1])
    after = generator.shares.weight  # type: ignore[union-attr]
    torch.testing.assert_close(after[1], before[1])
    torch.testing.assert_close(
        after[0], before[0], msg="a class without rows keeps what is known of it"
    )


def test_the_penalty_is_the_cross_entropy_of_what_was_told() -> None:
    torch.manual_seed(0)
    generator = Generator(DataSpec(Table(), (6,), 2, blocks=BLOCKS), 4, 2, tell_category=True)
    z, y, place = torch.randn(7, 10), torch.zeros(7, dtype=torch.long), torch.arange(7) % 5
    rows, found = generator(z, y, place)
    told = torch.cat([generator.embedding(y), F.one_hot(place, 5)], dim=1)
    logits = generator.decoder(z[:, :4], told)[:, 1:]
    of_block = [
        F.cross_entropy(logits[i : i + 1, :2], place[i : i + 1])
        if place[i] < 2
        else F.cross_entropy(logits[i : i + 1, 2:], place[i : i + 1] - 2)
        for i in range(7)
    ]
    torch.testing.assert_close(found, torch.stack(of_block).mean())
    assert rows[:, 1:].sum() == 14


def test_packs_are_judged_by_all_their_rows_and_labels() -> None:
    torch.manual_seed(0)
    discriminator = ProjectionDiscriminator(DataSpec(Table(), (4,), 3), 4, spectral=False, pac=2)
    x, y = torch.randn(6, 4), torch.tensor([0, 2, 0, 1, 2, 2])
    assert discriminator.label is not None
    seen = torch.cat([x, discriminator.label(y)], dim=1)
    features = discriminator.head(
        append_spread(discriminator.encoder(torch.cat([seen[::2], seen[1::2]], dim=1)), 1)
    )
    vectors = discriminator.projection(y)
    vector = (vectors[::2] + vectors[1::2]) / 2
    expected = discriminator.score(features)[:, 0] + (features * vector).sum(dim=1)
    torch.testing.assert_close(discriminator(x, y), expected)

    company, company_y = torch.randn(8, 4), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    spread = discriminator.spread(company, company_y)
    by_hand = [
        torch.stack(
            [discriminator(torch.stack([row, other]), torch.stack([c, o]), spread=spread)[0]
             for other, o in zip(company, company_y, strict=True)]
        ).mean()
        for row, c in zip(x, y, strict=True)
    ]  # fmt: skip
    torch.testing.assert_close(discriminator.judge(x, y, company, company_y), torch.stack(by_hand))
