"""The figures of an audit for each column of a table."""

from typing import Any

import numpy as np
import pandas as pd

from gen_augment.auditing.figures import Comparison
from gen_augment.metrics import column_shapes
from gen_augment.metrics.tables import as_numbers, is_number
from gen_augment.modalities import Codec
from gen_augment.modalities.table.column_roles import identifier_columns

__all__ = ["column_figures", "copied_values", "lost_values"]

#: A number that changes by more than this share of the interquartile range is lost.
TOLERANCE = 0.01
#: Known values, and the share of distinct ones, from which a column identifies rows.
MIN_VALUES, DISTINCT_SHARE = 20, 0.9


def column_figures(data: Comparison, codec: Codec) -> pd.DataFrame | None:
    """Compute one row of figures per column; None for rows without columns.

    Parameters
    ----------
    data : Comparison
    codec : Codec
        The encoding that the sampler was fitted with.

    Returns
    -------
    DataFrame
        ``shape`` and its ``reference``, see `column_shapes`; ``lost``, see `lost_values`;
        ``copied`` and its ``reference_copied``, see `copied_values`.
    """
    if data.tables is None:
        return None
    all_real, synthetic = data.tables["real"], data.tables["synthetic"]
    real, unseen = all_real.iloc[data.sample], data.tables.get("unseen")
    compared = real if unseen is None else unseen
    sample = data.real.take(data.sample).X
    decoded = data.real.modality.columns(data.real.codec, codec.decode(codec.encode(sample)))
    table = {
        "shape": column_shapes(compared, synthetic),
        "reference": np.nan if unseen is None else column_shapes(unseen, real),
        "lost": np.nan if decoded is None else lost_values(real, decoded),
        "copied": copied_values(all_real, synthetic),
        "reference_copied": np.nan if unseen is None else copied_values(all_real, unseen),
    }
    return pd.DataFrame(table, index=all_real.columns).rename_axis("column")


def lost_values(real: pd.DataFrame, decoded: pd.DataFrame) -> "pd.Series[float]":
    """Compute the share of values in each column that the encoding does not preserve.

    A number is lost if it changes by more than 1% of the column's interquartile range, or
    of its standard deviation where that range is 0. A category is lost if it changes.

    Parameters
    ----------
    real, decoded : DataFrame of shape (n_rows, n_columns)
        Real rows, and the same rows after encoding and decoding.

    Returns
    -------
    Series of float in [0, 1]

    Examples
    --------
    >>> real = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "z"]})
    >>> lost_values(real, real.assign(a=2.0)).round(2).to_dict()
    {'a': 0.67, 'b': 0.0}
    """
    lost = {name: _lost(real[name], decoded[name]) for name in real.columns}
    return pd.Series(lost, dtype=float)


def _lost(real: "pd.Series[Any]", decoded: "pd.Series[Any]") -> float:
    missing = real.isna().to_numpy(dtype=bool)
    changed = missing != decoded.isna().to_numpy(dtype=bool)
    if is_number(real) and is_number(decoded):
        before, after = as_numbers(real), as_numbers(decoded)
        known = before[~missing]
        if not len(known):
            return float(changed.mean())
        low, high = np.quantile(known, [0.25, 0.75])
        scale = high - low if high > low else known.std()
        changed |= ~missing & ~(abs(after - before) <= TOLERANCE * scale)
    else:
        before, after = real.astype(str).to_numpy(), decoded.astype(str).to_numpy()
        changed |= ~missing & (before != after)
    return float(changed.mean())


def copied_values(real: pd.DataFrame, other: pd.DataFrame) -> "pd.Series[float]":
    """Compute the share of values that are copied from columns that identify rows.

    These are the columns that `identifier_columns` finds, such as e-mail addresses, and
    columns of text or whole numbers of which at least 20 values are known and at least 90%
    of them are distinct.

    Parameters
    ----------
    real, other : DataFrame with the same columns
        Training rows, and synthetic or unseen rows.

    Returns
    -------
    Series of float
        The share of copies in [0, 1] minus the share that chance explains; NaN for columns
        that do not identify rows. Chance explains copies of whole numbers in a range of
        which training rows fill a part.

    Examples
    --------
    >>> real = pd.DataFrame({"email": [f"{i}@example.org" for i in range(50)], "age": [30] * 50})
    >>> copied_values(real, real).to_dict()
    {'email': 1.0, 'age': nan}
    """
    known = set(identifier_columns(real))
    copied = {
        name: _copied(real[name].dropna(), other[name].dropna(), name in known)
        for name in real.columns
    }
    return pd.Series(copied, dtype=float)


def _copied(real: "pd.Series[Any]", other: "pd.Series[Any]", is_identifier: bool) -> float:
    distinct = real.nunique()
    varied = len(real) >= MIN_VALUES and distinct >= DISTINCT_SHARE * len(real)
    if not (is_identifier or varied) or not len(other):
        return np.nan
    chance = 0.0
    if is_number(real):
        if not pd.api.types.is_integer_dtype(real.dtype):
            return np.nan
        chance = distinct / (float(real.max()) - float(real.min()) + 1)
    return max(0.0, float(other.isin(real).mean()) - chance)
