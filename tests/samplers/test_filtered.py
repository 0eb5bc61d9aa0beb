"""`FilteredSampler`: each row is the first of its candidate addresses that passes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.utils.data import DataLoader, TensorDataset

from gen_augment import (
    ArchiveError,
    ConditionalVAE,
    ExhaustedError,
    InputError,
    NotFittedError,
    SampleBank,
    Study,
    augment_loader,
    load_sampler,
)
from gen_augment.data import Rows
from gen_augment.filters import Duplicates, FilteredSampler, Realism
from gen_augment.inject.resample import GenerativeOverSampler
from gen_augment.samplers.rejection import fit_filter
from gen_augment.types import GeneratesRows
from tests.bank.toys import Tell
from tests.conftest import small_sampler, toy_images, toy_table


def third(X: np.ndarray, y: np.ndarray) -> Any:
    """Keep rows with an address that is a multiple of 3."""
    return X[:, 0] % 3 == 0


def no_c(X: np.ndarray, y: np.ndarray) -> Any:
    """None of "c"."""
    return y != "c"


def test_row_i_is_the_first_of_its_addresses_that_passes() -> None:
    sampler = FilteredSampler(Tell(), third, draws_per_row=10)
    index = np.array([4, 0, 7, 4])
    rows = sampler.generate(index, ["a", "b", "a", "a"])
    first = [next(a for a in range(10 * i, 10 * i + 10) if a % 3 == 0) for i in index]
    assert rows[:, 0].tolist() == first
    for one, row in zip(index, rows, strict=True):
        assert sampler.generate([one], "a")[0, 0] == row[0]
    assert len(sampler.generate([], [])) == 0


def test_only_rejected_rows_are_drawn_again() -> None:
    tell = Tell()
    FilteredSampler(tell, third, draws_per_row=10).generate(np.arange(99), "a")
    assert tell.generated == 99 + 66 + 33


def test_filters_that_are_too_strict_name_the_labels() -> None:
    sampler = FilteredSampler(Tell(), [third, no_c], draws_per_row=7)
    with pytest.raises(
        ExhaustedError, match=r"2 rows none of 7 draws .*'c': '0 of 2'.*draws_per_row"
    ) as caught:
        sampler.generate(np.arange(4), ["a", "c", "b", "c"])
    assert caught.value.kept == 2
    assert caught.value.drawn >= 2 * 7 + 2


@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_it_works_like_any_sampler(data: Any, tmp_path: Path) -> None:
    X, y = data(60)
    y = np.repeat([0, 1], [45, 15])
    gate = Realism(k=20, threshold=-50.0)
    sampler = FilteredSampler(small_sampler("vae"), [gate], draws_per_row=20).fit(X, y)
    assert isinstance(sampler, GeneratesRows)
    new, labels = sampler.sample(y={1: 3, 0: 2}, random_state=4)
    assert new.shape == (5, *X.shape[1:])
    assert labels.tolist() == [1, 1, 1, 0, 0]
    assert gate.keep(new, labels).all()
    np.testing.assert_array_equal(sampler.generate(np.arange(5), labels, seed=4), new)
    first, second = (sampler.sample(4, y=1)[0] for _ in range(2))
    assert not np.array_equal(first, second), "each call uses the next addresses"

    bank = SampleBank.build(sampler, 6, tmp_path / "bank")
    p = np.arange(6)
    np.testing.assert_array_equal(
        bank.rows(p), sampler.generate(bank.addresses(p), bank.labels(p), seed=bank.generator.seed)
    )
    if X.ndim == 2:
        loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), batch_size=8)
        assert next(iter(augment_loader(loader, sampler, ratio=0.5)))[0].shape == (8, X.shape[1])
        balanced = GenerativeOverSampler(sampler).fit_resample(X, y)
        assert np.bincount(balanced[1]).tolist() == [45, 45]
        fresh = Realism(k=20, threshold=-50.0)
        resampled, _ = GenerativeOverSampler(
            small_sampler("vae"), filters=[fresh], max_draws=50
        ).fit_resample(X, y)
        assert gate.keep(resampled[60:], 1).all()
        assert not hasattr(fresh, "classes_"), "a clone was fitted"
        (copy,) = clone(sampler).filters
        assert copy.k == 20
        assert not hasattr(copy, "classes_")


def test_a_study_accepts_it_as_a_sampler() -> None:
    X, y = toy_table(90)
    sampler = FilteredSampler(small_sampler("vae"), [Realism(k=20, threshold=-50.0)])
    result = Study(X, y, samplers={"gate": sampler}, arms=["real", "gate"], n_seeds=3).run()
    assert result.trials["error"].isna().all()
    assert result.trials["seed"].nunique() == 3
    seeded = FilteredSampler(small_sampler("vae"), [third], random_state=4).fit(X, y)
    assert seeded.seed_ == 4


def test_the_fingerprint_includes_the_filters() -> None:
    X, y = toy_table(40)

    def fit(**params: Any) -> FilteredSampler:
        return FilteredSampler(small_sampler("vae"), [Realism(**params), third]).fit(X, y)

    base = fit()
    assert fit().fingerprint() == base.fingerprint()
    assert fit(k=2).fingerprint() != base.fingerprint()
    assert FilteredSampler(base.sampler, third).fingerprint() != base.fingerprint()
    assert (
        FilteredSampler(base.sampler, base.filters, draws_per_row=9).fingerprint()
        != base.fingerprint()
    )
    for rows, labels in ((X[:30], y[:30]), (X + 1, y), (X, y[::-1])):
        other: list[Any] = [Realism().fit(rows, labels), third]
        assert FilteredSampler(base.sampler, other).fingerprint() != base.fingerprint()


def test_the_remedy_for_saving_gives_the_same_rows(tmp_path: Path) -> None:
    X, y = toy_table(60)
    filters = [Realism(k=20, threshold=-50.0), Duplicates(n_reference=20, threshold=0.01)]
    sampler = FilteredSampler(small_sampler("vae"), filters).fit(X, y)
    with pytest.raises(ArchiveError, match=r"Save the \.sampler"):
        sampler.save(tmp_path / "filtered.safetensors")
    assert not list(tmp_path.iterdir())
    sampler.sampler.save(tmp_path / "vae.safetensors")
    loaded = load_sampler(tmp_path / "vae.safetensors", device="cpu")
    again = FilteredSampler(
        loaded, [fit_filter(clone(gate), Rows.read(X, y), loaded) for gate in filters]
    )
    index, labels = np.arange(40), np.arange(40) % 2
    np.testing.assert_array_equal(again.generate(index, labels), sampler.generate(index, labels))
    assert again.fingerprint() == sampler.fingerprint()


def test_unfitted_use_is_refused() -> None:
    sampler = FilteredSampler(ConditionalVAE(), third)
    uses = (
        ("FilteredSampler", lambda: sampler.sample(3)),
        ("FilteredSampler", lambda: sampler.generate([0], [1])),
        ("FilteredSampler", sampler.fingerprint),
    )
    for name, use in uses:
        with pytest.raises(NotFittedError, match=f"This {name} is not fitted yet"):
            use()


def test_bad_parameters_are_named() -> None:
    X, y = toy_table(20)
    sampler: Any = ConditionalVAE(max_steps=1, device="cpu")
    word: Any = "strict"
    for bad, message in (
        (FilteredSampler(sampler, word), "filters"),
        (FilteredSampler(sampler, third, draws_per_row=0), "draws_per_row"),
    ):
        with pytest.raises(InputError, match=message):
            bad.fit(X, y)
    assert not hasattr(sampler, "network_"), "nothing was fitted"
    with pytest.raises(InputError, match="one bool"):
        FilteredSampler(Tell(), lambda X, y: True).generate([0], "a")


def test_addresses_do_not_wrap_around() -> None:
    sampler = FilteredSampler(Tell(), lambda X, y: np.ones(len(X), bool), draws_per_row=50)
    last = 2**63 // 50 - 1
    assert len(sampler.generate([last], "a")) == 1
    for index in (last + 1, 2**58, 2**62):
        with pytest.raises(InputError, match=f"index holds {index}: .* from 0 to {last}"):
            sampler.generate([index], "a")


def test_rows_that_no_draw_yields_can_be_left_out() -> None:
    sampler = FilteredSampler(Tell(), [third, no_c], draws_per_row=7)
    X, places = sampler.generate_passing([5, 6, 7, 8], ["a", "c", "b", "c"])
    assert places.tolist() == [0, 2]
    np.testing.assert_array_equal(X, sampler.generate([5, 7], ["a", "b"]))
    with pytest.raises(ExhaustedError, match=r"'c': '0 of 1'"):
        sampler.generate_passing([0], ["c"])
    assert [len(part) for part in sampler.generate_passing([], [])] == [0, 0]
