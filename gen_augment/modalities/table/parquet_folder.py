"""Folders of Parquet files, of which only the first rows are read into memory."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from gen_augment.errors import InputError

__all__ = ["different_columns", "first_rows", "open_folder", "with_columns"]


def open_folder(path: Path) -> Any:
    """Open a folder of Parquet files as an Arrow dataset.

    Parameters
    ----------
    path : Path
        Names of inner folders such as ``year=2024`` are values of a column.

    Returns
    -------
    pyarrow.dataset.Dataset

    Raises
    ------
    InputError
        The folder holds other files, or the files have different columns.
    """
    from pyarrow.dataset import dataset  # not needed by other data

    try:
        found = dataset(path, format="parquet", partitioning="hive")
        different = different_columns(found)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read as a folder of Parquet files ({error}): give one that "
            "holds no other files, or a pyarrow.dataset.Dataset of them."
        ) from error
    if different:
        raise InputError(f"{different} Give files with the same columns.")
    return found


def different_columns(dataset: Any) -> str:
    """Say which file of an Arrow dataset lacks a column of others; pyarrow is silent about it."""
    files = [each for each in dataset.get_fragments() if getattr(each, "path", None)]
    names = {each.path: set(each.physical_schema.names) for each in files}
    every = set().union(*names.values())
    for path, known in names.items():
        if known != every:
            return f"columns {sorted(every - known)} are not in {path}, but in other files."
    return ""


def first_rows(dataset: Any, n_rows: int, path: Path) -> "pa.Table":
    """Return the first rows of an Arrow dataset."""
    try:
        return dataset.head(n_rows, batch_readahead=1, fragment_readahead=1)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): give files whose columns have one type."
        ) from error


def with_columns(dataset: Any, names: list[str]) -> Any:
    """Return an Arrow dataset of some of the columns."""
    return dataset.replace_schema(pa.schema([dataset.schema.field(name) for name in names]))
