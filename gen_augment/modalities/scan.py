"""Learning an encoding from rows that arrive in parts, in one pass and constant memory."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gen_augment.containers import concatenate, take

__all__ = ["Scan"]


class Scan:
    """Learns an encoding from a random sample of all rows, and the rows that bound them.

    Parameters
    ----------
    modality : Modality
    extremes : callable, optional
        Positions of the rows that bound given ones, such as the longest. Those of two parts
        together must be among the extremes of each.

    Examples
    --------
    >>> from gen_augment.modalities import Series
    >>> scan = Series().views.scan(Series())
    >>> scan.add([np.array([[1.0, 2.0]]), np.array([[3.0, 9.0, 4.0]])])
    >>> scan.codec([np.array([[1.0, 2.0]])]).high
    (9.0,)
    """

    def __init__(self, modality: Any, extremes: Callable[[Any], list[int]] | None = None) -> None:
        self.modality = modality
        self._extremes = extremes
        self._kept: Any = None

    def add(self, X: Any) -> None:
        """Look at a part of the rows.

        Raises
        ------
        InputError
            The rows cannot be encoded, or not together with those before.
        """
        if self._extremes is not None:
            rows = X if self._kept is None else concatenate([self._kept, X])
            index = np.array(sorted(set(self._extremes(rows))), np.int64)
            self._kept = take(rows, index) if len(index) else None

    def codec(self, sample: Any) -> Any:
        """Return the encoding of all rows, from a random sample of them.

        Parameters
        ----------
        sample : rows, in the container of the parts
        """
        rows = sample if self._kept is None else concatenate([sample, self._kept])
        return self.modality.fit(rows)[0]
