"""How a table is held in a file: what reading needs to know, and writing repeats."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from gen_augment.errors import InputError
from gen_augment.types import JSON

__all__ = ["TEXT_SUFFIXES", "TableFile"]

#: Files whose separator is found, whatever the suffix says.
TEXT_SUFFIXES = (".csv", ".tsv")


@dataclass(frozen=True)
class TableFile:
    """Options for reading a table from a file; all are found in the file if left out.

    Parameters
    ----------
    sep, decimal, encoding : str, optional
        Column separator, decimal mark and text encoding of a CSV file.
    na_values : sequence of str
        Words that stand for a missing value in every column, besides the empty string.
    drop : sequence of str
        Columns that are left out.
    readings : {column: str}
        What the values of a column are: "whole", "number", "decimal" (a number with a decimal
        mark even where it is whole), "0.00" or "$#,0.00" (a number with two decimals, with a
        currency and marks of thousands), "flag", "text", "empty", or the format of a date such as
        "%d.%m.%Y"; "date" for a format that is found in the file.
    missing : {column: str}
        The word that stands for a missing value, where it is not the empty string.
    identifiers : bool
        Whether columns that identify single rows are kept, for a sampler that repeats rows.
    settled : bool
        Whether a file has been read with these options, so that `readings` is complete.

    Examples
    --------
    >>> TableFile(sep=";", decimal=",").to_json()
    {'sep': ';', 'decimal': ','}
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    na_values: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    identifiers: bool = False
    settled: bool = False

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise InputError(f"decimal={self.decimal!r} is no decimal mark: give '.' or ','.")

    def to_json(self) -> JSON:
        """Return what differs from the defaults as JSON values."""
        values = {name: value for name, value in asdict(self).items() if value}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def coarse(self) -> Self:
        """Leave out the number of decimals and words for missing values, which one row may decide.

        Examples
        --------
        >>> TableFile(readings={"pay": "0.00"}, missing={"pay": "n/a"}).coarse().to_json()
        {'readings': {'pay': 'number'}}
        """
        readings = {
            name: "number" if text == "decimal" or text.startswith("0.") else text
            for name, text in self.readings.items()
        }
        return replace(self, readings=readings, missing={})

    @classmethod
    def of(cls, given: "TableFile | Mapping[str, Any] | None") -> Self:
        """Return the options that a user or an archive gave.

        Raises
        ------
        InputError
            An option is not known, or has a value of another type.
        """
        if isinstance(given, cls):
            return given
        record = {} if given is None else dict(given)  # type: ignore[arg-type]
        known = {option.name for option in fields(cls)}
        for name, value in record.items():
            if name not in known:
                raise InputError(f"file option {name!r} is not one of {sorted(known)}.")
            if not _fits(name, value):
                raise InputError(f"file option {name}={value!r} has a value that cannot be used.")
        for name in ("na_values", "drop"):
            if name in record:
                record[name] = tuple(record[name])
        return cls(**record)


def _fits(name: str, value: Any) -> bool:
    if name in ("readings", "missing"):
        return isinstance(value, Mapping) and all(
            isinstance(text, str) for pair in value.items() for text in pair
        )
    if name in ("na_values", "drop"):
        return isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)
    is_flag = name in ("identifiers", "settled")
    return isinstance(value, bool) if is_flag else isinstance(value, str | None)
