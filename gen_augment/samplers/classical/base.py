"""The base of samplers without a network, which learn from all rows at once.

To write one, subclass `ClassicalSampler` and write `_learn`, `_make`, `_to_tensors` and
`_from_tensors`.
"""

from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gen_augment.containers import take
from gen_augment.data import LabelCodec, Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Codec, Modality
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.samplers import persistence
from gen_augment.samplers.base import Sampler
from gen_augment.types import JSON

__all__ = ["ClassicalSampler", "below", "check_flat", "check_tensor", "pack_rows", "unpack_rows"]


class ClassicalSampler(Sampler):
    """Base class of samplers without a network.

    Parameters
    ----------
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows.
    """

    _holds_rows = True

    def __init__(
        self, *, modality: str | Modality | None = None, random_state: RandomState = None
    ) -> None:
        self.modality = modality
        self.random_state = random_state

    def _learn(self, rows: Rows) -> None:
        """Learn from labelled rows, sorted by class, and call `_set_codec`.

        As written here and in the two methods below, what is kept is the encoded rows.
        """
        check_flat(rows.codec, type(self).__name__)
        self._set_codec(rows.codec)
        self._points = rows.encoded
        self._prepare()

    def _prepare(self) -> None:
        """Derive from `_points` what `_make` needs."""

    def _to_tensors(self) -> dict[str, Tensor]:
        """Return everything that was learned."""
        return {"points": self._points}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take it back, or raise if it does not fit together."""
        points = tensors["points"]
        check_flat(self.codec_, type(self).__name__)
        check_tensor("points", points, (int(self.class_count_.sum()), *self.codec_.shape))
        self._points = points
        self._prepare()

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from all labelled rows; see `Sampler.fit`."""
        self._check_params()
        rows = self._read(X, y)
        learned = type(self)(**self.get_params(deep=False))  # an error leaves the previous fit
        learned._set_labels(rows.labels, rows.class_counts, resolve_seed(self.random_state))
        try:
            ordered = _sorted_by_class(rows)
            learned._learn(ordered)
        except InputError:
            _ = rows.encoded  # raises with the numbers that rows have in the user's order
            raise
        learned._remember(ordered)
        for name in ("codec_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        self.__dict__.update(learned.__dict__)
        return self

    def _set_labels(self, labels: LabelCodec, counts: np.ndarray, seed: int) -> None:
        super()._set_labels(labels, counts, seed)
        self._first = np.cumsum(counts) - counts  # position of the first row of each class

    def _pick(self, codes: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the position of a training row of each class, uniform if `u` is, in [0, 1)."""
        return np.asarray(self._first[codes] + below(u, self.class_count_[codes]))

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        return persistence.header_of(self), self._to_tensors()

    def _restore(self, header: JSON, tensors: dict[str, Tensor], device: str) -> None:
        self._from_tensors(tensors)


def pack_rows(codec: Codec, X: Any) -> Tensor:
    """Return rows in the user's form as bytes: Tensor of shape (n, n_bytes), uint8."""
    packed = np.ascontiguousarray(codec.pack(X))
    return torch.from_numpy(packed.reshape(len(packed), -1).view(np.uint8).copy())


def unpack_rows(codec: Codec, stored: Tensor, n: int) -> Any:
    """Return the `n` rows that `pack_rows` was given.

    Raises
    ------
    InputError
        The bytes are not `n` rows of this form.
    """
    one = codec.pack(codec.decode(torch.zeros(1, *codec.shape)))
    found = stored.numpy()
    size = int(np.prod(one.shape[1:], dtype=np.int64)) * one.dtype.itemsize
    if found.shape != (n, size) or found.dtype != np.uint8:
        raise InputError(
            f"the rows have shape {found.shape} and dtype {found.dtype}; ({n}, {size}) and uint8 "
            "are expected."
        )
    array = np.ascontiguousarray(found).view(one.dtype).reshape(n, *one.shape[1:])
    rows = codec.unpack(array)
    codec.encode(rows)  # raises for values that are not valid
    return rows


def check_flat(codec: Codec, method: str) -> None:
    """Raise `InputError` unless rows are encoded as vectors."""
    if len(codec.shape) != 1:
        raise InputError(
            f"{method} needs rows that are encoded as vectors, and {codec.modality.name} rows have "
            f"the shape {codec.shape}: use BootstrapSampler or a sampler with a network."
        )


def check_tensor(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `InputError` unless a tensor has the shape and holds finite numbers."""
    if (
        tuple(tensor.shape) != tuple(shape)
        or not tensor.is_floating_point()
        or not bool(tensor.isfinite().all())
    ):
        raise InputError(
            f"{name!r} has shape {tuple(tensor.shape)}, or values that are not finite; {shape} is "
            "expected."
        )


def below(u: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return whole numbers from 0 to n - 1, uniform if `u` is uniform in [0, 1)."""
    return np.asarray(np.minimum((u * n).astype(np.int64), n - 1))


def _sorted_by_class(rows: Rows) -> Rows:
    """Return the labelled rows in order of class; they are not encoded yet unless `rows` are."""
    codes = rows.codes
    if rows.n_classes < 2**15:
        codes = codes.astype(np.int16)  # NumPy sorts these in linear time
    order = np.argsort(codes, kind="stable")[(codes < 0).sum() :]
    if "_fitted" in vars(rows):
        return rows.take(order)
    return replace(rows, X=take(rows.X, order), codes=rows.codes[order], groups=None)
