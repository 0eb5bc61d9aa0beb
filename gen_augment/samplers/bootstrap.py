"""Training rows again: what every generator has to beat."""

from typing import Any

import numpy as np

from gen_augment.codecs import infer_codec, take
from gen_augment.rng import derive_seed, uniform
from gen_augment.samplers.classical import KeepsRows

__all__ = ["BootstrapSampler"]


class BootstrapSampler(KeepsRows):
    """Rows of the class, drawn with replacement, as random over-sampling does (Efron 1979); for images and tables.

    Parameters
    ----------
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    random_state : int, RandomState or None
        Names the table of rows.

    Examples
    --------
    >>> sampler = BootstrapSampler(random_state=0).fit([[1.0], [2.0], [5.0]], ["a", "a", "b"])
    >>> sampler.sample(y={"b": 2})[0].tolist()
    [[5.0], [5.0]]
    """

    min_rows_per_class = 1

    def _check_rows(self, X: Any) -> None:
        self._codec, _ = infer_codec(X, self.column_types)
        self._set_names(X)

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        return take(self._rows, self._pick(codes, uniform(index, derive_seed(seed, "row"))))
