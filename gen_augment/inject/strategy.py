"""How many synthetic rows of each class: counts, a ratio, or imbalanced-learn's words; and labels of real rows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

from gen_augment.data.counts import allocate, check_counts
from gen_augment.errors import InputError
from gen_augment.inject.rows import as_tensor
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range, check_same_length

__all__ = [
    "SamplingStrategy",
    "check_labels",
    "check_pair",
    "check_ratio",
    "counts_of_classes",
    "counts_to_replace",
    "read_labels",
    "resolve_strategy",
    "write_labels",
]

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
    if len(real) < 2:
        raise InputError(
            f"sampling_strategy needs two classes, and all real rows are {list(real)!r}: give counts."
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
            f"sampling_strategy={strategy!r}: a number needs two classes, and there are {len(real)}."
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
                f"sampling_strategy names {label!r}, not among the real rows; known: {list(real)!r}."
            )
        if total < real[label]:
            raise InputError(
                f"sampling_strategy={{{label!r}: {total}}}: there are {real[label]} real rows of it already, and the "
                "number says how many there are to be in all."
            )
    return {
        label: int(total) - real[label] for label, total in totals.items() if total > real[label]
    }


def counts_of_classes(
    source: SupportsSample, n_real: int, ratio: float | None, counts: Mapping[Any, int] | None
) -> np.ndarray:
    """Synthetic rows of each class of `source`: ndarray of shape (n_classes,)."""
    classes = source.classes_
    there: Mapping[Any, int] | None = getattr(source, "counts", None)
    if counts is None:
        n = round((ratio or 0) * n_real)
        if there and n > sum(there.values()):
            raise InputError(
                f"ratio={ratio!r} asks for {n} rows, and the bank holds {there}: build a bank with more."
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
    """Real rows of each class of `source` to replace, and the class of each real row, -1 where the source has none."""
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


def read_labels(data: Dataset[Any]) -> np.ndarray:
    """Labels of a map-style dataset of ``(x, label)``: from an attribute if it has one, else row by row."""
    known = _known_labels(data)
    n = len(data)  # type: ignore[arg-type]
    if (
        known is not None
        and len(known) == n
        and all(known[i] == _plain(data[i][1]) for i in _probes(known))
    ):
        return known
    return np.array([_plain(data[i][1]) for i in range(n)])


def check_labels(labels: Any, n: int) -> np.ndarray:
    """Labels that the user gives for the real rows."""
    array = labels.numpy(force=True) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    if array.ndim != 1:
        raise InputError(
            f"labels have shape {array.shape}: give one class label for each real row."
        )
    check_same_length(n, len(array))
    return array


def check_pair(pair: Any, source: SupportsSample) -> Any:
    """Return the label of a real row, or raise unless the row is ``(x, label)`` with a label as the source has them."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        entries = f" of {len(pair)} entries" if hasattr(pair, "__len__") else ""
        raise InputError(
            f"a row of real is a {type(pair).__name__}{entries}, and must be (x, label)."
        )
    label = _plain(pair[1])
    if not isinstance(label, (str, bool, int, float)) or isinstance(label, str) != (
        source.classes_.dtype.kind == "U"
    ):
        raise InputError(
            f"a real row has the label {label!r}, and those of the source are {source.classes_.tolist()!r}: fit the "
            "sampler on the labels that real gives."
        )
    return pair[1]


def write_labels(labels: np.ndarray, like: Any) -> Sequence[Any]:
    """Labels as the real label `like` is written: a batch cannot hold ints and tensors side by side."""
    if isinstance(like, torch.Tensor):
        return as_tensor(labels).to(like.dtype).reshape(-1, *like.shape).unbind()
    if isinstance(like, (np.ndarray, np.generic)) and like.dtype.kind != "U":
        return list(labels.astype(like.dtype).reshape(-1, *like.shape))
    if isinstance(like, (np.str_, np.ndarray)):
        return list(labels.reshape(-1, *like.shape))
    return [type(like)(label) for label in labels.tolist()]


def _probes(known: np.ndarray) -> list[int]:
    """Rows to look at before labels are believed: the first of each label, which shows a target transform, and some."""
    n = len(known)
    places = {0, n // 2, n - 1} if n else set()
    return sorted(places.union(np.unique(known, return_index=True)[1].tolist()))


def _known_labels(data: Any) -> np.ndarray | None:
    if isinstance(data, Subset):
        inner = _known_labels(data.dataset)
        return None if inner is None else inner[np.asarray(data.indices)]
    if isinstance(data, TensorDataset):
        return _as_column(data.tensors[1]) if len(data.tensors) == 2 else None
    if getattr(data, "target_transform", None) is not None:
        return None
    return _as_column(getattr(data, "targets", None))


def _as_column(labels: Any) -> np.ndarray | None:
    """One number or string for each row, or None if that is not what it is."""
    try:
        array = labels.numpy(force=True) if isinstance(labels, torch.Tensor) else np.asarray(labels)
    except (TypeError, ValueError):  # a dtype that NumPy has not, or rows of unequal length
        return None
    return array if array.ndim == 1 and array.dtype.kind in "biufU" else None


def _plain(label: Any) -> Any:
    if not isinstance(label, (torch.Tensor, np.generic, np.ndarray)):
        return label
    if np.prod(label.shape) != 1:
        raise InputError(
            f"a real row has a label of shape {tuple(label.shape)}: labels must be one class each."
        )
    return label.item()
