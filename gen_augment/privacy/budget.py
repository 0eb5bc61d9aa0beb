"""`Private`: a privacy budget, and what is publicly known of the data."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from gen_augment.archive import as_pairs
from gen_augment.errors import InputError
from gen_augment.types import JSON
from gen_augment.validation import check_range

__all__ = ["Private"]


@dataclass(frozen=True)
class Private:
    """A privacy budget for `fit`, and what is publicly known of the data.

    What an encoding learns leaks as weights do. Bounds, categories and labels are therefore either
    public, given here, or ``"paid"``: learned with noise, for a share of the budget. How a CSV file
    was written is neither: an archive names the readings of its columns, without noise.

    Parameters
    ----------
    epsilon, delta : float
        The budget of the whole archive, ``epsilon > 0`` and ``0 < delta < 1``; delta should be far
        below one over the number of rows. ``epsilon=inf`` trains without privacy.
    max_grad_norm : float
        Norm to which the gradient of each row is clipped.
    bounds : mapping, (float, float), "paid" or None
        Of a table, for each column ``(low, high)``, or ``(low, high, None)`` if values may be
        missing; or the list of its categories, with None if they may be missing; or "paid".
        Ranges of dates cannot be paid for. Booleans need none, and None does not matter where the
        dtype has no missing values. Of images of floats, one ``(low, high)``; images of uint8 need
        none. Values beyond the bounds are clipped.
    classes : sequence of labels, {label: count}, "paid" or None
        All possible labels, with the class counts if these are public too.
    share : float in (0, 1)
        Share of the budget that pays for class counts and for all that is "paid".

    Raises
    ------
    InputError
        A value is out of range.

    Examples
    --------
    >>> from gen_augment import ConditionalFlow
    >>> budget = Private(epsilon=3, delta=1e-5, bounds={"age": (0, 120), "sex": ["f", "m"]})
    >>> ConditionalFlow(privacy=budget).privacy.epsilon
    3
    """

    epsilon: float
    delta: float
    max_grad_norm: float = 1.0
    bounds: Any = None
    classes: Any = None
    share: float = 0.1

    def __post_init__(self) -> None:
        check_range("epsilon", self.epsilon, 0, np.inf, open_low=True)
        check_range("delta", self.delta, 0, 1, open_low=True, open_high=True)
        check_range("max_grad_norm", self.max_grad_norm, 0, open_low=True)
        check_range("share", self.share, 0, 1, open_low=True, open_high=True)
        bounds, classes = _known("bounds", self.bounds), _known("classes", self.classes)
        if isinstance(bounds, Mapping):
            bounds = {name: _column(f"bounds[{name!r}]", part) for name, part in bounds.items()}
            flat = [name for name, part in bounds.items() if isinstance(part, Mapping)]
            if flat:
                raise InputError(f"bounds[{flat[0]!r}] is a dict: give (low, high) or a list.")
        if isinstance(classes, Mapping):
            for label, count in classes.items():
                if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 1:
                    raise InputError(
                        f"classes={{{label!r}: {count!r}}}: public counts are whole and at least 1."
                    )
        elif isinstance(classes, (list, tuple)):
            if not all(isinstance(label, Hashable) for label in classes):
                raise InputError(f"classes={self.classes!r}: a label is one value, not a list.")
            if len(set(classes)) < len(classes):
                raise InputError(f"classes={self.classes!r}: give each label once.")
        object.__setattr__(self, "bounds", bounds)
        object.__setattr__(self, "classes", classes)

    @property
    def is_finite(self) -> bool:
        """Whether there is a guarantee."""
        return bool(np.isfinite(self.epsilon))

    def to_json(self) -> JSON:
        """Return the budget as JSON values."""
        return {
            "epsilon": float(self.epsilon),
            "delta": float(self.delta),
            "max_grad_norm": float(self.max_grad_norm),
            "bounds": _plain(self.bounds),
            "classes": _plain(self.classes),
            "share": float(self.share),
        }

    @classmethod
    def from_json(cls, record: JSON | None) -> Self | None:
        """Rebuild from `to_json`; None for None."""
        return None if record is None else cls(**record)


def _known(name: str, value: Any) -> Any:
    """Return what is public, or "paid". Tuples are bounds; other collections become lists.

    Raises
    ------
    InputError
        It is neither.
    """
    if value is None or isinstance(value, (Mapping, tuple)):
        return value
    if isinstance(value, str) and value == "paid":
        return value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (pd.Series, pd.Index, np.ndarray, list, range)):
        return list(value.tolist() if hasattr(value, "tolist") else value)
    raise InputError(f"{name}={value!r} is neither a collection of public values nor 'paid'.")


def _column(name: str, value: Any) -> Any:
    """Return what is public of a column, with None for a missing value of any kind."""
    known = _known(name, value)
    if not isinstance(known, (list, tuple)):
        return known
    if not all(isinstance(part, Hashable) for part in known):
        raise InputError(f"{name}={value!r}: a category is one value, not a list.")
    gone = [pd.api.types.is_scalar(part) and pd.isna(part) for part in known]
    return type(known)(None if is_gone else part for part, is_gone in zip(known, gone, strict=True))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return as_pairs({key: _plain(item) for key, item in value.items()})
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if hasattr(value, "isoformat") else value
