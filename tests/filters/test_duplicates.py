"""Duplicates: planted near-duplicates of a sampler are refused."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors

from gen_augment import ExhaustedError, InputError
from gen_augment.filters import Duplicates, FilteredSampler
from tests.filters.toys import REAL, Toy, truth


def spiked(z: np.ndarray, index: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Every tenth row is nearly the same."""
    return np.where((index % 10 == 0)[:, None], 0.5 + 0.001 * z, z)


def collapsed(z: np.ndarray, index: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((y == 1)[:, None], 0.001 * z, z)


def test_scores_are_relative_distances_to_rows_of_another_stream() -> None:
    sampler = Toy(truth)
    gate = Duplicates(n_reference=50, features=np.asarray).fit(*REAL, sampler=sampler)
    reference = sampler.made[0]
    X = sampler.generate(np.arange(100), 1)
    assert not set(map(bytes, X)) & set(map(bytes, reference)), (
        "the reference rows come from another stream"
    )
    apart = NearestNeighbors(n_neighbors=2).fit(REAL[0]).kneighbors(REAL[0])[0][:, 1]
    to_known = NearestNeighbors(n_neighbors=1).fit(reference[50:]).kneighbors(X)[0][:, 0]
    np.testing.assert_allclose(
        gate.score_samples(X, 1), to_known / np.median(apart[REAL[1] == 1]), rtol=1e-4
    )


def test_near_duplicates_are_refused_and_other_rows_pass() -> None:
    sampler = Toy(spiked)
    gate = Duplicates().fit(*REAL, sampler=sampler)
    index = np.arange(2000)
    kept = gate.keep(sampler.generate(index, 0), 0)
    assert not kept[index % 10 == 0].any()
    assert kept[index % 10 != 0].mean() > 0.95
    order = np.random.default_rng(0).permutation(2000)
    np.testing.assert_array_equal(gate.keep(sampler.generate(index, 0)[order], 0), kept[order])


def test_rows_by_address_contain_no_near_duplicates_in_any_order() -> None:
    sampler = FilteredSampler(Toy(spiked), Duplicates(), draws_per_row=20).fit(*REAL)
    rows = sampler.generate(np.arange(300), 0)
    apart = NearestNeighbors(n_neighbors=2).fit(rows).kneighbors(rows)[0][:, 1]
    assert apart.min() > 0.01
    np.testing.assert_array_equal(sampler.generate([7, 3], 0), rows[[7, 3]])
    with pytest.raises(ExhaustedError, match="1: '0 of 4'"):
        FilteredSampler(Toy(collapsed), Duplicates()).fit(*REAL).generate(np.arange(8), [0, 1] * 4)


def test_repeated_real_rows_are_an_error() -> None:
    X = np.repeat(REAL[0][:20], 2, axis=0)
    with pytest.raises(InputError, match="half of the real rows with label 0 occur more than once"):
        Duplicates().fit(X, np.arange(40) // 20, sampler=Toy(truth))


def test_the_fingerprint_depends_on_the_sampler() -> None:
    gates = [
        Duplicates(n_reference=10).fit(*REAL, sampler=Toy(make)) for make in (truth, truth, spiked)
    ]
    assert gates[0].fingerprint() == gates[1].fingerprint() != gates[2].fingerprint()
    assert not hasattr(clone(gates[0]), "classes_")
