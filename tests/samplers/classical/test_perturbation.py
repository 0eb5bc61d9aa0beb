"""MUNGE and perturbed rows, against the distributions of their definitions."""

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment import InputError
from gen_augment.samplers import MungeSampler, PerturbSampler

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(size=(60, 3)), RNG.normal(5, 1, size=(40, 3))])
Y = np.repeat([0, 1], [60, 40])
FRAME = pd.DataFrame(
    {"x": X[:, 0], "town": np.where(Y, "Oslo", np.where(X[:, 1] > 0, "Bergen", "Voss"))}
)


def test_munge_at_0_returns_training_rows() -> None:
    rows, _ = MungeSampler(p=0, random_state=0).fit(X, Y).sample(30)
    distance = np.abs(rows[:, None] - X[None]).max(axis=2).min(axis=1)
    assert (distance < 1e-5).all()


def test_munge_numbers_lie_around_the_neighbour_with_the_stated_deviation() -> None:
    two = np.array([[0.0, 0.0], [1.0, 4.0], [50.0, 50.0], [60.0, 60.0]])
    sampler = MungeSampler(p=1, spread=2.0, random_state=0).fit(two, [0, 0, 1, 1])
    points = sampler._points[:2]
    index = np.arange(20_000)
    new = sampler._moved(index, np.zeros(20_000, int), 3)
    apart = (points[0] - points[1]).abs()
    torch.testing.assert_close(new.mean(dim=0), points[1], atol=0.02, rtol=0)
    torch.testing.assert_close(new.std(dim=0), apart / 2, atol=0.02, rtol=0)


def test_munge_changes_the_stated_share_of_cells() -> None:
    rows, _ = MungeSampler(p=0.3, random_state=0).fit(X, Y).sample(5000)
    is_new = np.abs(rows[:, None] - X[None]).min(axis=1) > 1e-6  # other rows share no number
    assert is_new.mean() == pytest.approx(0.3, abs=0.02)


def test_digits_of_one_category_change_together() -> None:
    codes = np.arange(600) % 100  # two digits; classes have different ones
    frame = pd.DataFrame({"code": [f"c{code}" for code in codes], "x": np.arange(600.0)})
    for sampler in (MungeSampler(random_state=0), PerturbSampler(random_state=0)):
        rows, labels = sampler.fit(frame, codes % 2).sample(500)
        assert (rows["code"].str[1:].astype(int) % 2 == labels).all()


def test_perturbed_columns_of_a_class_become_independent() -> None:
    line = np.repeat(RNG.normal(size=(200, 1)), 2, axis=1)
    labels = np.arange(200) % 2
    kept, _ = PerturbSampler(p=0, jitter=0, random_state=0).fit(line, labels).sample(2000)
    mixed, _ = PerturbSampler(p=1, jitter=0, random_state=0).fit(line, labels).sample(2000)
    assert np.corrcoef(kept.T)[0, 1] == pytest.approx(1)
    assert abs(np.corrcoef(mixed.T)[0, 1]) < 0.1
    assert mixed.std() == pytest.approx(line.std(), rel=0.1)


@pytest.mark.parametrize("sampler", [MungeSampler(random_state=0), PerturbSampler(random_state=0)])
def test_categories_are_those_of_the_class(sampler: MungeSampler | PerturbSampler) -> None:
    rows, labels = sampler.fit(FRAME, Y).sample(300)
    assert set(rows["town"][labels == 1]) == {"Oslo"}
    assert set(rows["town"][labels == 0]) == {"Bergen", "Voss"}


def test_bad_parameters_are_refused() -> None:
    for sampler in (MungeSampler(p=2), MungeSampler(spread=0), PerturbSampler(jitter=-1)):
        with pytest.raises(InputError):
            sampler.fit(X, Y)
