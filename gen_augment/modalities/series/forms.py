"""What users hold series in: arrays, Tensors, DataFrames, and lists of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import as_pandas, converted_from, to_library, unmasked
from gen_augment.errors import InputError
from gen_augment.modalities.image.pixels import DTYPES, element
from gen_augment.types import JSON

__all__ = [
    "CONTAINERS",
    "STACKED",
    "Form",
    "first_bad",
    "is_ragged",
    "may_be_series",
    "read_series",
]

Container = Literal["ndarray", "tensor", "list", "objects", "nested", "wide"]
CONTAINERS = ("ndarray", "tensor", "list", "objects", "nested", "wide")
#: Containers that hold series of one length only.
STACKED = ("ndarray", "tensor", "wide")


@dataclass(frozen=True)
class Form:
    """The form of series, in which decoded ones are rebuilt.

    Attributes
    ----------
    container : {"ndarray", "tensor", "list", "objects", "nested", "wide"}
        "objects" is an array of objects, one for each series. "nested" is a DataFrame with a
        column for each channel, whose cells are series; "wide" one with a column for each step.
    item : {"ndarray", "tensor", "frame", "series"}
        What one series is, or one cell of a nested DataFrame. A "frame" is a DataFrame with a line
        for each step and a column for each channel, a "series" one of pandas.
    dtype : str
        Of the values, as in `ImageCodec`.
    has_channels : bool
        Whether a series has an axis of channels.
    names : tuple, optional
        Names of the columns.
    dtypes : tuple, optional
        Dtype of each channel of a DataFrame.
    library : str
        The library of a wide DataFrame, if it is not pandas: "polars".
    """

    container: Container
    item: Literal["ndarray", "tensor", "frame", "series"]
    dtype: str
    has_channels: bool
    names: tuple[Any, ...] | None = None
    dtypes: tuple[str, ...] | None = None
    library: str = ""

    @classmethod
    def from_json(cls, record: JSON) -> Self:
        """Rebuild a form from its fields as JSON values."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in record.items()
        }
        return cls(**fields)

    def build(self, values: Tensor, lengths: np.ndarray) -> Any:
        """Return series from values (n, C, L) in the range of the dtype, and their lengths."""
        dtype = getattr(torch, element(self.dtype))
        values = (values if dtype.is_floating_point else values.round()).to(dtype)
        if self.container == "tensor":
            return (values if self.has_channels else values[:, 0]).contiguous()
        values = values.cpu()
        if self.item == "tensor":
            return self.collect(values, lengths)
        return self.collect(values.numpy().astype(self.dtype, copy=False), lengths)

    def collect(self, values: Any, lengths: np.ndarray) -> Any:
        """Return series from values (n, C, L) of the dtype, an array or a Tensor."""
        if self.container == "nested":
            return self._nested(values, lengths)
        if not self.has_channels:
            values = values[:, 0]
        if self.container == "wide":
            return to_library(pd.DataFrame(values, columns=list(self.names or ())), self.library)
        if self.container == "ndarray":
            return np.ascontiguousarray(values)
        rows = [self._item(row, n) for row, n in zip(values, lengths.tolist(), strict=True)]
        return rows if self.container == "list" else as_objects(rows)

    def _item(self, row: Any, length: int) -> Any:
        if self.item == "frame":
            return self._frame(self._channels(row[:, :length]))
        part = row[..., :length]
        if self.item == "series":
            return pd.Series(part.copy())
        return part.clone() if isinstance(part, Tensor) else part.copy()

    def _nested(self, values: np.ndarray, lengths: np.ndarray) -> pd.DataFrame:
        cell: Any = pd.Series if self.item == "series" else np.asarray
        columns = []
        for channel in self._channels(values.swapaxes(0, 1)):  # (n, L)
            pairs = zip(channel, lengths.tolist(), strict=True)
            columns.append(as_objects([cell(row[:n].copy()) for row, n in pairs]))
        return self._frame(columns)

    def _channels(self, values: np.ndarray) -> list[np.ndarray]:
        """Return copies of channels, each with its dtype."""
        return [
            (np.rint(channel) if np.dtype(dtype).kind in "biu" else channel).astype(dtype)
            for channel, dtype in zip(values, self.dtypes or (), strict=True)
        ]

    def _frame(self, columns: list[np.ndarray]) -> pd.DataFrame:
        frame = pd.DataFrame(dict(enumerate(columns)))
        return frame.set_axis(list(self.names or ()), axis=1)


