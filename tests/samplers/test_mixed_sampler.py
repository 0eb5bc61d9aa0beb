"""Mixtures of samplers: the origin of their rows, and errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from gen_augment import (
    AEDASampler,
    ArchiveError,
    BootstrapSampler,
    InputError,
    KDESampler,
    MixedSampler,
    NGramSampler,
    NotFittedError,
    Study,
    load_sampler,
)
from gen_augment.samplers import Sampler
from tests.conftest import toy_table


def parts(X: Any = None, y: Any = None) -> list[Sampler]:
    X, y = toy_table() if X is None else (X, y)
    return [BootstrapSampler(random_state=1).fit(X, y), KDESampler(random_state=2).fit(X, y)]


def test_each_row_is_the_row_of_one_sampler_at_the_same_address() -> None:
    first, second = parts()
    mixed = MixedSampler([first, second], weights=[1, 3])
    index, y = np.arange(2000), np.arange(2000) % 2
    rows = mixed.generate(index, y, seed=7)
    of_first = (rows == first.generate(index, y, seed=7)).all(axis=1)
    of_second = (rows == second.generate(index, y, seed=7)).all(axis=1)
    assert (of_first ^ of_second).all()
    assert stats.binomtest(int(of_first.sum()), 2000, 0.25).pvalue > 1e-3
    # The choice is independent of the label.
    assert abs(of_first[y == 0].mean() - of_first[y == 1].mean()) < 0.08


def test_one_sampler_of_all_the_weight_is_that_sampler() -> None:
    first, second = parts()
    X, y = MixedSampler([first, second], weights=[0, 2]).sample(50, random_state=3)
    same_X, same_y = second.sample(50, random_state=3)
    np.testing.assert_array_equal(X, same_X)
    np.testing.assert_array_equal(y, same_y)


def test_fit_clones_and_seeds_differ() -> None:
    X, y = toy_table()
    given = [KDESampler(), KDESampler()]
    mixed = MixedSampler(given, random_state=0).fit(X, y)
    assert not hasattr(given[0], "classes_")
    assert mixed.samplers_[0].seed_ != mixed.samplers_[1].seed_
    again = clone(mixed).fit(X, y)
    assert again.fingerprint() == mixed.fingerprint()


def test_saved_and_loaded(tmp_path: Path) -> None:
    mixed = MixedSampler(parts(), weights=[1, 4])
    mixed.save(tmp_path / "mixed.safetensors")
    loaded = load_sampler(tmp_path / "mixed.safetensors")
    assert loaded.fingerprint() == mixed.fingerprint()
    np.testing.assert_array_equal(loaded.sample(30)[0], mixed.sample(30)[0])
    with pytest.raises(ArchiveError, match="holds a MixedSampler"):
        KDESampler.load(tmp_path / "mixed.safetensors")
    parts()[0].save(tmp_path / "other.safetensors")
    with pytest.raises(ArchiveError, match="not a MixedSampler"):
        MixedSampler.load(tmp_path / "other.safetensors")


def test_the_default_is_a_flow_and_a_kde() -> None:
    mixed = MixedSampler()
    with pytest.raises(NotFittedError):
        mixed.sample(1)
    found = [type(part).__name__ for part in mixed._defaults()]
    assert found == ["ConditionalFlow", "KDESampler"]


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, float("nan")], "ab"])
def test_bad_weights(weights: Any) -> None:
    X, y = toy_table()
    with pytest.raises(InputError, match="weights="):
        MixedSampler([KDESampler(), BootstrapSampler()], weights=weights).fit(X, y)


def test_samplers_of_different_data() -> None:
    X, y = toy_table()
    other = BootstrapSampler().fit(X, y + 5)
    with pytest.raises(InputError, match="different classes"):
        MixedSampler([KDESampler().fit(X, y), other]).sample(3)
    other = BootstrapSampler().fit(X[:, 1:], y)
    with pytest.raises(InputError, match="samplers 0 and 1 cannot be joined"):
        MixedSampler([KDESampler().fit(X, y), other]).sample(3)
    with pytest.raises(InputError, match="empty"):
        MixedSampler([]).fit(X, y)


def test_in_a_study() -> None:
    X, y = toy_table(120)
    mixed = MixedSampler([KDESampler(), BootstrapSampler()])
    study = Study(
        X, y, model=LogisticRegression(), samplers=[mixed], arms=["real", "mixed:1"], n_seeds=2
    )
    result = study.run()
    assert result.trials["error"].isna().all()
    assert (result.trials.loc[result.trials["arm"] == "mixed:1", "n_synthetic"] > 0).all()


def test_rows_are_read_as_the_samplers_read_them() -> None:
    texts = ["my card is lost", "i lost my card", "what is the rate", "is the rate good"] * 3
    sampler = MixedSampler([AEDASampler(), NGramSampler()], random_state=0)
    rows, labels = sampler.fit(texts, ["card", "card", "rate", "rate"] * 3).sample(4)
    assert sampler.codec_.modality.name == "text"
    assert all(isinstance(row, str) for row in rows)
    assert set(labels) <= {"card", "rate"}
