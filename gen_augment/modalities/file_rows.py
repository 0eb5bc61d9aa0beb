"""What reading a file gives: rows, labels, and how each column was read."""

from typing import Any, NamedTuple

from gen_augment.modalities.base import Modality

__all__ = ["LEFT_OUT", "ColumnReading", "FileRows"]

#: Reading of a column of identifiers, which is not among the rows.
LEFT_OUT = "left out"


class ColumnReading(NamedTuple):
    """How one column of a file was read.

    Attributes
    ----------
    column : str
    reading : str
        Such as "number", "category" or "date %d.%m.%Y".
    missing : int
        Rows without a value.
    example : str
        The first value, as it is in the file.
    why : str
        What the user may want to know; empty for a column that leaves no doubt.
    """

    column: str
    reading: str
    missing: int
    example: str
    why: str = ""


class FileRows(NamedTuple):
    """Rows of a file or folder. `Modality.read` may return the first two alone.

    Attributes
    ----------
    X, y : rows and labels
    modality : Modality or None
        Reads other files in the same way; None stands for the modality that read this one.
    report : tuple of ColumnReading
    notes : tuple of str
        What holds for the whole file, such as its separator where it is not a comma.
    """

    X: Any
    y: Any
    modality: Modality | None = None
    report: tuple[ColumnReading, ...] = ()
    notes: tuple[str, ...] = ()
