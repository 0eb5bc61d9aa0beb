"""CSV files as columns of strings: encoding, separator and header are found where certain."""

import codecs
import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gen_augment.errors import InputError
from gen_augment.modalities.table.file_format import TableFile

__all__ = ["read_text"]

SEPARATORS = (",", ";", "\t", "|")
#: Bytes from the start of a file in which its separator is looked for.
SAMPLE_BYTES = 1 << 16
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: What is not ASCII in a file of Windows-1252, if that is what it is.
_WESTERN = set(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüßœšžÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŒŠŽ€£§°«»–—‘’“”…•·²³µ®™©\xa0"
)


def read_text(path: Path, file: TableFile) -> tuple[pd.DataFrame, TableFile, list[str]]:
    """Read a CSV file without reading anything into its values.

    Returns
    -------
    frame : DataFrame
        Columns of strings; an empty string where there is no value.
    file : TableFile
        `file` with the separator and the encoding that were used.
    notes : list of str

    Raises
    ------
    InputError
        The separator or the encoding is not certain.
    ValueError, OSError
        The file cannot be read.
    """
    encoding = _encoding(path, file)
    sep = _separator(path, file, encoding)
    frame, more = _parsed(path, sep, encoding)
    header = [name.strip() or f"Unnamed: {i}" for i, name in enumerate(frame.iloc[0])]
    repeated = (frame == frame.iloc[0]).all(axis=1)
    frame = frame[~repeated].reset_index(drop=True)
    frame.columns = pd.Index(_distinct(header))
    notes = more
    if sep != ",":
        notes.append(f"columns are separated by {sep!r}")
    if not encoding.startswith("utf-8"):
        notes.append(f"the encoding is {encoding}")
    if repeated.sum() > 1:
        notes.append(f"lines that repeat the header are left out: {int(repeated.sum()) - 1}")
    for name, old in zip(frame.columns, header, strict=True):
        if name != old:
            notes.append(f"a column name occurs twice: the later {old!r} is called {name!r}")
    return frame, replace(file, sep=sep, encoding=encoding), notes


def _parsed(path: Path, sep: str, encoding: str) -> tuple[pd.DataFrame, list[str]]:
    """All fields, the first row being the header, and notes."""

    def parse(**options: Any) -> pd.DataFrame:
        frame: pd.DataFrame = pd.read_csv(
            path, sep=sep, encoding=encoding, header=None, dtype=str, na_filter=False,
            low_memory=False, **options,
        )  # fmt: skip
        return frame

    try:
        return parse(), []
    except pd.errors.ParserError as error:
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found is None:
            raise
        few, line, many = map(int, found.groups())
    # Where the rows have one field more than the header, each ends in a separator, or has a name.
    if line == 2 and many == few + 1 and few > 1:
        frame = parse(names=range(many))
        if (frame.iloc[1:, -1] == "").all():
            return frame.iloc[:, :-1], ["lines end in a separator, which the header lacks"]
        names = pd.concat([pd.Series([""]), frame.iloc[0, :-1]], ignore_index=True)
        if (frame != "").iloc[1:, -1].all():
            frame.iloc[0] = names
            return frame, ["the header has no name for the first column, such as R's row names"]
    raise InputError(
        f"{path}: line {line} has {many} fields, and those before it have {few}. Mend that line, "
        "remove lines above the header, or name the separator with --sep."
    )


def _distinct(names: list[str]) -> list[str]:
    """Number the later ones of equal names."""
    found: list[str] = []
    for name in names:
        number, made = 1, name
        while made in found or (number > 1 and made in names):
            made, number = f"{name}.{number}", number + 1
        found.append(made)
    return found


def _encoding(path: Path, file: TableFile) -> str:
    with path.open("rb") as stream:
        start = stream.read(4)
        mark = next((name for bom, name in _MARKS.items() if start.startswith(bom)), None)
        if file.encoding is not None and not file.settled:
            try:
                codecs.lookup(file.encoding)
            except LookupError as error:
                raise InputError(
                    f"encoding={file.encoding!r} is not known: give one such as utf-8 or cp1252."
                ) from error
            return file.encoding
        if mark is not None:
            return mark
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            return _western(path, error)
    return "utf-8"


def _western(path: Path, error: UnicodeDecodeError) -> str:
    """Windows-1252, of which Latin-1 is a part, if all characters are common in Western Europe."""
    try:
        text = path.read_bytes().decode("cp1252")
    except UnicodeDecodeError:
        text = "\0"
    if {character for character in text if character > "\x7f" or character == "\0"} <= _WESTERN:
        return "cp1252"
    raise InputError(
        f"{path} cannot be read as csv: its encoding is not UTF-8 ({error.reason} at byte "
        f"{error.start}). Name it with --encoding, such as cp1252 or latin-1."
    )


def _separator(path: Path, file: TableFile, encoding: str) -> str:
    if file.sep is not None and not file.settled:
        return "\t" if file.sep == "\\t" else file.sep
    with path.open(encoding=encoding, newline="") as stream:
        sample = stream.read(SAMPLE_BYTES)
        cut = bool(stream.read(1))
    counts = {sep: _field_counts(sample, sep, cut) for sep in SEPARATORS}
    several = [sep for sep, count in counts.items() if count and count[0] > 1]
    certain = [sep for sep in several if len(set(counts[sep])) == 1]
    if len(certain) > 1:
        words = " or ".join(map(repr, certain))
        raise InputError(f"{path}: its columns may be separated by {words}. Say which with --sep.")
    return (certain or several or [","])[0]


def _field_counts(sample: str, sep: str, cut: bool) -> list[int]:
    """Fields of each record; the last one may be cut off by the end of the sample."""
    try:
        counts = [
            len(record) for record in csv.reader(io.StringIO(sample), delimiter=sep) if record
        ]
    except csv.Error:  # a field as long as the sample
        return []
    return counts[:-1] if cut else counts
