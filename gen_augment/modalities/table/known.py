"""What is publicly known of a table: names and dtypes, and given bounds and categories.

The encoding of a private table is learned from rows that are made up: evenly spaced numbers
between public bounds, or quantiles of a noisy histogram; and each category that is public, or that
was bought.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.containers import as_pandas, converted_from, stack_rows, to_library
from gen_augment.errors import InputError
from gen_augment.modalities.table.column_kinds import column_kinds
from gen_augment.modalities.table.file_format import TableFile
from gen_augment.modalities.table.frames import columns_of

__all__ = ["KnownTable"]

#: Values that show a distribution, and bins of the histogram that is bought.
N_SHOWN, N_BINS = 512, 64
#: Powers of two that bound numbers without public bounds: 2**-30 to 2**40, of both signs, and 0.
LOWEST, HIGHEST = -30, 40
_REMEDY = "or pay for it with Private(bounds={{{0!r}: 'paid'}})"


class KnownTable:
    """What is known of each column.

    Parameters
    ----------
    modality : Table
    X : table
    bounds : {column: (low, high), (low, high, None), list of categories, or "paid"}, or "paid"

    Attributes
    ----------
    n_histograms, n_sets : int
        See `gen_augment.modalities.views.Known`.
    """

    def __init__(self, modality: Any, X: Any, bounds: Any) -> None:
        X = as_pandas(stack_rows(X))
        self._X, self._modality = X, modality
        self._container, self._dtype, self._series = columns_of(X)
        given = dict(bounds) if isinstance(bounds, Mapping) else {}
        for name in given:
            if name not in self._series:
                raise InputError(
                    f"bounds name a column {name!r} that X does not have; it has "
                    f"{list(self._series)}."
                )
        default = "paid" if isinstance(bounds, str) else None
        self._kinds = column_kinds(self._series, dict(modality._pairs()))
        self._bounds: dict[Any, Any] = {name: given.get(name, default) for name in self._series}
        for name in self._series:
            self._check(name)
        paid = [name for name, bound in self._bounds.items() if isinstance(bound, str)]
        self.n_sets = sum(self._kinds[name] == "category" for name in paid)
        self.n_histograms = 2 * len(paid) - self.n_sets

    def _check(self, name: Any) -> None:
        column, bound, kind = self._series[name], self._bounds[name], self._kinds[name]
        if kind == "category":
            if bound is None and getattr(column.dtype, "kind", "O") == "b":
                self._bounds[name] = [False, True]
            elif bound is None or isinstance(bound, tuple):
                raise InputError(
                    f"the categories of column {name!r} are not public: give all of them as a "
                    f"list, Private(bounds={{{name!r}: [...]}}), {_REMEDY.format(name)}."
                )
            elif not isinstance(bound, str) and not len(bound):
                raise InputError(f"bounds[{name!r}]={bound!r} is empty: list all categories.")
            return
        if kind == "number" and getattr(column.dtype, "kind", "O") not in "iuf":
            raise InputError(
                f"column {name!r} holds numbers as {column.dtype}, which has no private encoding: "
                "convert it with astype(float), or durations to seconds."
            )
        if isinstance(bound, str) and bound == "paid" and kind != "date":
            return
        try:
            low, high, *rest = bound
            low, high = _ends(kind, low, high)
            fits = bool(low < high) and rest in ([], [None])
        except (TypeError, ValueError):
            fits = False
        if not fits:
            other = "" if kind == "date" else f", {_REMEDY.format(name)}"
            raise InputError(
                f"bounds[{name!r}]={bound!r}: column {name!r} has no public bounds. Give "
                f"Private(bounds={{{name!r}: (low, high)}}) with low < high{other}."
            )

    def codec(self, ledger: Any) -> tuple[Any, Tensor, Tensor]:
        """Learn the encoding from made-up rows; see `Known`."""
        shown = {name: self._shown(name, ledger) for name in self._series}
        n = max(N_SHOWN, *(len(values) for values in shown.values()))
        columns = {
            name: pd.Series(
                [values[i % len(values)] for i in range(n)], dtype=self._type(name, values)
            )
            for name, values in shown.items()
        }
        types = {
            name: "continuous" if kind == "number" else kind
            for name, kind in self._kinds.items()
            if kind != "date"
        }
        file = self._modality.file
        file = None if file is None else TableFile.of(file).coarse()
        codec, encoded = type(self._modality)(types, file).fit(self._table(columns))
        return codec, encoded.amin(dim=0), encoded.amax(dim=0)

    def _table(self, columns: "dict[Any, pd.Series[Any]]") -> Any:
        if self._container == "dataframe":
            return to_library(pd.DataFrame(columns), converted_from(self._X))
        array = np.stack([column.to_numpy() for column in columns.values()], axis=1)
        if self._container == "tensor":
            return torch.from_numpy(array).to(getattr(torch, str(self._dtype)))
        return array.astype(self._dtype)

    def _type(self, name: Any, values: list[Any]) -> Any:
        """Return the dtype of a column; that of categories lists those that are known alone."""
        dtype = self._series[name].dtype
        if not isinstance(dtype, pd.CategoricalDtype):
            return dtype
        known = [value for value in values if value is not None]
        if dtype.ordered:
            order = [value for value in dtype.categories if value in known]
            known = order + [value for value in known if value not in order]
        return pd.CategoricalDtype(known, dtype.ordered)

    def _shown(self, name: Any, ledger: Any) -> list[Any]:
        """Return values that show all that is known of a column."""
        column, bound, kind = self._series[name], self._bounds[name], self._kinds[name]
        if kind == "category":
            if not isinstance(bound, str):
                return list(bound)
            found = ledger.discover(column).index.tolist()
            if not found:
                raise InputError(
                    f"no category of column {name!r} has enough rows to be released: give its "
                    "categories, or drop it."
                )
            return [None if pd.isna(value) else value for value in found]
        if kind == "date":
            first, last = _ends(kind, *bound[:2])
            dates = list(pd.date_range(first, last, periods=N_SHOWN - 1))
            return [*dates, None] if len(bound) == 3 else dates
        if isinstance(bound, str):
            values, missing = self._bought(column, ledger)
        else:
            low, high = _ends(kind, *bound[:2])
            values, missing = np.linspace(low, high, N_SHOWN), len(bound) == 3
        if getattr(column.dtype, "kind", "O") in "iu":
            values = np.rint(values).astype(np.int64)
            low, high = values.min(), values.max()
            if high - low < N_SHOWN:
                values = values if isinstance(bound, str) else np.arange(low, high + 1)
        return [*values.tolist(), None] if missing else list(values.tolist())

    def _bought(self, column: "pd.Series[Any]", ledger: Any) -> tuple[np.ndarray, bool]:
        """Buy powers of two that bound a column, then a histogram between them."""
        known = column.to_numpy(dtype=np.float64, na_value=np.nan)
        powers = 2.0 ** np.arange(LOWEST, HIGHEST + 1)
        edges = np.concatenate([-powers[::-1], [0], powers])
        # Bin i holds the values from edge i - 1 to edge i; the last one holds missing values.
        place = np.searchsorted(edges, known, side="left").clip(0, len(edges) - 1)
        place[np.isnan(known)] = len(edges)
        found = ledger.histogram(place, len(edges) + 1) > ledger.surprising(len(edges) + 1)
        missing, bins = bool(found[-1]), np.flatnonzero(found[:-1])
        low, high = (0.0, 1.0) if not len(bins) else (edges[max(bins[0] - 1, 0)], edges[bins[-1]])
        inside = known[~np.isnan(known)].clip(low, high)
        width = (high - low) / N_BINS if high > low else 1.0
        codes = ((inside - low) / width).astype(np.int64).clip(0, N_BINS - 1)
        counts = np.maximum(ledger.histogram(codes, N_BINS), 0)
        if not counts.any():
            counts += 1
        heights = np.concatenate([[0], counts.cumsum()]) / counts.sum()
        ends = low + width * np.arange(N_BINS + 1)
        u = (np.arange(N_SHOWN) + 0.5) / N_SHOWN
        return np.interp(u, heights, ends).clip(low, high), missing

    def violations(self) -> dict[str, int]:
        """Count values beyond public bounds, of unknown categories, or missing without leave."""
        counts = {}
        for name, bound in self._bounds.items():
            column = self._series[name]
            if isinstance(bound, str):
                continue
            missing = column.isna()
            if self._kinds[name] == "category":
                known = [value for value in bound if value is not None]
                wrong = ~missing & ~column.isin(known)
                allowed = len(known) < len(bound)
            else:
                low, high = bound[:2]
                wrong, allowed = (column < low) | (column > high), len(bound) == 3
            beyond = int(wrong.fillna(False).sum()) + (0 if allowed else int(missing.sum()))
            if beyond:
                counts[str(name)] = beyond
        return counts


def _ends(kind: str, low: Any, high: Any) -> tuple[Any, Any]:
    """Return bounds as dates or finite numbers; raises `ValueError` or `TypeError` for others."""
    if kind == "date":
        return pd.Timestamp(low), pd.Timestamp(high)
    ends = float(low), float(high)
    if not np.isfinite(ends).all():
        raise ValueError("not finite")
    return ends
