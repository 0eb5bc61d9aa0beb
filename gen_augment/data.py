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
        drawn = [rng.permutation(np.flatnonzero(labels == label))[:per_class] for label in np.unique(labels)]
        index = np.sort(np.concatenate(drawn))
        return replace(self, X=take(self.X, index), y=take(self.y, index))


def data_root() -> Path:
    """Where downloaded data lies: ``$GEN_AUGMENT_DATA``, or ``~/.cache/gen_augment``."""
    return Path(os.environ.get("GEN_AUGMENT_DATA") or Path.home() / ".cache" / "gen_augment")


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
        ".csv": lambda path: pd.read_csv(path, low_memory=False),  # in pieces, one column could get two types
        ".parquet": pd.read_parquet,
        ".arff": _read_arff,
        ".dat": _read_arff,
    }
    if path.suffix not in readers:
        known = ", ".join(readers)
        raise InputError(f"{path}: a table is a file of {known}, not {path.suffix or 'a file without suffix'!r}.")
    try:
        frame = readers[path.suffix](path)
    except (ValueError, OSError, NotImplementedError) as error:  # parser errors are of the first two
        raise InputError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error
    if frame.empty:
        raise InputError(f"{path} has no rows.")
    if target is None or target not in frame:
        asked = "no target column was named" if target is None else f"there is no column {target!r}"
        raise InputError(f"{path}: {asked}; columns: {', '.join(map(str, frame.columns))}.")
    if frame[target].isna().any():
        raise InputError(f"{path}: {int(frame[target].isna().sum())} rows have no {target!r}: drop or label them.")
    if path.suffix == ".csv":
        frame = frame.assign(**{name: _as_dates(frame[name]) for name in frame.columns if name != target})
    return Data(path.stem, frame.drop(columns=target), frame[target], target=target)


def _read_arff(path: Path) -> pd.DataFrame:
    """Weka's format, or KEEL's, which also names inputs and outputs and has ``<null>`` for ``?``."""
    text = re.sub(r"(?im)^@(inputs?|outputs?)\b.*\n", "", path.read_text(encoding="utf-8")).replace("<null>", "?")
    try:
        rows, header = arff.loadarff(io.StringIO(text))
    except (StopIteration, IndexError) as error:  # SciPy's words for these are none
        raise ValueError("it has no @data, or a row that is too short") from error
    whole = set(re.findall(r"(?im)^@attribute\s+['\"]?(.+?)['\"]?\s+integer\b", text))
    columns: dict[str, Any] = {}
    for name in header.names():
        kind, categories = header[name]
        values = rows[name]
        if kind == "nominal":
            known = pd.Index(dict.fromkeys(categories))  # "?" is none of them
            codes = known.get_indexer([value.decode() for value in values])
            values = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(known))
        elif name in whole:
            values = pd.array(values, dtype="Int64") if np.isnan(values).any() else values.astype(np.int64)
        columns[name] = values
    return pd.DataFrame(columns)


def _as_dates(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Text that is ISO dates throughout as dates, which CSV has no type for."""
    known = column.dropna()
    if not pd.api.types.is_string_dtype(column) or not len(known) or not known.str.match(r"\d{4}-\d\d-\d\d").all():
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
            raise InputError(f"{name} is not in {data_root()} and cannot be downloaded: {error}") from error
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
