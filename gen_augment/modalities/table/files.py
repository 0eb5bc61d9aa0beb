"""Tables in CSV, Parquet, ARFF and KEEL files."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gen_augment.containers import as_pandas
from gen_augment.errors import InputError
from gen_augment.modalities.file_rows import LEFT_OUT, ColumnReading
from gen_augment.modalities.table.arff import read_arff
from gen_augment.modalities.table.column_roles import free_text_columns, identifier_columns
from gen_augment.modalities.table.csv_columns import (
    Settled,
    as_labels,
    convert,
    is_date,
    settle,
    uses_comma,
)
from gen_augment.modalities.table.csv_text import read_text
from gen_augment.modalities.table.file_format import TEXT_SUFFIXES, TableFile
from gen_augment.modalities.table.parquet_folder import first_rows, open_folder, with_columns
from gen_augment.modalities.table.storage import Storage

__all__ = ["TableRead", "read_folder", "read_table"]

#: A frame with its labels, the options that read other files alike, a report, and notes.
TableRead = tuple[Any, Any, TableFile, tuple[ColumnReading, ...], tuple[str, ...]]
#: Rows of a folder of Parquet files that say how its columns are read.
FIRST_ROWS = 1 << 17
_KEEP = "identifies single rows; --category {} keeps its values"
#: What a column is read as, by the kind of its dtype or the type of its objects.
_KINDS = {
    "i": "whole number",
    "u": "whole number",
    "f": "number",
    "b": "true or false",
    "M": "date",
    "m": "duration",
}
_OBJECTS = {
    "int": "whole number",
    "float": "number",
    "decimal": "number",
    "time": "time of day",
    "period": "period",
    **dict.fromkeys(("date", "datetime", "timestamp"), "date"),
    **dict.fromkeys(("timedelta", "duration"), "duration"),
}
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".arff": read_arff,
    ".dat": read_arff,
}


def read_table(
    path: Path, target: str | None, types: Mapping[Any, str], file: TableFile
) -> TableRead:
    """Read the table in a file, and the column of its labels.

    Parameters
    ----------
    path : Path
    target : str, optional
        Column of the labels.
    types : {column: {"number", "category"}}
        What the user wants columns to be.
    file : TableFile

    Raises
    ------
    InputError
        The file cannot be read, or has no such column.
    """
    suffix = path.suffix.lower()
    known = [*TEXT_SUFFIXES, *_READERS]
    if suffix not in known:
        raise InputError(
            f"{path}: a table is a file of {', '.join(known)}, not "
            f"{path.suffix or 'a file without suffix'!r}."
        )
    notes: list[str] = []
    try:
        if suffix in TEXT_SUFFIXES:
            frame, file, notes = read_text(path, file)
        else:
            frame = _READERS[suffix](path)
    except InputError:
        raise
    except (ValueError, OSError, NotImplementedError) as error:
        # Errors of the parsers are ValueErrors or OSErrors.
        raise InputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error
    return _settled(path, frame, target, types, file, notes)


def read_folder(
    path: Path, target: str | None, types: Mapping[Any, str], file: TableFile
) -> TableRead:
    """Read how the columns in a folder of Parquet files are read, from the first rows.

    Parameters
    ----------
    path, target, types, file
        As in `read_table`.

    Returns
    -------
    X : pyarrow.dataset.Dataset
        All rows, without columns that are left out. It is a DataFrame if `file` names dates.
    y : str or Series
        The column of labels.
    file, report, notes
        As `read_table` returns them.
    """
    dataset = open_folder(path)
    n_rows = dataset.count_rows()
    head = n_rows if file.readings else min(n_rows, FIRST_ROWS)
    frame = as_pandas(first_rows(dataset, head, path))
    notes = [] if head == n_rows else [f"columns are read as the first {head:,} rows suggest"]
    found = _settled(path, frame, target, types, file, notes)
    if file.readings:
        return found
    X, y = found[:2]
    return with_columns(dataset, [*X, y.name]), y.name, *found[2:]


def _settled(
    path: Path,
    frame: pd.DataFrame,
    target: str | None,
    types: Mapping[Any, str],
    file: TableFile,
    notes: list[str],
) -> TableRead:
    """Find how the columns of a table are read."""
    is_text = path.is_file() and path.suffix.lower() in TEXT_SUFFIXES
    _check_names(path, frame, target, [*types, *file.readings], file)
    frame = frame.drop(columns=list(file.drop), errors="ignore" if file.settled else "raise")
    examples = {str(name): _example(frame[name]) for name in frame}
    whys: dict[str, str] = {}
    if is_text:
        frame, file, whys, found = _typed(path, frame, str(target), types, file)
        notes += found
    elif file.readings:
        frame = _dated(frame, file.readings)
    _check_labels(path, frame, str(target))
    X, y = frame.drop(columns=target), frame[target]
    if not X.shape[1]:
        raise InputError(
            f"{path}: no column is left besides the labels, {target!r}. Add one, or drop fewer."
        )
    _check_free_text(path, X, types)
    left_out = [] if file.settled or file.identifiers else _identifiers(path, X, types)
    report = [
        *_report(X.drop(columns=left_out), y, file, examples, _counted(X, types) | whys, types),
        *(ColumnReading(n, LEFT_OUT, 0, examples[n], _KEEP.format(n)) for n in left_out),
    ]
    file = replace(file, drop=(*file.drop, *left_out), settled=True)
    return X.drop(columns=left_out), y, file, tuple(report), tuple(notes)


def _check_names(
    path: Path, frame: pd.DataFrame, target: str | None, named: list[Any], file: TableFile
) -> None:
    if frame.empty:
        raise InputError(f"{path} has no rows.")
    columns = ", ".join(map(str, frame.columns))
    if target is None or target not in frame:
        asked = "no target column was named" if target is None else f"there is no column {target!r}"
        raise InputError(f"{path}: {asked}; columns: {columns}.")
    for name in [*named, *file.drop]:
        if name not in frame and not file.settled:
            raise InputError(f"{path}: there is no column {name!r}; columns: {columns}.")
    if target in file.drop:
        raise InputError(f"{path}: {target!r} holds the labels, so it cannot be dropped.")


def _check_labels(path: Path, frame: pd.DataFrame, target: str) -> None:
    missing = int(frame[target].isna().sum())
    if missing:
        raise InputError(f"{path}: {missing} rows have no {target!r}: drop or label them.")


def _check_free_text(path: Path, X: pd.DataFrame, types: Mapping[Any, str]) -> None:
    texts = [name for name in free_text_columns(X) if types.get(name) != "category"]
    if texts:
        raise InputError(
            f"{path}: column {texts[0]!r} holds free text, such as {_example(X[texts[0]])!r}, "
            f"which tables cannot generate. Leave it out with --drop {texts[0]}, keep its values "
            f"as categories with --category {texts[0]}, or learn it alone with --text {texts[0]} "
            f"(in Python, modality=Text({texts[0]!r}) of a sampler of texts)."
        )


def _typed(
    path: Path, frame: pd.DataFrame, target: str, types: Mapping[Any, str], file: TableFile
) -> tuple[pd.DataFrame, TableFile, dict[str, str], list[str]]:
    """Give columns of strings their types; return the settled options, reasons and notes."""
    decimal = file.decimal or ("," if uses_comma(frame) else ".")
    words = frozenset(["", *file.na_values])
    readings, missing, whys = {}, dict[str, str](), {}
    columns: dict[str, Any] = {}
    for name in map(str, frame):
        wanted = _wanted(name, types, file)
        column = frame[name]
        known = words | {file.missing.get(name, "")}
        try:
            settled = settle(column.unique(), name, wanted, known, decimal)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        if name == target and wanted is None:
            settled = as_labels(column.unique(), settled, words, decimal)
        columns[name] = convert(column, settled, decimal)
        readings[name], whys[name] = settled.reading, settled.why.replace("COLUMN", name)
        if word := _usual_word(column, settled):
            missing[name] = word
    notes = ["the decimal mark is ','"] if decimal != "." and file.decimal is None else []
    settled_file = replace(file, decimal=decimal, readings=readings, missing=missing)
    return pd.DataFrame(columns), settled_file, {k: v for k, v in whys.items() if v}, notes


def _wanted(name: str, types: Mapping[Any, str], file: TableFile) -> str | None:
    """What the user, or a file that was read before, has a column be."""
    reading = file.readings.get(name)
    if reading is not None and reading != "empty":
        return reading
    kind = types.get(name, "")
    return {"category": "text", "continuous": "number"}.get(kind, kind) or None


def _usual_word(column: "pd.Series[Any]", settled: Settled) -> str:
    """The most frequent word for a missing value."""
    counts = column[column.str.strip().isin(settled.missing)].value_counts()
    return str(counts.index[0]) if len(counts) else ""


def _dated(frame: pd.DataFrame, readings: Mapping[str, str]) -> pd.DataFrame:
    """Turn columns of strings into dates, in a file whose other columns have types."""
    changed = {}
    for name, reading in readings.items():
        if name in frame and (reading == "date" or is_date(reading)):
            column = frame[name].astype("str").fillna("")
            settled = settle(column.unique(), name, reading, frozenset([""]), ".")
            changed[name] = convert(column, settled, ".")
    return frame.assign(**changed)


def _identifiers(path: Path, X: pd.DataFrame, types: Mapping[Any, str]) -> list[str]:
    """Columns that identify single rows: synthetic rows would have identifiers of real ones."""
    found = [str(name) for name in identifier_columns(X) if types.get(name) is None]
    if len(found) == X.shape[1]:
        raise InputError(
            f"{path}: the columns besides the labels, {found}, all hold identifiers. Keep one with "
            f"--category {found[0]}."
        )
    return found


def _counted(X: pd.DataFrame, types: Mapping[Any, str]) -> dict[str, str]:
    """Reasons of columns that seem to number the rows."""
    return {
        str(name): f"an identifier? Values hardly repeat; --drop {name} leaves it out"
        for name in X
        if _counts_rows(X[name]) and types.get(name) is None
    }


def _counts_rows(column: "pd.Series[Any]") -> bool:
    """Whether a column numbers the rows: whole numbers that go up by 1."""
    if column.dtype.kind not in "iu" or len(column) < 20 or column.isna().any():
        return False
    return bool((column.diff().iloc[1:] == 1).all())


def _report(
    X: pd.DataFrame,
    y: "pd.Series[Any]",
    file: TableFile,
    examples: Mapping[str, str],
    whys: Mapping[str, str],
    types: Mapping[Any, str],
) -> Iterator[ColumnReading]:
    for name, column in [*X.items(), (y.name, y)]:
        key = str(name)
        label = column is y
        reading = "label" if label else _shown(column, file.readings.get(key, ""), types.get(name))
        yield ColumnReading(
            key, reading, int(column.isna().sum()), examples[key], whys.get(key, "")
        )


def _shown(column: "pd.Series[Any]", reading: str, kind: str | None) -> str:
    """What a column is read as, in words."""
    if kind is not None and reading != "text":
        return kind
    if reading == "empty":
        return "empty"
    storage = Storage.of_column(column)
    word = _KINDS.get(column.dtype.kind) or _OBJECTS.get(storage.objects if storage else "")
    return f"date {reading}" if word == "date" and is_date(reading) else word or "category"


def _example(column: "pd.Series[Any]") -> str:
    """The first value, cut to a length that a line of a terminal holds."""
    known = column[column.notna() & (column.astype(object) != "")]
    text = str(known.iloc[0]) if len(known) else ""
    return text if len(text) <= 24 else text[:23] + "…"
