"""Densities of classical samplers, against scipy, scikit-learn and their own samples."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from gen_augment import InputError, KDESampler, MixtureSampler, load_sampler
from gen_augment.samplers.classical.log_density import kernel_log_prob, mixture_log_prob
from tests.conftest import toy_table


def test_a_known_mixture_has_its_density() -> None:
    rng = np.random.default_rng(0)
    roots = [np.tril(rng.normal(size=(3, 3))) + 2 * np.eye(3) for _ in range(2)]
    means, shares = rng.normal(size=(2, 3)), np.array([0.3, 0.7])
    x = rng.normal(size=(9, 3))
    laws = [multivariate_normal(m, r @ r.T) for m, r in zip(means, roots, strict=True)]
    expected = logsumexp(
        [np.log(s) + law.logpdf(x) for s, law in zip(shares, laws, strict=True)], axis=0
    )
    arguments = (torch.tensor(np.append(shares, 0.0)), torch.tensor(np.vstack([means, means[:1]])))
    stacked = torch.tensor(np.stack([*roots, np.zeros((3, 3))]))  # an empty component
    found = mixture_log_prob(torch.tensor(x), *arguments, stacked).logsumexp(dim=1)
    np.testing.assert_allclose(found.numpy(), expected)


def test_the_sampler_scores_rows_as_scikit_learn_does() -> None:
    X, y = toy_table(300)
    sampler = MixtureSampler(n_components=1, random_state=0).fit(X, y)
    encoded = sampler.codec_.encode(X).double().numpy()
    for code in (0, 1):
        mixture = GaussianMixture(1, reg_covar=1e-4).fit(encoded[y == code])
        expected = mixture.score_samples(encoded[:50])
        np.testing.assert_allclose(
            sampler.log_prob(X[:50], np.repeat(code, 50)), expected, rtol=1e-3
        )


def test_kernels_have_the_density_that_scikit_learn_gives() -> None:
    rng = np.random.default_rng(0)
    centres, x = rng.normal(size=(30, 2)), rng.normal(size=(7, 2))
    expected = KernelDensity(bandwidth=0.4).fit(centres).score_samples(x)
    root = 0.4 * torch.eye(2, dtype=torch.float64)
    found = kernel_log_prob(torch.tensor(x), torch.tensor(centres), root, 2)
    np.testing.assert_allclose(found.numpy(), expected)


def test_a_kde_integrates_to_the_share_of_its_category() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=80), "c": np.repeat(["u", "v", "v", "v"], 20)})
    y = np.tile([0, 1], 40)
    sampler = KDESampler(random_state=0).fit(X, y)
    x = torch.zeros(2001, *sampler.codec_.shape)
    x[:, 0] = torch.linspace(-12, 12, 2001)
    for place, share in ((0, 0.75), (1, 0.25)):  # categories in order of frequency
        x[:, 1:] = 0
        x[:, 1 + place] = 1
        density = sampler._class_log_prob(x.double(), 0).exp().numpy()
        assert np.trapezoid(density, x[:, 0].numpy()) == pytest.approx(share, abs=1e-3)


def test_a_combination_that_no_row_has_is_impossible() -> None:
    X = pd.DataFrame({"a": np.arange(40.0), "c": np.repeat(["u", "v"], 20)})
    sampler = KDESampler(random_state=0).fit(X, np.repeat([0, 1], 20))
    assert sampler.log_prob(X[:3], 1).tolist() == [-np.inf] * 3
    assert np.isfinite(sampler.log_prob(X[:3])).all()
    with pytest.raises(InputError, match="bandwidth=0"):
        KDESampler(bandwidth=0.0).fit(X, np.repeat([0, 1], 20)).log_prob(X, 0)


def test_few_rows_of_many_columns_get_one_component_whose_density_carries_over() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    X = rng.normal(size=(80, 12)) + 1.5 * y[:, None]
    sampler = MixtureSampler(random_state=0).fit(X, y)
    assert ((sampler._shares > 0).sum(dim=1) == 1).all()
    other = rng.normal(size=(400, 12)) + 1.5 * np.repeat([0, 1], 200)[:, None]
    scores = np.stack([sampler.log_prob(other, np.repeat(c, 400)) for c in (0, 1)], axis=1)
    assert (scores.argmax(axis=1) == np.repeat([0, 1], 200)).mean() > 0.9


@pytest.mark.parametrize("cls", [KDESampler, MixtureSampler])
def test_own_samples_are_more_likely_than_others_and_scores_survive_a_file(
    cls: type, tmp_path: object
) -> None:
    X, y = toy_table(200)
    sampler = cls(random_state=0).fit(X, y)
    rows, _ = sampler.sample(y={1: 200}, random_state=0)
    near = sampler.log_prob(rows, 1)
    assert near.mean() > sampler.log_prob(rows + 3 * X.std(axis=0), 1).mean() + 2
    path = f"{tmp_path}/sampler"
    sampler.save(path)
    np.testing.assert_array_equal(load_sampler(path).log_prob(rows, 1), near)
