"""Draws around stored codes, against counts and closed forms."""

import pytest
import torch
from scipy import stats
from torch import Tensor

from gen_augment.samplers.vae.codes import N_PICKS, CodeBook

D = 3


def book_of(codes: Tensor, labels: list[int], std: float = 0.1, size: int = 4000) -> CodeBook:
    book = CodeBook(size, codes.shape[1])
    book.fill(codes, torch.full_like(codes, std), torch.tensor(labels), seed=0)
    return book


def draw(book: CodeBook, latent: str, y: int, n: int = 20_000, spread: float = 1.0) -> Tensor:
    noise = torch.randn(
        n, book.mean.shape[1] + N_PICKS[latent], generator=torch.Generator().manual_seed(1)
    )
    z, picks = noise.split([book.mean.shape[1], N_PICKS[latent]], dim=1)
    return book.draw(latent, z, picks, torch.full((n,), y), spread)  # type: ignore[arg-type]


def test_the_posterior_of_a_code_has_its_mean_and_spread() -> None:
    codes = torch.tensor([[0.0, 0, 0], [10, 10, 10], [20, 0, 5], [99, 99, 99]])
    book = book_of(codes, [0, 0, 1, 1], std=0.5)
    new = draw(book, "posterior", 0, spread=2.0)
    nearest = torch.cdist(new, codes).argmin(dim=1)
    assert set(nearest.tolist()) == {0, 1}
    for row in (0, 1):
        mine = new[nearest == row]
        torch.testing.assert_close(mine.mean(dim=0), codes[row], atol=0.05, rtol=0)
        torch.testing.assert_close(mine.std(dim=0), torch.full((D,), 1.0), atol=0.03, rtol=0)
    assert set(map(tuple, draw(book, "posterior", 1, spread=0.0).tolist())) == {
        (20, 0, 5),
        (99, 99, 99),
    }


def test_between_a_code_and_one_of_its_five_nearest_neighbours_of_the_class() -> None:
    codes = torch.randn(60, D, generator=torch.Generator().manual_seed(3))
    labels = [0] * 20 + [1] * 37 + [2] * 3
    book = book_of(codes, labels)
    for label, first, last in [(0, 0, 20), (1, 20, 57), (2, 57, 60)]:
        mine = codes[first:last]
        distance = torch.cdist(mine, mine).fill_diagonal_(torch.inf)
        nearest = distance.topk(min(5, len(mine) - 1), largest=False).indices
        pairs = [(mine[i], mine[j]) for i in range(len(mine)) for j in nearest[i].tolist()]
        start, end = (torch.stack(points) for points in zip(*pairs, strict=True))
        new = draw(book, "interpolate", label, n=2000)
        along = ((new[:, None] - start) * (end - start)).sum(2) / (end - start).square().sum(
            1
        )  # (n, pairs)
        off = (new[:, None] - start - along[:, :, None] * (end - start)).norm(dim=2)
        off[(along < -1e-4) | (along > 1 + 1e-4)] = torch.inf
        assert off.min(dim=1).values.max() < 1e-3
        used = off.argmin(dim=1).unique()
        assert len(used) > 0.6 * len(pairs)  # one of two segments with the same ends is found


def test_places_between_two_codes_are_uniform() -> None:
    new = draw(book_of(torch.tensor([[0.0, 0, 0], [1, 2, 3]]), [0, 0]), "interpolate", 0)
    torch.testing.assert_close(new[:, 1:], new[:, :1] * torch.tensor([2.0, 3.0]))
    assert stats.kstest(new[:, 0].numpy(), "uniform").pvalue > 0.01


def test_one_code_is_its_own_neighbour() -> None:
    book = book_of(torch.tensor([[1.0, 2, 3], [7, 7, 7]]), [0, 1])
    for label, code in enumerate([[1.0, 2.0, 3.0], [7.0, 7.0, 7.0]]):
        torch.testing.assert_close(
            draw(book, "interpolate", label, n=10), torch.tensor([code] * 10)
        )


