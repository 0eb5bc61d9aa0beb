"""Training rows under random changes that keep their labels, such as warping of series."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.rng import RandomState, derive_seed, normal, uniform
from gen_augment.samplers.classical.base import ClassicalSampler, below, check_tensor

__all__ = ["TransformSampler"]

#: Rows that are changed at a time.
PART_ROWS = 256


class TransformSampler(ClassicalSampler):
    """Training rows, each changed at random by transforms of its modality.

    Series have "window_warp", "window_slice", "time_warp", "magnitude_warp", "jitter", "scaling",
    "guided_warp" and "barycentre", see `gen_augment.modalities.series.transforms`. Training rows
    are kept, and saved.

    Parameters
    ----------
    transforms : str or sequence of str, optional
        Applied one after the other; by default the first one of the modality.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows.

    Examples
    --------
    >>> X = np.sin(np.arange(40) / 5 + np.arange(6)[:, None])
    >>> sampler = TransformSampler(transforms="time_warp", modality="series", random_state=0)
    >>> rows, _ = sampler.fit(X, [0, 1] * 3).sample(9)
    >>> starts = np.abs(rows[:, :1] - X[:, 0]).min(axis=1)  # of the nearest training row
    >>> rows.shape, bool((starts < 1e-5).all())
    ((9, 40), True)
    """

    method = "transform"
    min_rows_per_class = 1

    def __init__(
        self,
        *,
        transforms: str | Sequence[str] | None = None,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.transforms = transforms

    def _learn(self, rows: Rows) -> None:
        self._set_codec(rows.codec)
        self._chosen = self._choose(rows.modality)
        self._points = rows.encoded

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        points = tensors["points"]
        check_tensor("points", points, (int(self.class_count_.sum()), *self.codec_.shape))
        self._points, self._chosen = points, self._choose(self.codec_.modality)

    def _choose(self, modality: Modality) -> list[str]:
        known = modality.transforms
        if not known:
            raise InputError(
                f"TransformSampler needs transforms, and {modality.name} rows have none: use "
                "PerturbSampler or SMOTESampler for tables."
            )
        names = self.transforms
        if names is None:
            names = next(iter(known))
        names = [names] if isinstance(names, str) else list(names)
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise InputError(
                f"transforms={self.transforms!r}: give one or more of {', '.join(known)}."
            )
        return names

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        parts = [
            self._changed(index[start : start + PART_ROWS], codes[start : start + PART_ROWS], seed)
            for start in range(0, len(index), PART_ROWS)
        ]
        return self.codec_.decode_parts(parts)

    def _changed(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Tensor:
        row = self._pick(codes, uniform(index, derive_seed(seed, "row")))
        x = self._points[torch.from_numpy(row)]
        for name in self._chosen:
            transform = self.codec_.modality.transforms[name]
            n_random, shape = transform.n_random(self.codec_.shape), (transform.n_others,)
            u = uniform(index, derive_seed(seed, name, "others"), shape)
            others = self._others(row, codes, u)
            z = normal(index, (n_random,), derive_seed(seed, name))
            x = transform.apply(x, self._points[torch.from_numpy(others)], z)
        return x

    def _others(self, row: np.ndarray, codes: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return positions (n, n_others) of other rows of the class, if there are any."""
        first, count = self._first[codes][:, None], self.class_count_[codes][:, None]
        other = first + below(u, np.maximum(count - 1, 1))
        found: np.ndarray = np.where((other >= row[:, None]) & (count > 1), other + 1, other)
        return found
