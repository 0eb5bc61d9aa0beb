"""Series of unequal lengths as one table with a line for each step, and as padded batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import default_collate

from gen_augment.containers import as_pandas, pad_rows
from gen_augment.errors import InputError

__all__ = ["collate_series", "from_long", "to_long"]


def from_long(
    frame: pd.DataFrame,
    *,
    series: str = "id",
    time: str | None = "time",
    target: str | None = None,
) -> tuple[list[pd.DataFrame], list[Any] | None]:
    """Split a long table into one DataFrame for each series.

    Parameters
    ----------
    frame : DataFrame
    series, time : str
        Columns of the series that a line belongs to, and of its time, by which lines are sorted.
        None for `time` keeps their order.
    target : str, optional
        Column of the labels, which are constant in a series.

    Returns
    -------
    X : list of DataFrame
        In order of the first line of each series, with the other columns as channels.
    y : list of labels, or None

    Raises
    ------
    InputError
        A column is missing, two lines have one time, or a series has several labels.
    """
    frame = as_pandas(frame)
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"the table is a {type(frame).__name__}: give a DataFrame.")
    special = [name for name in (series, time, target) if name is not None]
    missing = [name for name in special if name not in frame.columns]
    if missing:
        raise InputError(f"the table has no column {missing[0]!r}: it has {list(frame.columns)}.")
    for column in special:
        if frame[column].isna().any():
            line = int(np.argmax(frame[column].isna().to_numpy()))
            raise InputError(
                f"line {line} of the table has no {column!r}: fill it in or drop the line."
            )
    channels = [name for name in frame.columns if name not in special]
    if not channels or frame.empty:
        raise InputError(
            f"the table has {len(frame)} lines and the channels {channels}: at least one of both "
            f"is needed, besides {special}."
        )
    rows, labels = [], []
    for name, part in frame.groupby(series, sort=False):
        if time is not None:
            if part[time].duplicated().any():
                twice = part[time][part[time].duplicated()].iloc[0]
                raise InputError(f"series {name!r} has two lines of {time}={twice}: merge them.")
            part = part.sort_values(time)
        if target is not None:
            found = part[target].unique().tolist()
            if len(found) > 1:
                raise InputError(
                    f"series {name!r} has the labels {found[:3]}: a series has one label."
                )
            labels.append(found[0])
        rows.append(part[channels].reset_index(drop=True))
    return rows, labels if target is not None else None


def to_long(
    X: list[pd.DataFrame],
    y: Any = None,
    *,
    series: str = "id",
    time: str = "time",
    target: str = "label",
) -> pd.DataFrame:
    """Join DataFrames, one for each series, into a long table.

    Series and their steps are numbered from 0.

    Raises
    ------
    InputError
        `X` is no list of DataFrames, they differ in their columns, `y` has not one label for each,
        or a channel has the name of another column.
    """
    if not isinstance(X, list) or not X or not all(isinstance(row, pd.DataFrame) for row in X):
        raise InputError("X is no list of DataFrames: give pd.DataFrame(row.T) for each series.")
    if y is not None and len(y) != len(X):
        raise InputError(f"X has {len(X)} series and y has {len(y)} labels: give one for each.")
    for number, row in enumerate(X):
        if set(row.columns) != set(X[0].columns):  # pandas would fill the gaps with NaN
            raise InputError(
                f"X[{number}] has the columns {list(row.columns)}, and X[0] has "
                f"{list(X[0].columns)}: give all series the same columns."
            )
    taken = [name for name in (series, time, target) if name in X[0].columns]
    if taken:
        raise InputError(f"a channel is named {taken[0]!r} too: name the other column otherwise.")
    lengths = np.array([len(row) for row in X], dtype=np.int64)
    frame = pd.concat(X, ignore_index=True)
    steps = np.concatenate([np.arange(n) for n in lengths])
    frame.insert(0, series, np.repeat(np.arange(len(X)), lengths))
    frame.insert(1, time, steps)
    if y is not None:
        frame[target] = np.repeat(np.asarray(y), lengths)
    return frame


def collate_series(batch: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Collate items of a series and a label for a DataLoader, with zeros after the ends.

    Returns ``(X, lengths)``, with X of shape (B, ..., longest), then the labels.

    Raises
    ------
    InputError
        Series differ in their number of channels or in their dtype.
    """
    padded = pad_rows([torch.as_tensor(item[0]) for item in batch])
    return [padded, *default_collate([tuple(item[1:]) for item in batch])]
