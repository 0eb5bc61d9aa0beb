"""Weka's ARFF files, and KEEL's."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import arff

__all__ = ["read_arff"]

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
#: Name and kind of an attribute in Weka's and KEEL's files.
_ATTRIBUTE = re.compile(rf"(?im)^[ \t]*@attribute\s+({_QUOTED}|[^\s{{]+)[ \t]*(.+?)[ \t]*$")
#: One value of a row there, in quotes of either kind or in none, with what parts it from the next.
_VALUE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,\t]*?))\s*(?:[,\t]|$)""")


def read_arff(path: Path) -> pd.DataFrame:
    """Weka's format, or KEEL's, which also names inputs and outputs and has ``<null>`` for ``?``."""
    head, *body = re.split(r"(?im)^\s*@data\b.*$", path.read_text(encoding="utf-8"), maxsplit=1)
    if not body:
        raise ValueError("it has no @data, or a row that is too short")
    attributes = [(_values(name)[0], kind) for name, kind in _ATTRIBUTE.findall(head)]
    odd = [
        kind
        for _, kind in attributes
        if not re.match(r"(?i)\{.*\}|(real|numeric|integer|date)\b", kind)
    ]
    if odd:
        raise ValueError(
            f"{odd[0].capitalize()} attributes not supported: make them one of a list, or leave them out"
        )
    rows = [
        _values(line) for line in body[0].split("\n") if line.strip() and not line.startswith("%")
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
    """Values between commas or tabs, without their quotes."""
    if not re.search(r"['\"\\\t]", line):
        return [value.strip() for value in line.strip().removesuffix(",").split(",")]
    # After the last value the pattern matches once more: nothing, at the end of the line.
    return [
        re.sub(r"\\(.)", r"\1", one + two) or plain for one, two, plain in _VALUE.findall(line)
    ][:-1]


def _arff_column(values: list[str], kind: str) -> Any:
    """Values of an attribute of this kind, which is ``{a, list}`` or the name of a type."""
    values = ["?" if value == "<null>" else value for value in values]
    if kind.startswith("{"):
        known = pd.Index(dict.fromkeys(_values(kind[1 : kind.rindex("}")])))  # "?" is none of them
        codes = known.get_indexer(pd.Index(values))
        unknown = [
            value for value, code in zip(values, codes, strict=True) if code < 0 and value != "?"
        ]
        if unknown:
            raise ValueError(f"{unknown[0]} value not in {tuple(known)}")
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(known))
    number = re.match(r"(?i)(real|numeric|integer)\b", kind)
    if not number:  # SciPy knows the formats of dates
        lines = [
            "@relation one",
            f"@attribute x {kind}",
            "@data",
            *(value or "''" for value in values),
        ]
        return arff.loadarff(io.StringIO("\n".join(lines)))[0]["x"]
    column = np.array([np.nan if value == "?" else float(value) for value in values])
    if number[1].lower() != "integer":
        return column
    return pd.array(column, dtype="Int64") if np.isnan(column).any() else column.astype(np.int64)
