"""Kernel densities and mixtures against known distributions."""

import numpy as np
import pytest
import torch
from scipy.stats import gaussian_kde

from gen_augment import (
    KDESampler,
    MixtureSampler,
)
from gen_augment.modalities import TableCodec
from tests.samplers.mixture import check_mixture, draw_mixture


def test_kde_keeps_mean_and_covariance() -> None:
    X, y = draw_mixture(300)
    sampler = KDESampler(random_state=0).fit(X, y)
    check_mixture(sampler, mean=0.2, covariance=0.25)
    for label in range(3):
        mine = torch.as_tensor(TableCodec.fit(X)[0].encode(X[y == label])).numpy()
        assert sampler._width[label] == pytest.approx(gaussian_kde(mine.T).scotts_factor())
    exact = KDESampler(bandwidth=0.0, random_state=0).fit(X, y).sample(20)[0]
    assert (np.abs(exact[:, None] - X).max(-1).min(axis=1) < 1e-5).all()


def test_mixture_finds_two_groups_in_a_class() -> None:
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-5, 1, 300), rng.normal(5, 0.5, 100), rng.normal(0, 1, 200)])[
        :, None
    ]
    y = np.repeat([0, 1], [400, 200])
    sampler = MixtureSampler(random_state=0).fit(X, y)
    assert (sampler._shares[0] > 0).sum() == 2
    rows = sampler.sample(4000, y=0, random_state=0)[0][:, 0]
    assert abs((rows > 0).mean() - 0.25) < 0.03
    assert abs(rows[rows < 0].mean() + 5) < 0.15
    assert abs(rows[rows > 0].std() - 0.5) < 0.15
