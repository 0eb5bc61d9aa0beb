"""Labelled data by name, from a folder of images, or from a table in a file."""

import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import arff
from sklearn import datasets
from torchvision.datasets import MNIST, FashionMNIST

from gen_augment.codecs import read_rows, take
from gen_augment.errors import InputError

__all__ = ["DATASETS", "Data", "data_root", "load_data"]

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
#: Name and kind of an attribute in Weka's and KEEL's files.
_ATTRIBUTE = re.compile(rf"(?im)^[ \t]*@attribute\s+({_QUOTED}|[^\s{{]+)[ \t]*(.+?)[ \t]*$")
#: One value of a row there, in quotes of either kind or in none, with what parts it from the next.
_VALUE = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,\t]*?))\s*(?:[,\t]|$)""")


@dataclass(frozen=True)
class Data:
    """A labelled data set.

    Attributes
    ----------
    name : str
    X, y : as `Sampler.fit` takes them
    test : (X, y) or None
        The test part that comes with the data, if one does.
    mirror : bool
        Whether an image and its mirror image have the same label.
    target : str
        What the labels are called.
    """

    name: str
    X: Any
    y: Any
    test: tuple[Any, Any] | None = None
    mirror: bool = False
    target: str = "label"

    def head(self, per_class: int, seed: int = 0) -> "Data":
        """The same with `per_class` rows drawn from each class, or all of a class that has fewer."""
        labels = np.asarray(self.y)
        rng = np.random.default_rng(seed)
        drawn = [
            rng.permutation(np.flatnonzero(labels == label))[:per_class]
            for label in np.unique(labels)
        ]
        index = np.sort(np.concatenate(drawn))
        return replace(self, X=take(self.X, index), y=take(self.y, index))


def data_root() -> Path:
    """Where downloaded data lies: ``$GEN_AUGMENT_DATA``, or ``~/.cache/gen_augment``."""
    try:
        return Path(os.environ.get("GEN_AUGMENT_DATA") or Path.home() / ".cache" / "gen_augment")
    except RuntimeError as error:  # a container's user without a home
        raise InputError(
            f"there is no folder for downloads ({error}): set GEN_AUGMENT_DATA to one."
        ) from error


def load_data(source: str | os.PathLike[str], *, target: str | None = None) -> Data:
    """Load a named data set, a folder of class folders, or a table in a file.

    Parameters
    ----------
    source : str or path-like
        A name in `DATASETS`; a folder with one folder of images for each class, or with ``train`` and ``test`` folders
        of that kind; or a ``.csv``, ``.parquet`` or ``.arff`` file (Weka's), or a ``.dat`` file as KEEL has them.
    target : str, optional
        Column of the labels; needed for a file.

    Raises
    ------
    InputError
        There is no such data, or it cannot be read.
    """
    text = os.fspath(source)
    if text in DATASETS:
        return DATASETS[text]()
    path = Path(text)
    if path.is_dir():
        return _folder(path)
    if path.is_file():
        return _table(path, target)
    raise InputError(f"{text!r} is neither one of {', '.join(DATASETS)}, nor a folder, nor a file.")


def _folder(path: Path) -> Data:
    if (path / "train").is_dir() and (path / "test").is_dir():
        return Data(path.name, *_named_images(path / "train"), test=_named_images(path / "test"))
    return Data(path.name, *_named_images(path))


def _named_images(path: Path) -> tuple[np.ndarray, np.ndarray]:
    images, codes = read_rows(path, None)
    sizes = {image.size for image in images}
    if len(sizes) > 1:
        raise InputError(
            f"{path} holds images of {len(sizes)} sizes (width, height), such as {sorted(sizes)[:3]}: resize them."
        )
    if len({image.mode for image in images}) > 1:
        images = [image.convert("RGB") for image in images]
    names = sorted(entry.name for entry in os.scandir(path) if entry.is_dir())
    return np.stack([np.asarray(image) for image in images]), np.array(names)[codes]


def _table(path: Path, target: str | None) -> Data:
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": lambda path: pd.read_csv(
            path, low_memory=False
        ),  # in pieces, one column could get two types
        ".parquet": pd.read_parquet,
        ".arff": _read_arff,
        ".dat": _read_arff,
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        known = ", ".join(readers)
        raise InputError(
            f"{path}: a table is a file of {known}, not {path.suffix or 'a file without suffix'!r}."
        )
    try:
        frame = readers[suffix](path)
    except (
        ValueError,
        OSError,
        NotImplementedError,
    ) as error:  # parser errors are of the first two
        raise InputError(f"{path} cannot be read as {suffix[1:]}: {error}") from error
    if frame.empty:
        raise InputError(f"{path} has no rows.")
    if target is None or target not in frame:
        asked = "no target column was named" if target is None else f"there is no column {target!r}"
        raise InputError(f"{path}: {asked}; columns: {', '.join(map(str, frame.columns))}.")
    if frame[target].isna().any():
        raise InputError(
            f"{path}: {int(frame[target].isna().sum())} rows have no {target!r}: drop or label them."
        )
    if suffix == ".csv":
        frame = frame.assign(
            **{name: _as_dates(frame[name]) for name in frame.columns if name != target}
        )
    return Data(path.stem, frame.drop(columns=target), frame[target], target=target)


def _read_arff(path: Path) -> pd.DataFrame:
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


def _as_dates(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Text that is ISO dates throughout as dates, which CSV has no type for."""
    known = column.dropna()
    if (
        not pd.api.types.is_string_dtype(column)
        or not len(known)
        or not known.str.match(r"\d{4}-\d\d-\d\d").all()
    ):
        return column
    try:
        return pd.to_datetime(column, format="ISO8601")
    except ValueError:
        return column


def _digits() -> Data:
    bunch = datasets.load_digits()
    # 17 grey levels, stretched to the full range of 8 bits as an image file would hold them.
    return Data("digits", np.rint(bunch.images * (255 / 16)).astype(np.uint8), bunch.target)


def _idx(cls: type[MNIST], name: str, mirror: bool) -> Data:
    def part(train: bool) -> tuple[np.ndarray, np.ndarray]:
        try:
            stored = cls(data_root(), train=train, download=True)
        except (RuntimeError, OSError) as error:
            raise InputError(
                f"{name} is not in {data_root()} and cannot be downloaded: {error}"
            ) from error
        return stored.data.numpy(), stored.targets.numpy()

    X, y = part(True)
    return Data(name, X, y, test=part(False), mirror=mirror)


def _frame(loader: Callable[..., Any], name: str) -> Data:
    bunch = loader(as_frame=True)
    return Data(name, bunch.data, bunch.target, target=bunch.target.name)


#: Named data sets. The first and the last two come with scikit-learn; the others are downloaded where they are missing.
DATASETS: dict[str, Callable[[], Data]] = {
    "digits": _digits,
    "mnist": lambda: _idx(MNIST, "mnist", False),
    "fashion-mnist": lambda: _idx(FashionMNIST, "fashion-mnist", True),
    "breast-cancer": lambda: _frame(datasets.load_breast_cancer, "breast-cancer"),
    "wine": lambda: _frame(datasets.load_wine, "wine"),
}
