"""Reading of ARFF files, as used by Weka and KEEL."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import arff

__all__ = ["read_arff"]

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
#: Name and type of an attribute.
_ATTRIBUTE = re.compile(rf"(?im)^[ \t]*@attribute\s+({_QUOTED}|[^\s{{]+)[ \t]*(.+?)[ \t]*$")
#: One value of a row, with or without quotes, and the separator after it.
_VALUE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,\t]*?))\s*(?:[,\t]|$)""")


def read_arff(path: Path) -> pd.DataFrame:
    """Read an ARFF file; KEEL's ``<null>`` is a missing value.

    Raises
    ------
    ValueError
        The file is not a valid ARFF file.
    """
    head, *body = re.split(r"(?im)^\s*@data\b.*$", path.read_text(encoding="utf-8"), maxsplit=1)
    if not body:
        raise ValueError("it has no @data section")
    attributes = [(_values(name)[0], kind) for name, kind in _ATTRIBUTE.findall(head)]
    odd = [
        kind
        for _, kind in attributes
        if not re.match(r"(?i)\{.*\}|(real|numeric|integer|date)\b", kind)
    ]
    if odd:
        raise ValueError(
            f"{odd[0].capitalize()} attributes are not supported: declare their values as a list, "
            "{a, b}, or drop them"
        )
    rows = [
        _values(line)
        for line in body[0].split("\n")
        if line.strip() and not line.lstrip().startswith("%")
    ]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(attributes):
            length = "short" if len(row) < len(attributes) else "long"
            found = f"row {number} has {len(row)} values for {len(attributes)} columns"
            raise ValueError(f"it has a row that is too {length}: {found}")
    columns: dict[str, Any] = {}
    for place, (name, kind) in enumerate(attributes):
        if name in columns:
            raise ValueError(f"there are two attributes {name!r}")
        columns[name] = _arff_column([row[place] for row in rows], kind)
    return pd.DataFrame(columns)


def _values(line: str) -> list[str]:
    """Split a line at commas or tabs, and remove quotes."""
    if not re.search(r"['\"\\\t]", line):
        return [value.strip() for value in line.strip().removesuffix(",").split(",")]
    # The pattern also matches the empty string at the end of the line.
    return [
        re.sub(r"\\(.)", r"\1", one + two) or plain for one, two, plain in _VALUE.findall(line)
    ][:-1]


def _arff_column(values: list[str], kind: str) -> Any:
    """Parse the values of an attribute whose type is ``{a, list}`` or a name."""
    values = ["?" if value == "<null>" else value for value in values]
    if kind.startswith("{"):
        known = pd.Index(dict.fromkeys(_values(kind[1 : kind.rindex("}")])))  # without "?"
        codes = known.get_indexer(pd.Index(values))
        unknown = [
            value for value, code in zip(values, codes, strict=True) if code < 0 and value != "?"
        ]
        if unknown:
            raise ValueError(f"the value {unknown[0]!r} is not in {tuple(known)}")
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(known))
    number = re.match(r"(?i)(real|numeric|integer)\b", kind)
    if not number:  # dates, whose formats SciPy parses
        lines = [
            "@relation one",
            f"@attribute x {kind}",
            "@data",
            *(value or "''" for value in values),
        ]
        return arff.loadarff(io.StringIO("\n".join(lines)))[0]["x"]
    column = np.array([np.nan if value == "?" else float(value) for value in values])
    missing = np.isnan(column)
    if number[1].lower() != "integer" or (column[~missing] % 1).any():
        return column  # Weka accepts 1.5 in an integer attribute
    return pd.array(column, dtype="Int64") if missing.any() else column.astype(np.int64)