def test_mixtures_have_the_moments_of_the_rows_by_the_law_of_total_variance() -> None:
    generator = torch.Generator().manual_seed(0)
    factor = torch.tensor([[1.0, 0, 0], [0.8, 0.6, 0], [-0.5, 0.3, 0.4]])
    means = torch.tensor(
        [[[-6.0, 0, 0], [6, 1, 0]], [[0, 5, 5], [0, -9, 3]]]
    )  # (class, component, D)
    shares = [(700, 300), (500, 500)]
    codes, labels = [], []
    for label in (0, 1):
        for mean, n in zip(means[label], shares[label], strict=True):
            codes.append(mean + torch.randn(n, D, generator=generator) @ factor.T)
            labels += [label] * n
    book = book_of(torch.cat(codes), labels, std=0.5)
    for label in (0, 1):
        weight = torch.tensor(shares[label]) / 1000
        mean = (weight[:, None] * means[label]).sum(dim=0)
        between = (weight[:, None] * (means[label] - mean)).T @ (means[label] - mean)
        covariance = between + factor @ factor.T + 0.25 * torch.eye(D)
        new = draw(book, "mixture", label)
        scale = covariance.diag().sqrt()
        torch.testing.assert_close(
            (new.mean(dim=0) - mean) / scale, torch.zeros(D), atol=0.08, rtol=0
        )
        error = (torch.cov(new.T) - covariance) / torch.outer(scale, scale)
        torch.testing.assert_close(error, torch.zeros(D, D), atol=0.08, rtol=0)
        # Two clusters with their frequencies, not one wide cluster between them.
        assert (torch.cdist(new, means[label]).min(dim=1).values < 4).float().mean() > 0.98
        share = (torch.cdist(new, means[label]).argmin(dim=1) == 0).float().mean()
        assert abs(share - weight[0]) < 0.03


def test_a_class_without_codes_has_the_prior() -> None:
    book = book_of(torch.randn(4, D), [0, 0, 2, 2])
    noise = torch.randn(5, D)
    for latent, n_picks in N_PICKS.items():
        picks = torch.randn(5, n_picks)
        torch.testing.assert_close(
            book.draw(latent, noise, picks, torch.tensor([1] * 5), 1.0), noise
        )  # type: ignore[arg-type]
    book.clear()
    assert book.count(torch.tensor([0, 1, 2])).tolist() == [0, 0, 0]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_codes_that_are_not_finite_are_not_kept(bad: float) -> None:
    codes = torch.randn(6, D)
    codes[2, 1] = bad
    book = book_of(codes, [0, 0, 0, 1, 1, 1])
    assert book.count(torch.tensor([0, 1])).tolist() == [0, 0]


@pytest.mark.parametrize("latent", ["posterior", "interpolate", "mixture"])
@pytest.mark.parametrize("codes", [torch.zeros(40, D), torch.ones(2, D)], ids=["equal", "two"])
def test_equal_codes_are_supported(latent: str, codes: Tensor) -> None:
    new = draw(book_of(codes, [0] * len(codes), std=0.0), latent, 0, n=50)
    torch.testing.assert_close(new, codes[:1].expand(50, D), atol=0.02, rtol=0)


def test_a_few_codes_of_any_size_have_the_scale_of_their_covariance() -> None:
    """Fewer codes than dimensions: the covariance is singular, and rounding matters."""
    codes = 300 * torch.randn(20, 64, generator=torch.Generator().manual_seed(0))
    book = book_of(codes, [0] * 20, std=1e-3)
    around = (codes - book.center[:20]).double()
    covariance = around.T @ around / 20
    found = book.scale.double() @ book.scale.double().T
    torch.testing.assert_close(found, covariance, atol=1e-5 * float(covariance.max()), rtol=0)
    assert torch.equal(book.scale, book.scale.tril())
