"""Missing cells of a table: where they are in encoded rows, and how they are filled."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import as_pandas, stack_rows, to_library
from gen_augment.modalities.base import Gaps
from gen_augment.modalities.table.category import CategoryColumn
from gen_augment.modalities.table.columns import Column
from gen_augment.modalities.table.frames import columns_of

__all__ = ["fill_cells", "find_gaps"]


def find_gaps(codec: Any, X: Any) -> Gaps:
    """Return encoded rows, and which of their values belong to missing cells.

    The marks of missing numbers say "present", since the cells are going to be filled.
    """
    X = stack_rows(X)
    x = codec.encode(X)
    missing = torch.zeros(x.shape, dtype=torch.bool)
    known, number, place = dict[int, int](), 0, x.shape[1] - sum(codec.blocks)
    for part, values in zip(codec.parts, columns_of(X)[2].values(), strict=True):
        gap = torch.from_numpy(values.isna().to_numpy(dtype=bool, copy=True))
        missing[:, number : number + part.n_numbers] = gap[:, None]
        width = sum(part.blocks)
        if isinstance(part, CategoryColumn):
            missing[:, place : place + width] = gap[:, None]
            if part.has_missing:
                known[place] = len(part.values)
        elif width and not part.is_empty:
            x[gap, place : place + 2] = torch.tensor([1.0, 0.0])
        number, place = number + part.n_numbers, place + width
    return Gaps(x, missing, known)


def fill_cells(codec: Any, X: Any, rows: Tensor) -> Any:
    """Return `X` with its missing cells from encoded `rows`; other cells stay as they are."""
    X = stack_rows(X)
    decoded = codec.decode(rows)
    if codec.container == "tensor":
        return torch.where(X.isnan(), decoded.to(X.dtype), X)
    if codec.container == "ndarray":
        X = np.asarray(X)
        return np.where(np.isnan(X), decoded, X).astype(X.dtype)
    given, made = as_pandas(X), as_pandas(decoded)
    columns = {
        i: _filled(given.iloc[:, i], made.iloc[:, i], part) for i, part in enumerate(codec.parts)
    }
    frame = pd.DataFrame(columns).set_axis(given.columns, axis=1).set_axis(given.index, axis=0)
    return to_library(frame, codec.library)


def _filled(given: "pd.Series[Any]", made: "pd.Series[Any]", part: Column) -> Any:
    gap = given.isna().to_numpy(dtype=bool)
    if not gap.any():
        return given.reset_index(drop=True)
    known = given.astype(object).to_numpy()
    values = made.astype(object).to_numpy(copy=True)
    values[~gap] = known[~gap]
    column = pd.Series(values, dtype=object)
    dtype: Any = made.dtype
    # A known cell may not fit, such as 2.5 in a column of whole numbers.
    if isinstance(dtype, pd.CategoricalDtype):
        fits = bool(column[~gap].isin(dtype.categories).all())
    else:
        fits = bool((column[~gap].astype(dtype).astype(object) == known[~gap]).all())
    return column.astype(dtype) if fits else column.infer_objects()
