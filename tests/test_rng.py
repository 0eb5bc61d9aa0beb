"""Addressable noise: the same rows for any query, independent tables, and fixed seeds."""

import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gen_augment import InputError
from gen_augment.rng import (
    BLOCK_ROWS,
    categorical,
    derive_seed,
    fork_rng,
    normal,
    permuted,
    resolve_seed,
    uniform,
)

N_TABLE = 4 * BLOCK_ROWS
INDICES = st.lists(
    st.integers(0, N_TABLE - 1)
    | st.sampled_from([BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS - 1, 2 * BLOCK_ROWS]),
    max_size=60,
)
CPU = torch.device("cpu")


def blocks_of_noise(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Draw the first blocks of a table as documented in the module."""
    return torch.cat(
        [
            torch.randn(
                BLOCK_ROWS,
                *shape,
                generator=torch.Generator().manual_seed(derive_seed(seed, "block", block)),
            )
            for block in range(N_TABLE // BLOCK_ROWS)
        ]
    )


NOISE = blocks_of_noise((3,), 5)
NUMBERS = uniform(np.arange(N_TABLE), 5)


@given(INDICES)
def test_a_row_does_not_depend_on_the_other_rows_of_a_call(index: list[int]) -> None:
    where = np.array(index, dtype=np.int64)
    assert torch.equal(normal(where, (3,), 5), NOISE[index])
    np.testing.assert_array_equal(uniform(where, 5), NUMBERS[where])


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=6))
def test_rows_far_out_are_the_same_one_by_one(index: list[int]) -> None:
    together = normal(np.array(index), (2,), 0)
    alone = torch.cat([normal(np.array([i]), (2,), 0) for i in index])
    assert torch.equal(together, alone)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.uint64])
def test_any_integer_dtype_addresses_a_row(dtype: Any) -> None:
    assert torch.equal(normal(np.array([3, 200], dtype=dtype), (3,), 5), NOISE[[3, 200]])


def test_rows_belong_to_the_caller() -> None:
    index = np.array([0, 1])
    normal(index, (3,), 5).fill_(7)
    uniform(index, 5).fill(7)
    assert torch.equal(normal(index, (3,), 5), NOISE[:2])
    np.testing.assert_array_equal(uniform(index, 5), NUMBERS[:2])


def test_normal_is_standard_normal() -> None:
    rows = normal(np.arange(8000), (2, 2), 0)
    assert rows.shape == (8000, 2, 2)
    assert rows.dtype == torch.float32
    assert stats.kstest(rows.flatten().numpy(), "norm").pvalue > 0.01


def test_uniform_is_uniform() -> None:
    numbers = uniform(np.arange(20_000), 0)
    assert numbers.dtype == np.float64
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert stats.kstest(numbers, "uniform").pvalue > 0.01


def test_one_row_over_many_seeds_is_uniform_too() -> None:
    first = [uniform(np.array([0]), seed)[0] for seed in range(2000)]
    assert stats.kstest(first, "uniform").pvalue > 0.01


@pytest.mark.parametrize("other", [1, 2, 2**31, -1])
def test_seeds_are_independent(other: int) -> None:
    index = np.arange(20_000)
    assert stats.pearsonr(uniform(index, 0), uniform(index, other)).pvalue > 0.01


def test_blocks_are_independent() -> None:
    blocks = normal(np.arange(64 * BLOCK_ROWS), (8,), 0).reshape(64, -1).numpy()
    off_diagonal = np.corrcoef(blocks)[np.triu_indices(64, 1)]
    # Correlations of n independent pairs are normal with standard deviation n ** -0.5.
    assert stats.kstest(off_diagonal * blocks.shape[1] ** 0.5, "norm").pvalue > 0.01


def test_categorical_draws_with_the_given_probabilities() -> None:
    probabilities = np.array([0.1, 0.0, 0.6, 0.3])
    codes = categorical(np.arange(20_000), probabilities, 3)
    counts = np.bincount(codes, minlength=4)
    assert codes.dtype == np.int64
    assert counts[1] == 0
    assert stats.chisquare(counts[[0, 2, 3]], 20_000 * probabilities[[0, 2, 3]]).pvalue > 0.01


@given(INDICES)
def test_categorical_is_addressed_too(index: list[int]) -> None:
    probabilities = np.array([0.2, 0.5, 0.3])
    expected = [int(u >= 0.2) + int(u >= 0.7) for u in NUMBERS[index]]
    assert categorical(np.array(index, dtype=int), probabilities, 5).tolist() == expected


@given(st.lists(st.floats(1e-3, 1), min_size=1, max_size=40))
def test_categorical_stays_in_range_though_shares_do_not_sum_to_one_exactly(
    weights: list[float],
) -> None:
    shares = np.array(weights) / np.sum(weights)
    codes = categorical(np.arange(N_TABLE), shares, 0)
    assert codes.min() >= 0
    assert codes.max() < len(shares)


@pytest.mark.parametrize(
    "path, value",
    [
        ((0,), 2631537505891389924),
        ((0, "noise"), 3170233027294799018),
        ((7, "block", 3), 1058508149005554000),
        ((-1, "a", 0), 683894672569595444),
        ((2**70, "x"), 6841284163940125876),
    ],
)
def test_derived_seeds_never_change(path: tuple[Any, ...], value: int) -> None:
    assert derive_seed(*path) == value


def test_rows_never_change() -> None:
    index = np.array([0, 255, 256, 10**9])
    expected = [
        [2.5943227, 0.8673953],
        [-0.2419609, -0.3457235],
        [-0.5795287, 0.5314155],
        [0.4943719, 1.3088893],
    ]
    np.testing.assert_allclose(normal(index, (2,), 0), expected, atol=1e-5)
    expected_uniform = [
        0.75848511894046,
        0.3421029033317794,
        0.8917095069799499,
        0.9499971936185507,
    ]
    np.testing.assert_allclose(uniform(index, 0), expected_uniform, atol=1e-12)


@given(st.integers(), st.lists(st.text(max_size=5) | st.integers(), max_size=4))
def test_derived_seeds_fit_into_63_bits(seed: int, path: list[str | int]) -> None:
    assert 0 <= derive_seed(seed, *path) < 2**63


def test_derived_seeds_distinguish_paths() -> None:
    paths: list[tuple[Any, ...]] = [
        (0,),
        (1,),
        (0, "1"),
        (0, 1),
        (0, 0, 1),
        (0, "a", "b"),
        (0, "b", "a"),
        (0, "ab"),
    ]
    assert len({derive_seed(*path) for path in paths}) == len(paths)


def test_derived_seeds_are_those_of_numpy_numbers_too() -> None:
    assert derive_seed(np.int64(4), np.str_("a"), np.uint8(2)) == derive_seed(4, "a", 2)  # type: ignore[arg-type]


def test_fork_rng_seeds_and_restores() -> None:
    before = torch.get_rng_state()
    with fork_rng(3, CPU):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    with fork_rng(3, CPU):
        again = torch.rand(4)
    with fork_rng(4, CPU):
        other = torch.rand(4)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_fork_rng_in_threads_gives_what_one_thread_gives() -> None:
    before = torch.get_rng_state()

    def draw(seed: int) -> list[float]:
        with fork_rng(seed, CPU):
            return [torch.rand(1).item() for _ in range(50) if sleep(1e-5) is None]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(draw, range(40)))
    assert together == [draw(seed) for seed in range(40)]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks a process")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_forked_while_a_thread_draws_can_draw() -> None:
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with fork_rng(0, CPU):
            inside.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()

    def draw() -> None:
        with fork_rng(1, CPU):
            torch.rand(1)

    process = multiprocessing.get_context("fork").Process(target=draw)
    process.start()
    process.join(30)
    ended = process.exitcode
    process.kill()
    done.set()
    thread.join()
    assert ended == 0


def test_fork_rng_restores_after_an_exception() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), fork_rng(3, CPU):
        _ = torch.rand(4) / (0 // 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [0, 7, -3, 2**63, np.int8(5), np.uint64(2**63)])
def test_resolve_seed_keeps_whole_numbers(seed: Any) -> None:
    assert resolve_seed(seed) == int(seed)
    assert type(resolve_seed(seed)) is int


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_resolve_seed_draws_from_a_generator(make: Any) -> None:
    generator = make(0)
    drawn = [resolve_seed(generator) for _ in range(3)]
    assert len(set(drawn)) == 3
    assert drawn[0] == resolve_seed(make(0))


def test_resolve_seed_without_a_seed_draws_entropy_and_leaves_numpy_alone() -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    assert len({resolve_seed(None) for _ in range(5)}) == 5
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]


@pytest.mark.parametrize("seed", [True, np.bool_(False), 1.0, np.float64(2), "0", [1], {}])
def test_resolve_seed_refuses_other_types(seed: Any) -> None:
    with pytest.raises(InputError, match="random_state="):
        resolve_seed(seed)


@given(st.integers(1, 3000), st.integers(0, 2**63 - 1))
def test_a_computed_order_has_each_number_once(n: int, seed: int) -> None:
    order = permuted(np.arange(n), n, seed)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    where = np.array([n - 1, 0, n // 2])
    np.testing.assert_array_equal(permuted(where, n, seed), order[where])


def test_a_computed_order_is_random() -> None:
    """Each number is equally likely at a place, and neighbours are independent."""
    n = 12
    orders = np.stack([permuted(np.arange(n), n, seed) for seed in range(2000)])
    for column in (orders[:, 0], orders[:, -1]):
        assert stats.chisquare(np.bincount(column, minlength=n)).pvalue > 1e-4
    gaps = (orders[:, 1] - orders[:, 0]) % n
    assert stats.chisquare(np.bincount(gaps, minlength=n)[1:]).pvalue > 1e-4
    long = permuted(np.arange(100_000), 100_000, 0)
    assert abs(stats.pearsonr(long[:-1], long[1:]).statistic) < 0.015
