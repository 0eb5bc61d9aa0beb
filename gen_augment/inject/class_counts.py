"""How many synthetic rows of each class: counts, a ratio, or an imbalanced-learn strategy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gen_augment.data.counts import allocate, check_counts
from gen_augment.errors import InputError
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range

__all__ = [
    "SamplingStrategy",
    "check_ratio",
    "counts_of_classes",
    "counts_to_replace",
    "resolve_strategy",
]

SamplingStrategy = str | float | Mapping[Any, int] | Callable[[np.ndarray], Mapping[Any, int]]

_WORDS = ("auto", "minority", "not minority", "not majority", "all")


def resolve_strategy(strategy: SamplingStrategy, labels: np.ndarray) -> dict[Any, int]:
    """Return the number of synthetic rows per label, as imbalanced-learn's over-samplers do.

    Parameters
    ----------
    strategy : str, float, dict or callable
        "minority", "not minority", "not majority" (or "auto") and "all" bring those classes
        to the size of the largest. A float, for two classes, is the size of the smaller over
        that of the larger. A dict, or what a callable returns for the labels, gives the rows
        of each class after augmentation, including real ones.
    labels : ndarray of shape (n,)
        Labels of the real rows.

    Returns
    -------
    dict of {label: int}

    Raises
    ------
    InputError
        The strategy is unknown, or does not match the labels.

    Examples
    --------
    >>> y = np.array([0, 0, 0, 1])
    >>> resolve_strategy("auto", y), resolve_strategy({1: 5}, y)
    ({1: 2}, {1: 4})
    """
    values, numbers = np.unique(labels, return_counts=True)
    real: dict[Any, int] = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    if len(real) < 2:
        raise InputError(
            f"sampling_strategy needs two classes, and all real rows are {list(real)!r}: give "
            "counts."
        )
    if callable(strategy):
        strategy = strategy(labels)
    if isinstance(strategy, Mapping):
        return _from_totals(strategy, real)
    most, least = max(real, key=lambda c: real[c]), min(real, key=lambda c: real[c])
    if isinstance(strategy, str):
        check_choice("sampling_strategy", strategy, _WORDS)
        left_out = {"minority": set(real) - {least}, "not minority": {least}, "all": set()}.get(
            strategy, {most}
        )
        wanted = {label: real[most] - n for label, n in real.items() if label not in left_out}
        return {label: n for label, n in wanted.items() if n}
    share = check_range("sampling_strategy", strategy, 0, 1, open_low=True)
    if len(real) != 2:
        raise InputError(
            f"sampling_strategy={strategy!r}: a number needs two classes, and there are "
            f"{len(real)}."
        )
    more = int(real[most] * share) - real[least]
    if more <= 0:
        raise InputError(
            f"sampling_strategy={strategy!r} asks for fewer rows of {least!r} than there are: "
            f"{real[least]} of {real[most]} is {real[least] / real[most]:.3g} already."
        )
    return {least: more}


def _from_totals(totals: Mapping[Any, int], real: Mapping[Any, int]) -> dict[Any, int]:
    for label, total in zip(totals, check_counts("sampling_strategy", totals), strict=True):
        if label not in real:
            raise InputError(
                f"sampling_strategy names {label!r}, not among the real rows; known: "
                f"{list(real)!r}."
            )
        if total < real[label]:
            raise InputError(
                f"sampling_strategy={{{label!r}: {total}}}: there are {real[label]} real rows of "
                "it "
                "already, and the number must include them."
            )
    return {
        label: int(total) - real[label] for label, total in totals.items() if total > real[label]
    }


def counts_of_classes(
    source: SupportsSample, n_real: int, ratio: float | None, counts: Mapping[Any, int] | None
) -> np.ndarray:
    """Return the synthetic rows of each class of `source`: ndarray of shape (n_classes,)."""
    classes = source.classes_
    there: Mapping[Any, int] | None = getattr(source, "counts", None)
    if counts is None:
        n = round((ratio or 0) * n_real)
        if there and n > sum(there.values()):
            raise InputError(
                f"ratio={ratio!r} asks for {n} rows, and the bank holds {there}: build a bank "
                "with more."
            )
        return allocate(n, source.class_prior_)
    numbers = check_counts("counts", counts)
    known = {label: code for code, label in enumerate(classes.tolist())}
    unknown = [label for label in counts if label not in known]
    if unknown:
        raise InputError(
            f"counts names {unknown!r}, not seen in fit; known labels: {classes.tolist()!r}."
        )
    wanted = np.zeros(len(classes), int)
    for label, number in zip(counts, numbers, strict=True):
        wanted[known[label]] += number
    short = {
        label: number
        for label, number in zip(counts, numbers, strict=True)
        if there and number > there[label]
    }
    if short:
        raise InputError(
            f"{short} rows are asked for, and the bank holds {there}: build a bank with more."
        )
    return wanted


def counts_to_replace(
    source: SupportsSample,
    labels: np.ndarray,
    ratio: float | None,
    counts: Mapping[Any, int] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many real rows of each class to replace.

    Returns
    -------
    wanted : ndarray of shape (n_classes,)
        Rows to replace of each class of `source`.
    codes : ndarray of shape (n_real,)
        Class number of each real row, -1 for a class that the source does not know.
    """
    values, codes = np.unique(labels, return_inverse=True)
    if ratio is not None:
        shares = allocate(round(ratio * len(labels)), np.bincount(codes))
        counts = {label: int(n) for label, n in zip(values.tolist(), shares, strict=True) if n}
    wanted = counts_of_classes(source, len(labels), None, counts)
    known = {label: code for code, label in enumerate(source.classes_.tolist())}
    real_codes = np.array([known.get(label, -1) for label in values.tolist()])[codes]
    there = np.bincount(real_codes[real_codes >= 0], minlength=len(wanted))
    for label, n, n_real in zip(known, wanted.tolist(), there.tolist(), strict=True):
        if n > n_real:
            raise InputError(f"{n} rows of {label!r} are to be replaced, and there are {n_real}.")
    return wanted, real_codes


def check_ratio(ratio: Any, mode: str) -> float:
    """Return the ratio as float, or raise: it is at most 1 where rows are replaced."""
    number = check_range("ratio", ratio, 0, 1 if mode == "replace" else float("inf"))
    if number == float("inf"):
        raise InputError("ratio=inf: give the synthetic rows for each real one as a finite number.")
    return number
