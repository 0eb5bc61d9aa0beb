"""Which labels a call of `sample` asks for, and at which addresses."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from gen_augment.codecs import LabelCodec, concatenate, matcher, take
from gen_augment.counts import check_counts
from gen_augment.errors import ExhaustedError, InputError
from gen_augment.modalities.table.conditions import Match
from gen_augment.rng import RandomState, categorical, derive_seed, resolve_seed
from gen_augment.types import Labels
from gen_augment.validation import check_positive_int

__all__ = ["MAX_DRAWS", "requested_codes", "sample_by_address", "sample_parts"]

#: Rows that are made for each that is to meet conditions, at most and on average; and in one go.
MAX_DRAWS, MOST_AT_ONCE = 1000, 16384


def requested_codes(
    n_samples: int | None, y: Labels, labels: LabelCodec, prior: np.ndarray, start: int, seed: int
) -> np.ndarray:
    """Class numbers of the rows to draw: ndarray of shape (n,), int64.

    Parameters
    ----------
    n_samples, y
        As `Sampler.sample` takes them.
    labels : LabelCodec
    prior : ndarray of shape (n_classes,)
    start, seed : int
        Address of the first row, for labels drawn from the prior.
    """
    if n_samples is not None:
        n_samples = check_positive_int("n_samples", n_samples)
    if y is None:
        return categorical(np.arange(start, start + (n_samples or 1)), prior, seed)
    if isinstance(y, Mapping):
        counts = check_counts("y", y)
        codes = np.repeat(labels.encode(list(y)) if y else np.empty(0, int), counts)
    else:
        codes = labels.encode(y)
        if codes.ndim == 0:
            return np.full(n_samples or 1, codes)
    if codes.ndim != 1 or len(codes) == 0:
        raise InputError(
            f"y={y!r} asks for no rows: give a label, one label a row, or {{label: count}}."
        )
    if n_samples not in (None, len(codes)):
        raise InputError(
            f"n_samples={n_samples}, but y asks for {len(codes)} rows: leave n_samples out, or make them agree."
        )
    return codes


def sample_by_address(
    sampler: Any,
    n_samples: int | None,
    y: Labels,
    random_state: RandomState,
    where: Mapping[Any, Any] | None = None,
    max_draws: int = MAX_DRAWS,
) -> tuple[Any, Any]:
    """What `Sampler.sample` gives, of anything that generates by address and counts on in ``_next_row``."""
    goes_on = random_state is None
    seed, start = (
        (sampler.seed_, getattr(sampler, "_next_row", 0))
        if goes_on
        else (resolve_seed(random_state), 0)
    )
    labels: LabelCodec = sampler.label_codec_
    codes = requested_codes(
        n_samples, y, labels, sampler.class_prior_, start, derive_seed(seed, "label")
    )
    if where:
        match, budget = matcher(sampler.codec_, where), check_positive_int("max_draws", max_draws)
        starts = defaultdict[int, int](lambda: start)
        X, codes = _sample_where(sampler, codes, y is None, match, budget, seed, starts)
        stop = max(starts.values())
    else:
        stop = start + len(codes)
        X = sampler.generate(np.arange(start, stop), labels.classes[codes], seed=seed)
    if goes_on:
        sampler._next_row = stop
    return X, labels.decode(codes)


def sample_parts(
    sampler: Any,
    n_samples: int | None,
    y: Labels,
    random_state: RandomState,
    size: int,
    where: Mapping[Any, Any] | None = None,
) -> Iterator[tuple[Any, Any]]:
    """What ``sampler.sample(n_samples, y=y, where=where, random_state=...)`` gives, at most `size` rows at a time.

    With `where`, `MAX_DRAWS` holds for each of these parts.
    """
    seed, labels = resolve_seed(random_state), sampler.label_codec_
    codes = requested_codes(
        n_samples, y, labels, sampler.class_prior_, 0, derive_seed(seed, "label")
    )
    match, starts = matcher(sampler.codec_, where) if where else None, defaultdict[int, int](int)
    for start in range(0, len(codes), size):
        part = codes[start : start + size]
        if match is not None:
            X, part = _sample_where(sampler, part, y is None, match, MAX_DRAWS, seed, starts)
        else:
            X = sampler.generate(
                np.arange(start, start + len(part)), labels.classes[part], seed=seed
            )
        yield X, labels.decode(part)


def _sample_where(
    sampler: Any,
    codes: np.ndarray,
    free: bool,
    match: Match,
    max_draws: int,
    seed: int,
    starts: dict[int, int],
) -> tuple[Any, np.ndarray]:
    """Rows that match, and their class numbers.

    Rows whose labels are `free` are the first to match of the table, and so have the labels that go with the
    conditions; of labels that are asked for, they are the first of the table of that label. `starts` says for each
    class number, or for -1 where labels are free, from which address on, and is moved past what is used.
    """
    classes = sampler.label_codec_.classes
    if free:

        def by_prior(index: np.ndarray) -> np.ndarray:
            return categorical(index, sampler.class_prior_, derive_seed(seed, "label"))

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
            text = f"label {classes[code].item()!r}: {error}"
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
    """The first rows to match, from address `start` on; `wanted` is how many, and how many may be made."""
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
            f"{found} of {drawn} rows met the conditions of where, and {n} are wanted: loosen them, ask for fewer "
            "rows, or raise max_draws.",
            kept=found,
            drawn=drawn,
        )
    return concatenate(kept), np.concatenate(kept_codes), last + 1