def read_series(X: Any) -> tuple[Form, np.ndarray, np.ndarray]:
    """Return the form of series, their values padded with their last ones, and their lengths.

    Parameters
    ----------
    X : array or Tensor of shape (n, C, L) or (n, L), list or array of such rows, DataFrame, or list
        of DataFrames

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
    if isinstance(X, Tensor) or (isinstance(X, np.ndarray) and X.dtype != np.dtype(object)):
        return _read_array(X)
    X = as_pandas(X)
    if isinstance(X, pd.DataFrame):
        return _read_nested(X) if is_nested(X) else _read_wide(X)
    if isinstance(X, (list, tuple, np.ndarray)):
        rows: list[Any] = list(X)
        container: Container = "objects" if isinstance(X, np.ndarray) else "list"
        return _read_list(rows, container)
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


def may_be_series(X: Any) -> bool:
    """Return whether `X` is an array of two or three axes, or a list of series of any lengths."""
    is_array = len(getattr(X, "shape", ())) in (2, 3) and not hasattr(X, "columns")
    return is_array or is_ragged(X)


def first_bad(bad: np.ndarray, values: np.ndarray) -> tuple[int, int, int, str, int]:
    """Return where the first of some values that are not finite is, what it is, and how many rows.

    Parameters
    ----------
    bad : ndarray of shape (n, C, L), bool
        With at least one True.
    values : ndarray of shape (n, C, L)

    Returns
    -------
    number, channel, step : int
    what : str
    n_bad : int
        Rows that have such values.
    """
    number, channel, step = (int(place) for place in np.argwhere(bad)[0])
    what = "no value (NaN)" if np.isnan(values[number, channel, step]) else "infinity"
    return number, channel, step, what, int(bad.any(axis=(1, 2)).sum())


def is_nested(X: Any) -> bool:
    """Return whether `X` is a DataFrame whose first line holds a series in each cell."""
    if not isinstance(X, pd.DataFrame) or not X.size:
        return False
    # A line of a table would have to find one dtype for cells of all columns.
    if any(not isinstance(d, np.dtype) or d.kind != "O" for d in X.dtypes):
        return False
    return all(isinstance(X.iat[0, i], (pd.Series, np.ndarray)) for i in range(X.shape[1]))


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


def _read_list(X: list[Any], container: Container) -> tuple[Form, np.ndarray, np.ndarray]:
    if all(isinstance(row, pd.DataFrame) for row in X):
        return _read_frames(X, container)
    rows, dtype, is_2d = _stacked(X)
    item: Any = "tensor" if all(isinstance(row, Tensor) for row in X) else "ndarray"
    item = "series" if all(isinstance(row, pd.Series) for row in X) else item
    return Form(container, item, dtype, is_2d), *_padded(rows)


def _read_frames(X: list[Any], container: Container) -> tuple[Form, np.ndarray, np.ndarray]:
    names, rows = _names(X[0]), []
    for number, frame in enumerate(X):
        if _names(frame) != names:
            raise InputError(
                f"series {number} of X has the columns {list(frame.columns)}, and the first one "
                f"has {list(names)}: give all of them the same channels."
            )
        rows.append(_plain(frame, f"series {number} of X", "convert it").T)
    rows, dtype, _ = _stacked(rows)
    dtypes = _dtypes([frame.dtypes for frame in X])
    return Form(container, "frame", dtype, True, names, dtypes), *_padded(rows)


def _read_nested(X: pd.DataFrame) -> tuple[Form, np.ndarray, np.ndarray]:
    rows, dtypes = [], []
    for number, cells in enumerate(X.itertuples(index=False, name=None)):
        parts = [_numbers(cell, f"series {number} of X")[0] for cell in cells]
        if len({part.shape for part in parts}) > 1 or parts[0].ndim != 1:
            shapes = [part.shape for part in parts]
            raise InputError(
                f"series {number} of X has channels of shapes {shapes}: give each one the same "
                "number of steps."
            )
        rows.append(np.stack(parts))
        dtypes.append([part.dtype for part in parts])
    rows, dtype, _ = _stacked(rows)
    item: Any = "series" if isinstance(X.iloc[0, 0], pd.Series) else "ndarray"
    form = Form("nested", item, dtype, True, _names(X), _dtypes(dtypes))
    return form, *_padded(rows)


def _read_wide(X: pd.DataFrame) -> tuple[Form, np.ndarray, np.ndarray]:
    remedy = (
        "give a column for each step, cells that are series, or long rows through "
        "gen_augment.modalities.series.from_long"
    )
    values, dtype = _numbers(_plain(X, "X", remedy), "X")
    form = Form("wide", "ndarray", dtype, False, _names(X), library=converted_from(X))
    return form, values[:, None], np.full(len(values), values.shape[1])


def _plain(frame: pd.DataFrame, what: str, remedy: str) -> np.ndarray:
    """Return the numbers of a DataFrame in one dtype."""
    for name, dtype in frame.dtypes.items():
        if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
            raise InputError(
                f"column {name!r} of {what} is {dtype}, not numbers of NumPy: {remedy}."
            )
    # By itself, pandas makes objects of numbers and truth values; bool changes no other dtype.
    return frame.to_numpy(np.result_type(np.bool_, *frame.dtypes))


def _names(frame: pd.DataFrame) -> tuple[str | int, ...]:
    names = tuple(n.item() if isinstance(n, np.generic) else n for n in frame.columns)
    for name in names:
        if not isinstance(name, (str, int)):
            raise InputError(f"the column {name!r} of X is no text: rename the columns.")
    return names


def _dtypes(rows: Sequence[Iterable[np.dtype[Any]]]) -> tuple[str, ...]:
    """Return the dtype of each channel, over all series."""
    return tuple(np.result_type(*channel).name for channel in zip(*rows, strict=True))


def _stacked(X: list[Any]) -> tuple[list[np.ndarray], str, bool]:
    """Return rows of shape (C, length), their dtype, and whether they had an axis of channels."""
    pairs = [_numbers(row, f"series {number} of X") for number, row in enumerate(X)]
    rows, dtypes = [row for row, _ in pairs], {dtype for _, dtype in pairs}
    axes, channels = {row.ndim for row in rows}, {row.shape[:-1] for row in rows}
    if axes not in ({1}, {2}) or len(channels) > 1:
        shapes = sorted({row.shape for row in rows})[:4]
        raise InputError(
            f"X is a list of series of shapes such as {shapes}: give all of them the shape "
            "(channels, length) with one number of channels, or (length,)."
        )
    dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(*rows).name
    return [row if row.ndim == 2 else row[None] for row in rows], dtype, axes == {2}


def _padded(rows: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([row.shape[1] for row in rows])
    shape = (len(rows), rows[0].shape[0], int(lengths.max()))
    values = np.zeros(shape, np.result_type(*rows))
    for row, out, n in zip(rows, values, lengths.tolist(), strict=True):
        out[:, :n] = row
        out[:, n:] = row[:, -1:] if n else 0
    return values, lengths


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
        array = np.asarray(unmasked(X))
    except ValueError as error:
        raise InputError(f"{what} is not an array: {error}") from error
    if array.dtype.name not in DTYPES or array.ndim == 0:
        raise InputError(
            f"{what} is a {type(X).__name__} of dtype {array.dtype}: give real numbers, such as "
            "floats."
        )
    if array.dtype.isnative:
        return array, array.dtype.name
    return array.astype(array.dtype.newbyteorder("=")), array.dtype.str
