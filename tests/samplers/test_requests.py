"""Requests of rows: addresses, threads and conditions."""

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from gen_augment import BootstrapSampler, FilteredSampler, InputError
from gen_augment.samplers.requests import AddressCounter
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
    "pretrained": lambda: make_pretrained(plain, name="plain"),
}


def data_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    X, y = toy_images() if name == "pretrained" else toy_table()
    return (X.astype(np.float32), y)


@cache
def fitted(name: str) -> Any:
    return MAKERS[name]().fit(*data_of(name))


def fresh(name: str) -> Any:
    return copy.deepcopy(fitted(name))


def test_threads_with_conditions_get_different_rows() -> None:
    sampler = fresh("kde")
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: sampler.sample(10, where={1: (0, None)})[0], range(20)))
    rows = np.concatenate(parts)
    assert (rows[:, 1] >= 0).all()
    assert len(np.unique(rows, axis=0)) == 200


def test_every_address_is_handed_out_once() -> None:
    counter = AddressCounter()
    with ThreadPoolExecutor(8) as pool:
        starts = list(pool.map(lambda _: counter.reserve(3), range(500)))
    assert sorted(starts) == list(range(0, 1500, 3))
    other = pickle.loads(pickle.dumps(counter))
    assert (other.reserve(1), counter.reserve(1)) == (1500, 1500)


@pytest.mark.parametrize("asked", [{"n_samples": 10**20}, {"y": {0: 10**20}}])
def test_more_rows_than_memory_holds_are_refused(asked: dict[str, Any]) -> None:
    sampler = BootstrapSampler().fit(*toy_table())
    with pytest.raises(InputError, match=f"asks for {10**20} rows"):
        sampler.sample(**asked)
