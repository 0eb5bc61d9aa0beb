"""How many synthetic rows of each class: counts, a ratio, or imbalanced-learn's words; and labels of real rows."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from gen_augment.counts import allocate, check_counts
from gen_augment.errors import InputError
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range, check_same_length

__all__ = ["SamplingStrategy", "counts_of_classes", "read_labels", "resolve_strategy"]

SamplingStrategy = str | float | Mapping[Any, int] | Callable[[np.ndarray], Mapping[Any, int]]

_WORDS = ("auto", "minority", "not minority", "not majority", "all")


def resolve_strategy(strategy: SamplingStrategy, labels: np.ndarray) -> dict[Any, int]:
    """Synthetic rows of each label, as imbalanced-learn's over-samplers read `sampling_strategy`.

    Parameters
    ----------
    strategy
        "minority", "not minority", "not majority" (or "auto") and "all" bring those classes up to the largest one. A
        float, for two classes, is the smaller one's size over the larger one's. A dict, or what a callable makes of
        the labels, gives the rows of each class after augmentation, real ones included.
    labels : ndarray of shape (n,)
        Of the real rows.

    Examples
    --------
    >>> resolve_strategy("auto", np.array([0, 0, 0, 1])), resolve_strategy({1: 5}, np.array([0, 0, 0, 1]))
    ({1: 2}, {1: 4})
    """
    values, numbers = np.unique(labels, return_counts=True)
    real: dict[Any, int] = dict(zip(values.tolist(), numbers.tolist(), strict=True))
    if callable(strategy):
        strategy = strategy(labels)
    if isinstance(strategy, Mapping):
        return _from_totals(strategy, real)
    most, least = max(real, key=lambda c: real[c]), min(real, key=lambda c: real[c])
    if isinstance(strategy, str):
        check_choice("sampling_strategy", strategy, _WORDS)
        left_out = {"minority": set(real) - {least}, "not minority": {least}, "all": set()}.get(strategy, {most})
        wanted = {label: real[most] - n for label, n in real.items() if label not in left_out}
        return {label: n for label, n in wanted.items() if n}
    share = check_range("sampling_strategy", strategy, 0, 1, open_low=True)
    if len(real) != 2:
        raise InputError(f"sampling_strategy={strategy!r}: a number needs two classes, and there are {len(real)}.")
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
            raise InputError(f"sampling_strategy names {label!r}, not among the real rows; known: {list(real)!r}.")
        if total < real[label]:
            raise InputError(
                f"sampling_strategy={{{label!r}: {total}}}: there are {real[label]} real rows of it already, and the "
                "number says how many there are to be in all."
            )
    return {label: int(total) - real[label] for label, total in totals.items() if total > real[label]}


def counts_of_classes(
    source: SupportsSample, n_real: int, ratio: float | None, counts: Mapping[Any, int] | None
) -> np.ndarray:
    """Synthetic rows of each class of `source`: ndarray of shape (n_classes,)."""
    classes = source.classes_
    if counts is None:
        return allocate(round((ratio or 0) * n_real), source.class_prior_)
    numbers = check_counts("counts", counts)
    known = {label: code for code, label in enumerate(classes.tolist())}
    unknown = [label for label in counts if label not in known]
    if unknown:
        raise InputError(f"counts names {unknown!r}, not seen in fit; known labels: {classes.tolist()!r}.")
    wanted = np.zeros(len(classes), int)
    for label, number in zip(counts, numbers, strict=True):
        wanted[known[label]] += number
    there: Mapping[Any, int] | None = getattr(source, "counts", None)
    short = {label: number for label, number in zip(counts, numbers, strict=True) if there and number > there[label]}
    if short:
        raise InputError(f"{short} rows are asked for, and the bank holds {there}: build a bank with more.")
    return wanted


def read_labels(data: Dataset[Any]) -> np.ndarray:
    """Labels of a map-style dataset of ``(x, label)``: from an attribute if it has one, else row by row."""
    known = _known_labels(data)
    n = len(data)  # type: ignore[arg-type]
    # An attribute may be something else than the labels that the rows come with, as under a target transform.
    if known is not None and len(known) == n and all(known[i] == _plain(data[i][1]) for i in {0, n // 2, n - 1}):
        return known
    return np.array([_plain(data[i][1]) for i in range(n)])


def check_labels(labels: Any, n: int) -> np.ndarray:
    """Labels that the user gives for the real rows."""
    array = labels.numpy(force=True) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    check_same_length(n, len(array))
    return array


def _known_labels(data: Any) -> np.ndarray | None:
    if isinstance(data, Subset):
        inner = _known_labels(data.dataset)
        return None if inner is None else inner[np.asarray(data.indices)]
    if isinstance(data, TensorDataset):
        return data.tensors[1].numpy(force=True) if len(data.tensors) == 2 and data.tensors[1].ndim == 1 else None
    if getattr(data, "target_transform", None) is not None:
        return None
    targets = getattr(data, "targets", None)
    if targets is None:
        return None
    array = targets.numpy(force=True) if isinstance(targets, torch.Tensor) else np.asarray(targets)
    return array if array.ndim == 1 else None


def _plain(label: Any) -> Any:
    if isinstance(label, (torch.Tensor, np.generic, np.ndarray)):
        return label.item()
    return label
