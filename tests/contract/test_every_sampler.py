"""The contract of every sampler: neural, classical, filtered and pretrained samplers."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from gen_augment import (
    ArchiveError,
    FilteredSampler,
    InputError,
    MixedSampler,
    NotFittedError,
    PretrainedSampler,
    Sampler,
    load_sampler,
)
from gen_augment.modalities import Image, Table
from gen_augment.samplers import NetworkSampler
from gen_augment.types import GeneratesRows
from tests.conftest import CLASSICAL, NETWORKS, small_sampler, toy_images, toy_table
from tests.samplers.pretrained.generators import make as make_pretrained
from tests.samplers.pretrained.generators import plain


def accept_all(X: Any, y: Any) -> np.ndarray:
    return np.ones(len(y), dtype=bool)


def accept_most(X: Any, y: Any) -> np.ndarray:
    """Keep rows with last digits that are not a multiple of 3."""
    return np.rint(np.asarray(X)[:, 1] * 1e4) % 3 != 0


MAKERS: dict[str, Callable[[], Any]] = {
    **{name: partial(small_sampler, name) for name in (*NETWORKS, *CLASSICAL)},
    "filtered": lambda: FilteredSampler(small_sampler("kde"), accept_most),
    "filtered-vae": lambda: FilteredSampler(small_sampler("vae"), [accept_all]),
    "marginal": partial(small_sampler, "marginal"),
    "mixed": lambda: MixedSampler(
        [small_sampler("kde"), small_sampler("vae")], weights=[1, 2], random_state=0
    ),
    "pretrained": lambda: make_pretrained(plain, name="plain"),
}
NAMES = list(MAKERS)


def data_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    X, y = toy_images() if name == "pretrained" else toy_table()
    return (X.astype(np.float32), y)


@cache
def fitted(name: str) -> Any:
    return MAKERS[name]().fit(*data_of(name))


def fresh(name: str) -> Any:
    return copy.deepcopy(fitted(name))


@pytest.mark.parametrize("name", NAMES)
def test_inheritance_is_at_most_two_classes_deep(name: str) -> None:
    cls = type(fitted(name))
    assert issubclass(cls, Sampler)
    assert len([base for base in cls.__mro__ if issubclass(base, Sampler)]) <= 3
    assert isinstance(fitted(name), GeneratesRows)


@pytest.mark.parametrize("name", NAMES)
def test_samples_have_the_form_of_the_training_rows(name: str) -> None:
    X, y = data_of(name)
    rows, labels = fresh(name).sample(9)
    assert (type(rows), rows.dtype, rows.shape[1:]) == (type(X), X.dtype, X.shape[1:])
    assert labels.dtype == y.dtype
    assert len(rows) == len(labels) == 9
    sampler = fitted(name)
    assert sampler.classes_.tolist() == [0, 1]
    assert sampler.class_count_.tolist() == np.bincount(y).tolist()
    assert sampler.class_prior_.tolist() == (np.bincount(y) / len(y)).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_a_row_depends_on_its_address_alone(name: str) -> None:
    sampler = fitted(name)
    index, labels = np.arange(60), np.arange(60) % 2
    whole = sampler.generate(index, labels, seed=3)
    order = np.random.default_rng(0).permutation(60)
    shuffled = sampler.generate(order, labels[order], seed=3)
    np.testing.assert_allclose(shuffled, whole[order], rtol=1e-4, atol=1e-3)
    one = sampler.generate([41], [1], seed=np.int64(3), device="cpu")
    np.testing.assert_allclose(one, whole[41:42], rtol=1e-4, atol=1e-3)
    assert not np.allclose(sampler.generate(index, labels, seed=4), whole)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_are_returned_on_the_given_device(name: str) -> None:
    X, y = data_of(name)
    X = X.transpose(0, 3, 1, 2) if X.ndim == 4 else X
    sampler = MAKERS[name]().fit(torch.from_numpy(X), torch.from_numpy(y))
    rows = sampler.generate([0, 1], [0, 1], device="meta")
    assert rows.device.type == "meta"
    assert sampler.generate([0, 1], [0, 1]).device.type == "cpu"


@pytest.mark.parametrize("name", NAMES)
def test_an_int_repeats_rows_and_none_continues(name: str) -> None:
    sampler = fresh(name)
    both = sampler.sample(12, random_state=sampler.seed_)[0]
    np.testing.assert_allclose(sampler.sample(5)[0], both[:5], rtol=1e-4, atol=1e-3)
    for other in (pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler), sampler):
        np.testing.assert_allclose(other.sample(7)[0], both[5:], rtol=1e-4, atol=1e-3)
    again = clone(sampler).fit(*data_of(name))
    np.testing.assert_allclose(again.sample(12)[0], both, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_threads_never_get_the_same_rows(name: str) -> None:
    sampler = fresh(name)
    expected = sampler.generate(np.arange(200), 0)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: sampler.sample(10, y=0)[0], range(20)))
    found = np.concatenate(parts)
    order, other = (np.lexsort(rows.reshape(200, -1).T) for rows in (expected, found))
    np.testing.assert_allclose(found[other], expected[order], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_saves_and_loads_or_names_the_remedy(name: str, tmp_path: Path) -> None:
    sampler = fitted(name)
    if isinstance(sampler, (FilteredSampler, PretrainedSampler)):
        remedy = r"SampleBank\.build"
        with pytest.raises(ArchiveError, match=rf"cannot save {type(sampler).__name__}.*{remedy}"):
            sampler.save(tmp_path / "a")
        fitted("kde").save(tmp_path / "b")
        with pytest.raises(ArchiveError, match=rf"not a {type(sampler).__name__}"):
            type(sampler).load(tmp_path / "b")
        assert not (tmp_path / "a").exists()
        return
    sampler.save(tmp_path / "a")
    index, labels = np.arange(8), np.arange(8) % 2
    for other in (type(sampler).load(tmp_path / "a", device="cpu"), load_sampler(tmp_path / "a")):
        np.testing.assert_allclose(
            other.generate(index, labels), sampler.generate(index, labels), rtol=1e-5
        )
        assert other.fingerprint() == sampler.fingerprint()


@pytest.mark.parametrize("name", NAMES)
def test_a_modality_is_a_parameter_that_is_saved(name: str, tmp_path: Path) -> None:
    if name.startswith("filtered"):
        assert "modality" not in MAKERS[name]().get_params(deep=False)
        return
    modality: Any = Image() if name == "pretrained" else Table(types={0: "number"})
    for given in (modality, modality.name):
        sampler = MAKERS[name]().set_params(modality=given).fit(*data_of(name))
        np.testing.assert_allclose(
            sampler.generate([0, 9], [0, 1]),
            fitted(name).generate([0, 9], [0, 1]),
            rtol=0.5,
            atol=2,
        )
        if name != "pretrained":
            sampler.save(tmp_path / "a")
            loaded = load_sampler(tmp_path / "a")
            assert loaded.modality == (modality if given is modality else Table())
    with pytest.raises(InputError, match="modality='sound' is not known"):
        MAKERS[name]().set_params(modality="sound").fit(*data_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_unfitted_use_is_refused(name: str, tmp_path: Path) -> None:
    sampler = MAKERS[name]()
    for use in (
        lambda: sampler.sample(3),
        lambda: sampler.generate([0], [0]),
        lambda: sampler.save(tmp_path / "x"),
        sampler.fingerprint,
    ):
        with pytest.raises(NotFittedError, match=f"This {type(sampler).__name__} is not fitted"):
            use()


@pytest.mark.parametrize("name", NAMES)
def test_bad_data_is_refused_and_the_fit_is_kept(name: str) -> None:
    sampler, (X, y) = fresh(name), data_of(name)
    expected = sampler.generate([0, 1], [0, 1])
    for message, (bad_X, bad_y) in {
        "only one class": (X, np.zeros_like(y)),
        "rows and y has": (X, y[:-1]),
        "y is None": (X, None),
    }.items():
        with pytest.raises(InputError, match=message):
            sampler.fit(bad_X, bad_y)
        np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), expected)
    for bad in ({"n_samples": 0}, {"y": 5}, {"y": {}}, {"random_state": "x"}, {"max_draws": 0}):
        with pytest.raises(InputError):
            sampler.sample(**bad)


@pytest.mark.parametrize("name", NAMES)
def test_optional_methods_exist_only_if_they_work(name: str) -> None:
    sampler, (X, y) = fitted(name), data_of(name)
    with_encoder = {"flow", "vae"}
    assert hasattr(sampler, "vary") == (name in {*with_encoder, "paired"})
    assert hasattr(sampler, "encode") == hasattr(sampler, "decode") == (name in with_encoder)
    assert hasattr(sampler, "partial_fit") == isinstance(sampler, NetworkSampler)
    if hasattr(sampler, "vary"):
        assert sampler.vary(X, y).shape == X.shape


def test_a_filter_that_rejects_all_moves_on_to_other_addresses() -> None:
    sampler = FilteredSampler(fitted("kde"), accept_most, draws_per_row=40)
    rows = sampler.sample(50)[0]
    assert accept_most(rows, np.zeros(50)).all()
