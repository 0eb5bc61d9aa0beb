"""Training rows, drawn with replacement: the baseline of every generator."""

import copy
from typing import Any

import numpy as np
from torch import Tensor

from gen_augment.containers import converted_from, take, to_library
from gen_augment.data import Rows
from gen_augment.rng import derive_seed, uniform
from gen_augment.samplers.classical.base import ClassicalSampler, pack_rows, unpack_rows

__all__ = ["BootstrapSampler"]


class BootstrapSampler(ClassicalSampler):
    """Rows of the class, drawn with replacement, as in random over-sampling (Efron 1979).

    Works with rows of every modality. Training rows are kept, and saved.

    Parameters
    ----------
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows.

    Examples
    --------
    >>> sampler = BootstrapSampler(random_state=0).fit([[1.0], [2.0], [5.0]], ["a", "a", "b"])
    >>> sampler.sample(y={"b": 2})[0].tolist()
    [[5.0], [5.0]]
    """

    method = "bootstrap"
    min_rows_per_class = 1

    def _learn(self, rows: Rows) -> None:
        self._set_codec(rows.codec)
        self._rows = rows.X

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        rows = take(self._rows, self._pick(codes, uniform(index, derive_seed(seed, "row"))))
        rows = to_library(rows, converted_from(rows))
        # Copies of PIL images: a transform may write to its input.
        return [copy.copy(row) for row in rows] if isinstance(rows, list) else rows

    def _to_tensors(self) -> dict[str, Tensor]:
        return {"rows": pack_rows(self.codec_, self._rows)}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        self._rows = unpack_rows(self.codec_, tensors["rows"], int(self.class_count_.sum()))
