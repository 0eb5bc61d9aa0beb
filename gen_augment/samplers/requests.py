"""The labels that a call of `sample` asks for, and the addresses that it uses."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any, Self

import numpy as np

from gen_augment.containers import concatenate, take
from gen_augment.data import LabelCodec
from gen_augment.data.counts import check_counts
from gen_augment.errors import ExhaustedError, InputError
from gen_augment.modalities import Match
from gen_augment.rng import RandomState, categorical, derive_seed, resolve_seed
from gen_augment.types import Labels
from gen_augment.validation import check_positive_int

__all__ = [
    "MAX_DRAWS",
    "AddressCounter",
    "Request",
    "sample_by_address",
    "sample_parts",
    "vary_addresses",
]

#: Default maximum of rows drawn for each row that meets the conditions, on average.
MAX_DRAWS = 1000
#: Rows that are drawn at once in the search for rows that meet the conditions.
MOST_AT_ONCE = 16384
#: Maximum of rows in one call: their class numbers alone would take 8 TiB of memory.
MAX_ROWS = 1 << 40


class AddressCounter:
    """Hands out addresses of a sampler's own table, each of them once, to any number of threads.

    Copies and pickles continue from the same address with a lock of their own.
    """

    def __init__(self, start: int = 0) -> None:
        self._next = start
        self._lock = RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._next,)

    def reserve(self, n: int) -> int:
        """Return the first of `n` addresses that no other call gets."""
        with self._lock:
            self._next += n
            return self._next - n

    @contextmanager
    def hold(self) -> Iterator[int]:
        """Yield the next address; other threads wait until the block ends."""
        with self._lock:
            yield self._next

    def move_to(self, address: int) -> None:
        """Continue from `address`; to be called while the counter is held."""
        with self._lock:
            self._next = address


def vary_addresses(sampler: Any, n: int, random_state: RandomState) -> tuple[np.ndarray, int]:
    """Return the addresses of `n` new versions of rows, and the seed of their table.

    Without a `random_state` they are those that no call has had.
    """
    seed = sampler.seed_ if random_state is None else resolve_seed(random_state)
    start = sampler._counter().reserve(n) if random_state is None else 0
    return np.arange(start, start + n), derive_seed(seed, "vary")


@dataclass(frozen=True)
class Request:
    """What `n_samples` and `y` of `Sampler.sample` ask for.

    Attributes
    ----------
    n : int
        Number of rows.
    fixed : ndarray of shape (n,), int64, or None
        Class numbers; None if they are drawn from the class prior.
    """

    n: int
    fixed: np.ndarray | None = None

    @classmethod
    def read(cls, n_samples: int | None, y: Labels, labels: LabelCodec) -> Self:
        """Check and combine the two parameters.

        Raises
        ------
        InputError
            A label is not known, or the two parameters disagree.
        """
        if n_samples is not None:
            n_samples = check_positive_int("n_samples", n_samples)
            _check_size("n_samples", n_samples)
        if y is None:
            return cls(n_samples or 1)
        if isinstance(y, Mapping):
            counts = check_counts("y", y)
            _check_size("y", sum(counts))
            codes = np.repeat(labels.encode(list(y)) if y else np.empty(0, int), counts)
        else:
            codes = labels.encode(y)
            if codes.ndim == 0:
                return cls(n_samples or 1, np.full(n_samples or 1, codes))
        if codes.ndim != 1 or len(codes) == 0:
            raise InputError(
                f"y={y!r} asks for no rows: give a label, one label a row, or {{label: count}}."
            )
        if n_samples not in (None, len(codes)):
            raise InputError(
                f"n_samples={n_samples}, but y asks for {len(codes)} rows: give one of the two, or "
                "make them agree."
            )
        return cls(len(codes), codes)

    def codes(self, sampler: Any, start: int, seed: int) -> np.ndarray:
        """Return the class numbers of the rows from address `start` on."""
        if self.fixed is not None:
            return self.fixed
        return _prior_codes(sampler, seed, np.arange(start, start + self.n))


def sample_by_address(
    sampler: Any,
    n_samples: int | None,
    y: Labels,
    random_state: RandomState,
    where: Mapping[Any, Any] | None,
    max_draws: int,
) -> tuple[Any, Any]:
    """Do what `Sampler.sample` documents."""
    request = Request.read(n_samples, y, sampler.label_codec_)
    match = _matcher(sampler, where)
    budget = check_positive_int("max_draws", max_draws)
    if random_state is not None:
        return _rows(sampler, request, resolve_seed(random_state), 0, match, budget)[0]
    counter = sampler._counter()
    if match is None:
        start = counter.reserve(request.n)
        return _rows(sampler, request, sampler.seed_, start, None, budget)[0]
    with counter.hold() as start:  # how many addresses are used is known afterwards
        rows, stop = _rows(sampler, request, sampler.seed_, start, match, budget)
        counter.move_to(stop)
    return rows


def sample_parts(
    sampler: Any,
    n_samples: int | None,
    y: Labels,
    random_state: RandomState,
    size: int,
    where: Mapping[Any, Any] | None = None,
) -> Iterator[tuple[Any, Any]]:
    """Yield the rows of ``sampler.sample(...)`` in parts of at most `size` rows.

    With `where`, `MAX_DRAWS` holds for each part.
    """
    seed, labels = resolve_seed(random_state), sampler.label_codec_
    request = Request.read(n_samples, y, labels)
    codes = request.codes(sampler, 0, seed)
    match, starts = _matcher(sampler, where), defaultdict[int, int](int)
    for start in range(0, len(codes), size):
        part = codes[start : start + size]
        if match is not None:
            is_free = request.fixed is None
            X, part = _sample_where(sampler, part, is_free, match, MAX_DRAWS, seed, starts)
        else:
            index = np.arange(start, start + len(part))
            X = sampler.generate(index, labels.classes[part], seed=seed)
        yield X, labels.decode(part)


def _check_size(name: str, n: int) -> None:
    if n > MAX_ROWS:
        raise InputError(
            f"{name} asks for {n} rows, and one call makes at most {MAX_ROWS}: ask for fewer rows "
            "in each of several calls."
        )


def _matcher(sampler: Any, where: Mapping[Any, Any] | None) -> Match | None:
    if where is not None and not isinstance(where, Mapping):
        raise InputError(
            f"where is a {type(where).__name__}: give a dict of columns and their conditions."
        )
    if not where:
        return None
    match: Match = sampler.codec_.modality.matcher(sampler.codec_, where)
    return match


def _prior_codes(sampler: Any, seed: int, index: np.ndarray) -> np.ndarray:
    return categorical(index, sampler.class_prior_, derive_seed(seed, "label"))


def _rows(
    sampler: Any, request: Request, seed: int, start: int, match: Match | None, max_draws: int
) -> tuple[tuple[Any, Any], int]:
    """Return rows and labels from address `start` on, and the address after the last one used."""
    labels: LabelCodec = sampler.label_codec_
    codes = request.codes(sampler, start, seed)
    stop = start + len(codes)
    if match is None:
        X = sampler.generate(np.arange(start, stop), labels.classes[codes], seed=seed)
    else:
        starts = defaultdict[int, int](lambda: start)
        is_free = request.fixed is None
        X, codes = _sample_where(sampler, codes, is_free, match, max_draws, seed, starts)
        stop = max(starts.values())
    return (X, labels.decode(codes)), stop


def _sample_where(
    sampler: Any,
    codes: np.ndarray,
    is_free: bool,
    match: Match,
    max_draws: int,
    seed: int,
    starts: dict[int, int],
) -> tuple[Any, np.ndarray]:
    """Return rows that meet the conditions, and their class numbers.

    Rows with free labels are the first matching rows of the table, so their labels are those that
    go with the conditions. Rows with fixed labels are the first matching rows of that label.
    `starts` holds the next address of each class number, and of free labels at -1; it is updated.
    """
    if is_free:
        by_prior = partial(_prior_codes, sampler, seed)
        wanted = len(codes), max_draws * len(codes)
        X, codes, starts[-1] = _first_matches(sampler, by_prior, wanted, match, seed, starts[-1])
        return X, codes
    kept, places = [], []
    for code in np.unique(codes).tolist():
        mine = np.flatnonzero(codes == code)
        same, wanted = partial(np.full_like, fill_value=code), (len(mine), max_draws * len(mine))
        try:
            X, _, starts[code] = _first_matches(sampler, same, wanted, match, seed, starts[code])
        except ExhaustedError as error:
            text = f"label {sampler.label_codec_.classes[code].item()!r}: {error}"
            raise ExhaustedError(text, kept=error.kept, drawn=error.drawn) from error
        kept.append(X)
        places.append(mine)
    return take(concatenate(kept), np.argsort(np.concatenate(places))), codes


def _first_matches(
    sampler: Any,
    codes_of: Callable[[np.ndarray], np.ndarray],
    wanted: tuple[int, int],
    match: Match,
    seed: int,
    start: int,
) -> tuple[Any, np.ndarray, int]:
    """Return the first matching rows from address `start` on, their codes, and the next address.

    `wanted` holds the number of rows, and the maximum number that may be drawn.
    """
    (n, budget), labels = wanted, sampler.label_codec_.classes
    kept, kept_codes, found, drawn, last = [], [], 0, 0, start
    while found < n and drawn < budget:
        share = found / drawn if found else 0.1
        size = int(min(max(256, 1.2 * (n - found) / share), MOST_AT_ONCE, budget - drawn))
        index = np.arange(start + drawn, start + drawn + size)
        codes = codes_of(index)
        X = sampler.generate(index, labels[codes], seed=seed)
        good = np.flatnonzero(match(X))[: n - found]
        kept.append(take(X, good))
        kept_codes.append(codes[good])
        found, drawn = found + len(good), drawn + size
        last = int(index[good[-1]]) if len(good) else last
    if found < n:
        raise ExhaustedError(
            f"only {found} of {drawn} rows meet the conditions of where, and {n} are needed: relax "
            "the conditions, ask for fewer rows, or raise max_draws.",
            kept=found,
            drawn=drawn,
        )
    return concatenate(kept), np.concatenate(kept_codes), last + 1
