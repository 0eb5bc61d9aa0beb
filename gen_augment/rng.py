"""Addressable noise: rows of an endless table of random numbers.

Row *i* does not depend on other calls. ``torch.randn(n)`` is not a prefix of
``torch.randn(m)``, so noise is drawn in fixed blocks of 256 rows. Each block has its
own generator, seeded by a hash of ``(seed, block)``. A block costs about as much as a
plain draw of 256 rows; one generator per row would cost about twenty times as much.
"""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError

__all__ = [
    "BLOCK_ROWS",
    "categorical",
    "derive_seed",
    "fork_rng",
    "normal",
    "permuted",
    "resolve_seed",
    "seeded_clone",
    "uniform",
]

BLOCK_ROWS = 256
_FEISTEL_ROUNDS = 6

RandomState = int | np.integer | np.random.RandomState | np.random.Generator | None


def derive_seed(seed: int, *path: str | int) -> int:
    """Hash a seed and a path of names into a new seed in [0, 2**63).

    Examples
    --------
    >>> derive_seed(0, "noise", 1) == derive_seed(0, "noise", 1)
    True
    >>> derive_seed(0, "noise", 1) == derive_seed(0, "noise", 2)
    False
    """
    # The repr of NumPy's numbers and strings differs between its versions.
    names = [str(name) if isinstance(name, str) else int(name) for name in path]
    digest = hashlib.blake2b(repr((int(seed), *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def resolve_seed(random_state: RandomState) -> int:
    """Convert scikit-learn's `random_state` to one integer; None draws fresh entropy.

    NumPy's global generator is not used.

    Examples
    --------
    >>> resolve_seed(7)
    7
    """
    if random_state is None:
        return secrets.randbits(63)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 2**31))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 2**63))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        return int(random_state)
    raise InputError(
        f"random_state={random_state!r} is not an int, a numpy RandomState or Generator, or None."
    )


def normal(index: np.ndarray, shape: tuple[int, ...], seed: int) -> Tensor:
    """Return standard normal rows by address.

    Parameters
    ----------
    index : ndarray of shape (n,)
        Row numbers of at least 0, in any order.
    shape : tuple of int
        Shape of one row.
    seed : int
        Identifies the table.

    Returns
    -------
    Tensor of shape (n, *shape), float32, on the CPU

    Examples
    --------
    >>> whole = normal(np.arange(1000), (3,), seed=0)
    >>> bool((normal(np.array([999, 5]), (3,), seed=0) == whole[[999, 5]]).all())
    True
    """
    return _rows(_normal_block, index, shape, seed)


def uniform(index: np.ndarray, seed: int, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Return uniform numbers in [0, 1) by address, float64 of shape (n, *shape)."""
    return _rows(_uniform_block, index, shape, seed).numpy()


def categorical(index: np.ndarray, probabilities: np.ndarray, seed: int) -> np.ndarray:
    """Draw class numbers by address with `probabilities`, int64 of shape (n,)."""
    return np.searchsorted(np.cumsum(probabilities)[:-1], uniform(index, seed), side="right")


def permuted(index: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return numbers by their place in a random order of 0 to n - 1, which is not stored.

    A Feistel network permutes the numbers below a power of 4. Results of n and more are permuted
    again until they are below n (cycle walking).

    Parameters
    ----------
    index : ndarray of int of shape (k,)
        Places, in [0, n).
    n : int
    seed : int
        Identifies the order.

    References
    ----------
    Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002.

    Examples
    --------
    >>> sorted(permuted(np.arange(5), 5, seed=0).tolist())
    [0, 1, 2, 3, 4]
    """
    bits = max(1, (int(n - 1).bit_length() + 1) // 2)
    keys = [np.uint64(derive_seed(seed, "round", i)) for i in range(_FEISTEL_ROUNDS)]
    low, shift = np.uint64(2**bits - 1), np.uint64(bits)
    out = np.asarray(index).astype(np.uint64)
    walking = np.arange(len(out))
    while len(walking):
        left, right = out[walking] >> shift, out[walking] & low
        for key in keys:
            mixed = (right ^ key) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
            left, right = right, left ^ (mixed >> np.uint64(64 - bits))
        out[walking] = (left << shift) | right
        walking = walking[out[walking] >= n]
    return out.astype(np.int64)


_global_rng = RLock()


def _renew_lock() -> None:
    """Free the lock in a forked process, whose other threads are gone."""
    global _global_rng
    _global_rng = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def fork_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators within the block, and restore them afterwards.

    Layer initialisation and dropout take no generator, so training needs the global
    one. All threads share it, so only one thread at a time is in such a block.
    """
    on_cuda = device.type == "cuda"
    with _global_rng, torch.random.fork_rng(devices=[device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def _rows(
    block_of: Callable[[int, int, tuple[int, ...]], Tensor],
    index: np.ndarray,
    shape: tuple[int, ...],
    seed: int,
) -> Tensor:
    if len(index) > 1 and np.all(np.diff(index) == 1):
        start, stop = int(index[0]), int(index[-1]) + 1
        first, last = start // BLOCK_ROWS, (stop - 1) // BLOCK_ROWS
        rows = torch.cat([block_of(seed, block, shape) for block in range(first, last + 1)])
        return rows[start - first * BLOCK_ROWS : stop - first * BLOCK_ROWS]
    blocks, offsets = np.divmod(np.asarray(index, dtype=np.int64), BLOCK_ROWS)
    wanted = np.unique(blocks)
    if len(wanted) < 2:
        block = int(wanted[0]) if len(wanted) else 0
        return block_of(seed, block, shape)[torch.from_numpy(offsets)]
    parts = {int(block): block_of(seed, int(block), shape) for block in wanted}
    out = torch.empty((len(blocks), *shape), dtype=next(iter(parts.values())).dtype, device="cpu")
    for block, rows in parts.items():
        here = torch.from_numpy(np.flatnonzero(blocks == block))
        out[here] = rows[torch.from_numpy(offsets[blocks == block])]
    return out


def _generator(seed: int, block: int) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(derive_seed(seed, "block", block))


# Blocks are cached, so reading a table row by row costs one draw per block.
@lru_cache(maxsize=4)
def _normal_block(seed: int, block: int, shape: tuple[int, ...]) -> Tensor:
    return torch.randn(
        (BLOCK_ROWS, *shape), generator=_generator(seed, block), dtype=torch.float32, device="cpu"
    )


@lru_cache(maxsize=4)
def _uniform_block(seed: int, block: int, shape: tuple[int, ...]) -> Tensor:
    return torch.rand(
        (BLOCK_ROWS, *shape), generator=_generator(seed, block), dtype=torch.float64, device="cpu"
    )


def seeded_clone(estimator: Any, seed: int) -> Any:
    """Return an unfitted copy of a scikit-learn estimator with all random states set.

    The steps of a pipeline are included. An estimator whose random state stays None would
    use NumPy's global generator.
    """
    from sklearn.base import clone  # slow to import

    copy = clone(estimator)
    states = [name for name in copy.get_params() if name.split("__")[-1] == "random_state"]
    return copy.set_params(**dict.fromkeys(states, seed % 2**32))
