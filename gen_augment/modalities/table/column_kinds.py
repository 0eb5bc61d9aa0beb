"""What each column of a table is taken for: numbers, dates or categories."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from gen_augment.errors import InputError
from gen_augment.modalities.table.column_roles import free_text_columns, identifier_columns
from gen_augment.modalities.table.dtypes import dtype_to_json, is_number
from gen_augment.modalities.table.objects import object_type
from gen_augment.modalities.table.storage import Storage
from gen_augment.types import ColumnTypes
from gen_augment.user_warnings import warn
from gen_augment.validation import check_choice

__all__ = ["COLUMN_TYPES", "column_kinds"]

#: Types that `Table` takes.
COLUMN_TYPES = ("number", "continuous", "category")

#: How to make a refused column usable, by the beginning of its dtype's name.
_REMEDIES = {
    "Sparse": "make it dense with .sparse.to_dense()",  # of objects
    "interval": "make it a category with astype('category'), or take the middles with .array.mid",
    "complex": "make the real and the imaginary part two columns",
    "category of": "make its categories strings with astype(str)",
    "dictionary": "make it numbers, or a dictionary of strings",
    "string_view": "make it strings with X.astype(object)",
}
_REMEDY = "make it numbers, dates, strings or a category of strings"


def column_kinds(series: "Mapping[Any, pd.Series[Any]]", types: ColumnTypes) -> dict[Any, str]:
    """The kind of each column: "number", "continuous", "date" or "category".

    Parameters
    ----------
    series : {name: Series}
    types : {name: {"number", "continuous", "category"}}, optional
        Kinds that the user has chosen.

    Raises
    ------
    InputError
        A column cannot be used, or `types` does not fit the columns.

    Warns
    -----
    UserWarning
        A column of objects is read as numbers, or a category holds identifiers.
    """
    types = types or {}
    for name, word in types.items():
        if name not in series:
            raise InputError(
                f"types names a column {name!r} that X does not have; it has {list(series)}."
            )
        check_choice(f"types[{name!r}]", word, COLUMN_TYPES)
    kinds = {name: types.get(name) or _inferred(column) for name, column in series.items()}
    _check_usable(series, kinds)
    undeclared = {name: column for name, column in series.items() if name not in types}
    _warn_of_objects({name: c for name, c in undeclared.items() if kinds[name] == "number"})
    _check_roles({name: c for name, c in undeclared.items() if kinds[name] == "category"})
    return {name: str(kind) for name, kind in kinds.items()}


def _inferred(column: "pd.Series[Any]") -> str | None:
    """The kind of a column by its dtype and objects; None if it cannot be used."""
    dtype = column.dtype
    if isinstance(dtype, pd.IntervalDtype):
        return None
    if isinstance(dtype, pd.SparseDtype):
        return {"b": "category"}.get(dtype.kind, "number" if dtype.kind in "iuf" else None)
    if isinstance(dtype, pd.PeriodDtype):
        return "number"
    if isinstance(dtype, pd.ArrowDtype):
        arrow = dtype.pyarrow_dtype
        if pa.types.is_dictionary(arrow) and pa.types.is_string(arrow.value_type):
            return "category"
        if Storage.of_column(column) is None and dtype.kind not in "biufU":
            return None
        return {"b": "category", "U": "category", "M": "date"}.get(dtype.kind, "number")
    if dtype.kind == "O" and not isinstance(dtype, pd.CategoricalDtype):
        objects = object_type(column)
        if objects in ("date", "datetime", "timestamp"):
            return "date"
        return "number" if objects else "category"
    if dtype.kind in "bUO":
        return "category"
    return {"M": "date", "m": "number"}.get(dtype.kind, "number" if is_number(dtype) else None)


def _check_usable(series: "Mapping[Any, pd.Series[Any]]", kinds: Mapping[Any, str | None]) -> None:
    refused = {}
    for name, column in series.items():
        if not _can_be(column, kinds[name]) or not _is_writable(column.dtype):
            refused[name] = _shown(column.dtype)
    if refused:
        advice = {
            next((text for start, text in _REMEDIES.items() if shown.startswith(start)), _REMEDY)
            for shown in refused.values()
        }
        raise InputError(
            f"columns {refused} cannot be used as they are: {'; '.join(sorted(advice))}."
        )


def _can_be(column: "pd.Series[Any]", kind: str | None) -> bool:
    """Whether the column can be read as this kind."""
    inferred = _inferred(column)
    if kind is None or inferred is None:
        return False
    if kind == "category" and column.dtype == object:
        return True
    return is_number(column.dtype) or inferred == ("number" if kind == "continuous" else kind)


def _is_writable(dtype: Any) -> bool:
    """Whether an archive can hold the dtype."""
    try:
        dtype_to_json(dtype)
    except InputError:
        return False
    return True


def _shown(dtype: Any) -> str:
    """The name of a dtype, with that of its categories."""
    if isinstance(dtype, pd.CategoricalDtype):
        return f"category of {dtype.categories.dtype}"
    return str(dtype)


def _warn_of_objects(columns: "Mapping[Any, pd.Series[Any]]") -> None:
    numbers = ("int", "float", "decimal")
    names = [name for name, column in columns.items() if object_type(column) in numbers]
    if names:
        warn(
            f"columns {names} of X hold numbers in dtype object and are read as numbers. "
            "Convert them with astype(float), or read codes with "
            f'Table({{{names[0]!r}: "category"}}).'
        )


def _check_roles(columns: "Mapping[Any, pd.Series[Any]]") -> None:
    """Refuse free text, and warn of identifiers."""
    frame = pd.DataFrame(dict(enumerate(columns.values())), copy=False)
    names = list(columns)
    text = [names[i] for i in free_text_columns(frame)]
    if text:
        raise InputError(
            f"columns {text} of X hold free text, and a table has no model of text: drop them, or "
            f'keep whole texts as categories with Table({{{text[0]!r}: "category"}}).'
        )
    found = [names[i] for i in identifier_columns(frame)]
    if found:
        warn(
            f"columns {found} of X hold identifiers, and synthetic rows would copy those of real "
            f'rows. Drop them, or keep them with modality=Table({{{found[0]!r}: "category"}}).'
        )
