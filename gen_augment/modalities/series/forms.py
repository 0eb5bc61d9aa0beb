"""What users hold series in: arrays, Tensors, and lists of arrays or Tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities.image.pixels import DTYPES, element

__all__ = ["Form", "is_ragged", "read_series"]

Container = Literal["ndarray", "tensor", "list", "objects"]


@dataclass(frozen=True)
class Form:
    """The form of series, in which decoded ones are rebuilt.

    Attributes
    ----------
    container : {"ndarray", "tensor", "list", "objects"}
        "objects" is an array of objects, one for each series.
    item : {"ndarray", "tensor"}
        What one series is.
    dtype : str
        Of the values, as in `ImageCodec`.
    has_channels : bool
        Whether a series has an axis of channels, before that of time.
    """

    container: Container
    item: Literal["ndarray", "tensor"]
    dtype: str
    has_channels: bool

    def build(self, values: Tensor, lengths: np.ndarray) -> Any:
        """Return series from values (n, C, L) in the range of the dtype, and their lengths."""
        dtype = getattr(torch, element(self.dtype))
        if not dtype.is_floating_point:
            values = values.round()
        values = values.to(dtype)
        if not self.has_channels:
            values = values[:, 0]
        if self.container == "tensor":
            return values.contiguous()
        rows: Any = values.cpu()
        if self.item == "ndarray":
            rows = rows.numpy().astype(self.dtype, copy=False)
        if self.container == "ndarray":
            return np.ascontiguousarray(rows)
        parts = [row[..., :n] for row, n in zip(rows, lengths.tolist(), strict=True)]
        copies = [part.clone() if isinstance(part, Tensor) else part.copy() for part in parts]
        return self.collect(copies)

    def collect(self, rows: list[Any]) -> Any:
        """Return the rows as a list or an array of objects."""
        return rows if self.container == "list" else as_objects(rows)


def read_series(X: Any) -> tuple[Form, np.ndarray, np.ndarray]:
    """Return the form of series, their values padded with zeros, and their lengths.

    Parameters
    ----------
    X : array or Tensor of shape (n, C, L) or (n, L), or a list or array of such rows

    Returns
    -------
    form : Form
    values : ndarray of shape (n, C, L)
        In native byte order.
    lengths : ndarray of shape (n,)

    Raises
    ------
    InputError
        These are not series of numbers with one number of channels.
    """
    if isinstance(X, Tensor) or (isinstance(X, np.ndarray) and X.dtype != object):
        return _read_array(X)
    if isinstance(X, (list, tuple, np.ndarray)):
        return _read_list(list(X), isinstance(X, np.ndarray))
    raise InputError(
        f"X is a {type(X).__name__}: give series as an array or a Tensor of shape (n, channels, "
        "length) or (n, length), or as a list of them if their lengths differ."
    )


def is_ragged(X: Any) -> bool:
    """Return whether `X` is a list, or an array of objects, of series of different lengths."""
    if not isinstance(X, (list, tuple)) and getattr(X, "dtype", None) != np.dtype(object):
        return False
    shapes = {tuple(getattr(row, "shape", ())) for row in X}
    channels = {shape[:-1] for shape in shapes}  # () for series without an axis of channels
    return len(shapes) > 1 and len(channels) == 1 and all(len(shape) in (1, 2) for shape in shapes)


def as_objects(rows: Sequence[Any]) -> np.ndarray:
    """Return an array of shape (n,) whose elements are the rows."""
    array = np.empty(len(rows), dtype=object)
    for number, row in enumerate(rows):
        array[number] = row
    return array


def _read_array(X: Any) -> tuple[Form, np.ndarray, np.ndarray]:
    values, dtype = _numbers(X, "X")
    if values.ndim not in (2, 3):
        raise InputError(
            f"X has {values.ndim} dimensions, shape {values.shape}: give series of shape (n, "
            "channels, length) or (n, length)."
        )
    kind: Any = "tensor" if isinstance(X, Tensor) else "ndarray"
    form = Form(kind, kind, dtype, values.ndim == 3)
    values = values if values.ndim == 3 else values[:, None]
    return form, values, np.full(len(values), values.shape[2])


def _read_list(X: list[Any], is_array: bool) -> tuple[Form, np.ndarray, np.ndarray]:
    pairs = [_numbers(row, f"series {number} of X") for number, row in enumerate(X)]
    rows, dtypes = [row for row, _ in pairs], {dtype for _, dtype in pairs}
    axes = {row.ndim for row in rows}
    channels = {row.shape[0] if row.ndim == 2 else 1 for row in rows}
    if axes not in ({1}, {2}) or len(channels) > 1:
        shapes = sorted({row.shape for row in rows})[:4]
        raise InputError(
            f"X is a list of series of shapes such as {shapes}: give all of them the shape "
            "(channels, length) with one number of channels, or (length,)."
        )
    has_channels, (n_channels,) = axes == {2}, channels
    lengths = np.array([row.shape[-1] for row in rows])
    dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(*rows).name
    values = np.zeros((len(rows), n_channels, lengths.max()), np.result_type(*rows))
    for number, row in enumerate(rows):
        values[number, :, : row.shape[-1]] = row
    item: Any = "tensor" if all(isinstance(row, Tensor) for row in X) else "ndarray"
    container: Any = "objects" if is_array else "list"
    return Form(container, item, dtype, has_channels), values, lengths


def _numbers(X: Any, what: str) -> tuple[np.ndarray, str]:
    """Return values in native byte order, and the dtype."""
    if isinstance(X, Tensor):
        dtype = str(X.dtype).removeprefix("torch.")
        if dtype not in DTYPES or X.layout != torch.strided:
            raise InputError(
                f"{what} is a {X.layout} Tensor of {X.dtype}: give dense real numbers."
            )
        X = X.detach().cpu()
        return (X.float() if X.dtype == torch.bfloat16 else X).numpy(), dtype
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise InputError(f"{what} is not an array: {error}") from error
    if array.dtype.name not in DTYPES:
        raise InputError(f"{what} has the dtype {array.dtype}: give real numbers, such as floats.")
    if array.dtype.isnative:
        return array, array.dtype.name
    return array.astype(array.dtype.newbyteorder("=")), array.dtype.str
