"""One encoding for tables that were fitted apart, such as those of several sites.

The joined table has the columns of all, in the order in which they first occur. A column that
some tables lack is missing in their rows, so its dtype must have missing values: whole numbers
and booleans of NumPy are refused. A column that several tables have must have one dtype. Of
unordered pandas categories, the joined column has all. Bounds, categories, steps and distributions
are learned from rows that show each fitted column as it was learned, with equal weight.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from gen_augment.containers import as_pandas, concatenate, to_library
from gen_augment.errors import InputError
from gen_augment.modalities.base import check_equal
from gen_augment.modalities.table.category import CategoryColumn

__all__ = ["adopt_table", "join_codecs"]

#: Values at which a fitted distribution is shown.
N_SHOWN = 512


def join_codecs(codecs: Sequence[Any]) -> Any:
    """Return a `TableCodec` for the rows of all `codecs`.

    Raises
    ------
    InputError
        A column has different dtypes, or is lacking and cannot be missing.
    """
    first = codecs[0]
    for field in ("container", "library", "dtype"):
        check_equal(f"table {field}s", [getattr(codec, field) for codec in codecs])
    if first.container != "dataframe":
        check_equal("numbers of columns", [len(codec.columns) for codec in codecs])
        tables = [_shown(codec) for codec in codecs]
    else:
        dtypes = _joined_dtypes(codecs)
        tables = [_adopted(as_pandas(_shown(codec)), dtypes) for codec in codecs]
    types = {
        name: part.word for codec in codecs for name, part in _parts(codec).items() if part.word
    }
    table = concatenate(tables)
    if first.container == "dataframe":
        table = to_library(table, first.library)
    made, _ = type(first).fit(table, types)
    return type(first)(
        made.container, made.columns, made.parts, made.dtype, first.file, first.library
    )


def adopt_table(X: Any, codec: Any) -> Any:
    """Return a table with the columns and dtypes of a joined codec."""
    if codec.container != "dataframe":
        return X
    dtypes = {name: _dtype(part) for name, part in _parts(codec).items()}
    return to_library(_adopted(as_pandas(X), dtypes), codec.library)


def _parts(codec: Any) -> dict[Any, Any]:
    return dict(zip(codec.columns, codec.parts, strict=True))


def _dtype(part: Any) -> Any:
    """Return the user's dtype of a column."""
    storage = getattr(part, "storage", None)
    return part.dtype if storage is None else storage.dtype


def _joined_dtypes(codecs: Sequence[Any]) -> dict[Any, Any]:
    dtypes: dict[Any, Any] = {}
    kinds: dict[Any, type] = {}
    for number, codec in enumerate(codecs):
        for name, part in _parts(codec).items():
            dtype = _dtype(part)
            dtypes[name] = _joined_dtype(name, dtypes.get(name, dtype), dtype, number)
            if kinds.setdefault(name, type(part)) is not type(part):
                raise InputError(
                    f"column {name!r} is a category for one sampler and not for another: fit both "
                    f"with Table(types={{{name!r}: ...}})."
                )
    for name, dtype in dtypes.items():
        lacking = [i for i, codec in enumerate(codecs) if name not in codec.columns]
        if lacking and isinstance(dtype, np.dtype) and dtype.kind in "biu":
            nullable = pd.Series([], dtype=dtype).convert_dtypes().dtype.name
            raise InputError(
                f"sampler {lacking[0]} has no column {name!r}, and {dtype} has no missing values "
                f"for its rows: drop the column, or fit the others on .astype({nullable!r})."
            )
    return dtypes


def _joined_dtype(name: Any, known: Any, found: Any, number: int) -> Any:
    if known == found:
        return known
    pair = (known, found)
    if all(isinstance(dtype, pd.CategoricalDtype) and not dtype.ordered for dtype in pair):
        try:
            return pd.CategoricalDtype(
                known.categories.append(found.categories.difference(known.categories, sort=False))
            )
        except (TypeError, ValueError):  # categories of different kinds
            pass
    raise InputError(
        f"column {name!r} is {known} at the samplers before number {number} and {found} there: "
        "convert one with astype before fitting."
    )


def _adopted(frame: pd.DataFrame, dtypes: dict[Any, Any]) -> pd.DataFrame:
    columns = {}
    for name, dtype in dtypes.items():
        if name not in frame.columns:
            columns[name] = pd.Series([None] * len(frame), dtype=dtype)
        else:
            column = frame[name].reset_index(drop=True)
            columns[name] = column if column.dtype == dtype else column.astype(dtype)
    return pd.DataFrame(columns, copy=False)


def _shown(codec: Any) -> Any:
    """Return rows in which each column has all that was learned of it."""
    values = [_values(part) for part in codec.parts]
    n = max(map(len, values))
    return codec._assemble(np.resize(column, n) for column in values)


def _values(part: Any) -> np.ndarray:
    if isinstance(part, CategoryColumn):
        return np.arange(-int(part.has_missing), len(part.values))
    marks = [] if not part.blocks else [0, 1]
    u = (np.arange(N_SHOWN) + 0.5) / N_SHOWN
    extremes = [-1e3, 1e3]
    z = np.concatenate([extremes, ndtri(u)])
    numbers = np.stack([np.roll(z, 7 * i) if i else z for i in range(part.n_numbers)], axis=1)
    numbers[:2] = np.array(extremes)[:, None]
    places = np.zeros((len(numbers), len(part.blocks)), np.int64)
    shown = part.decode(numbers, places)
    if not marks:
        return np.asarray(shown)
    gone = part.decode(numbers[:1], np.ones((1, 1), np.int64))
    return np.concatenate([shown, gone])
