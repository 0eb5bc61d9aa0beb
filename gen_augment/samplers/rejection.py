"""Rejection sampling: rows by address that pass filters, out of a bounded number of draws."""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from torch import Tensor

from gen_augment.archive import digest
from gen_augment.containers import concatenate, take
from gen_augment.data import Rows
from gen_augment.errors import ExhaustedError, InputError
from gen_augment.types import SupportsSample
from gen_augment.validation import check_instance, check_positive_int

__all__ = ["Filter", "check_filters", "describe_filter", "draw", "fit_filter", "passes"]

#: Which of the rows ``X`` with labels ``y`` to keep: one bool for each.
Filter = Callable[[Any, np.ndarray], ArrayLike]


def draw(
    source: SupportsSample,
    labels: np.ndarray,
    *,
    filters: Sequence[Filter] | None = None,
    seed: int | None = None,
    start: int = 0,
    max_draws: int = 20,
) -> tuple[Any, np.ndarray]:
    """Return rows with the given labels, from address `start` on.

    Parameters
    ----------
    source : fitted sampler
    labels : ndarray of shape (n,)
        One for each row.
    filters : sequence of callables ``filter(X, y) -> bools``, optional
        A row is kept if all of them are true.
    seed : int, optional
        Names the table of rows.
    start : int
        First address; addresses below ``start + max_draws * n`` may be used.
    max_draws : int
        Maximum number of rows generated for each returned row, on average.

    Returns
    -------
    X : n rows, in the order of `labels`
    index : ndarray of shape (n,), int64
        Addresses of those rows.

    Raises
    ------
    ExhaustedError
        The filters rejected too many rows.
    """
    n = len(labels)
    if not filters or not n:
        index = np.arange(start, start + n)
        return source.generate(index, labels, seed=seed), index
    budget = n * check_positive_int("max_draws", max_draws)
    kept, slots, addresses = [], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    missing, drawn = np.arange(n), 0
    while len(missing) and drawn < budget:
        asked = missing[: budget - drawn]
        index = np.arange(start + drawn, start + drawn + len(asked))
        X = source.generate(index, labels[asked], seed=seed)
        good = np.flatnonzero(passes(X, labels[asked], filters))
        kept.append(take(X, good))
        slots.append(asked[good])
        addresses.append(index[good])
        drawn += len(asked)
        missing = np.setdiff1d(missing, asked[good], assume_unique=True)
    if len(missing):
        short, counts = np.unique(labels[missing], return_counts=True)
        raise ExhaustedError(
            f"the filters kept {n - len(missing)} of {drawn} rows, and {n} are needed (missing, by "
            f"label: {dict(zip(short.tolist(), counts.tolist(), strict=True))}): relax the "
            f"filters, raise max_draws ({max_draws}), or ask for fewer rows.",
            kept=n - len(missing),
            drawn=drawn,
        )
    order = np.argsort(np.concatenate(slots))
    return take(concatenate(kept), order), np.concatenate(addresses)[order]


def check_filters(filters: Any) -> list[Filter]:
    """Return `filters` as a list, or raise `InputError` if they are not callables."""
    if filters is None:
        return []
    if callable(filters):
        filters = [filters]
    if not isinstance(filters, (list, tuple)) or not all(callable(keep) for keep in filters):
        raise InputError(f"filters={filters!r}: give a list of callables filter(X, y) -> bools.")
    for keep in filters:
        check_instance("filters", keep)
    return list(filters)


def fit_filter(keep: Any, rows: Rows, sampler: Any) -> Any:
    """Fit a filter that has `fit` on the rows that `sampler` was fitted on; return it.

    `fit` is called with X and y, without unlabelled rows, and with the keyword `sampler` if its
    signature has it. If it has the keyword `modality`, it is called with the `Rows` instead.
    """
    if hasattr(keep, "fit"):
        rows = rows.labelled()
        known = inspect.signature(keep.fit).parameters
        given = (rows,) if "modality" in known else (rows.X, rows.y)
        keep.fit(*given, **({"sampler": sampler} if "sampler" in known else {}))
    return keep


def describe_filter(keep: Any) -> str:
    """Return a name that distinguishes a filter from others, and a hash of what it has learned.

    Lambdas and partials have no name of their own. They are distinguished by hashes of their code
    (which differs between versions of Python), defaults, closures and arguments, but not of the
    functions and globals that they refer to.
    """
    if isinstance(keep, partial):
        digest = _digest(keep.args, keep.keywords)
        return f"functools.partial({describe_filter(keep.func)})-{digest}"
    named = keep if hasattr(keep, "__qualname__") else type(keep)
    has_learned = not isinstance(keep, type) and hasattr(keep, "fingerprint")
    learned = f"-{keep.fingerprint()}" if has_learned else ""
    if isinstance(keep, FunctionType) and keep.__name__ == "<lambda>":
        cells = [cell.cell_contents for cell in keep.__closure__ or ()]
        held = [value for value in cells if value is not keep]  # a lambda may call itself
        learned = f"-{_digest(keep.__code__, keep.__defaults__, keep.__kwdefaults__, held)}"
    return f"{getattr(named, '__module__', None)}.{named.__qualname__}{learned}"


def _digest(*values: Any) -> str:
    return digest(_text_of(values))


def _text_of(value: Any) -> str:
    """Return a text that distinguishes a value from others and is the same in every process."""
    if callable(value) or hasattr(value, "fingerprint"):
        return describe_filter(value)
    if isinstance(value, CodeType):
        return _text_of((value.co_code, value.co_names, value.co_consts))
    if isinstance(value, dict):
        return _text_of([*value.items()])
    if isinstance(value, (set, frozenset)):  # the order differs between processes
        return f"{{{sorted(map(_text_of, value))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text_of, value))}]"
    if isinstance(value, (np.ndarray, Tensor, pd.Series, pd.DataFrame)):  # repr omits values
        array = value.numpy(force=True) if isinstance(value, Tensor) else np.asarray(value)
        held = array.tobytes() if array.dtype != object else _text_of(array.tolist()).encode()
        return f"{array.dtype} {array.shape} {digest(held)}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def passes(X: Any, y: np.ndarray, filters: Sequence[Filter]) -> np.ndarray:
    """Return which of the rows `X` with labels `y` all filters keep: bool ndarray of shape (n,)."""
    good = np.ones(len(y), dtype=bool)
    for keep in filters:
        mask = _as_array(keep(X, y))
        if mask.shape != good.shape or mask.dtype != bool:
            raise InputError(
                f"the filter {keep!r} returned {mask.dtype} of shape {mask.shape} for {len(y)} "
                "rows: one bool for each row is needed."
            )
        good &= mask
    return good


def _as_array(mask: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(mask)
    except ValueError:  # ragged
        return np.asarray(None)
