"""Labelled data by name, from a folder of images, or from a table in a file."""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from gen_augment.data.reading import able_to_read, part_folders
from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality, get_modality, registered
from gen_augment.modalities.file_rows import ColumnReading, FileRows

__all__ = ["DATASETS", "LoadedData", "data_root", "load_data", "source_name"]


@dataclass(frozen=True)
class LoadedData:
    """A labelled data set.

    Attributes
    ----------
    name : str
    source : Rows, or FileRows with an Arrow dataset
        The rows, or what they are read from where they may be more than memory holds.
    test : Rows or None
        The test part that comes with the data, if one does.
    mirror : bool
        Whether an image and its mirror image have the same label.
    target : str
        What the labels are called.
    report : tuple of ColumnReading
        How each column of a file was read.
    notes : tuple of str
        What was found in the file or folder and may surprise.
    """

    name: str
    source: Rows | FileRows
    test: Rows | None = None
    mirror: bool = False
    target: str = "label"
    report: tuple[ColumnReading, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def modality(self) -> Modality:
        """How the rows are read."""
        found = self.source.modality
        assert found is not None  # noqa: S101 # for mypy: `load_data` sets it
        return found

    @cached_property
    def rows(self) -> Rows:
        """All rows, in memory."""
        return _in_memory(self.source)

    def head(self, per_class: int, seed: int = 0) -> Self:
        """Draw `per_class` rows of each class, or take all of a class that has fewer."""
        codes = self.rows.codes
        rng = np.random.default_rng(seed)
        drawn = [
            rng.permutation(np.flatnonzero(codes == code))[:per_class] for code in np.unique(codes)
        ]
        index = np.sort(np.concatenate(drawn))
        return replace(self, source=self.rows.part(index))


def data_root() -> Path:
    """Return the folder of downloaded data: ``$GEN_AUGMENT_DATA`` or ``~/.cache/gen_augment``."""
    try:
        return Path(os.environ.get("GEN_AUGMENT_DATA") or Path.home() / ".cache" / "gen_augment")
    except RuntimeError as error:  # a container's user without a home
        raise InputError(
            f"there is no folder for downloads ({error}): set GEN_AUGMENT_DATA to one."
        ) from error


def load_data(
    source: str | os.PathLike[str],
    *,
    target: str | None = None,
    modality: str | Modality | None = None,
    options: Mapping[str, Any] | None = None,
    keep_identifiers: bool = False,
) -> LoadedData:
    """Load a named data set, a folder of class folders, or a table in a file.

    Parameters
    ----------
    source : str or path-like
        A name in `DATASETS`; a folder with one folder of images for each class, or with such
        folders ``train`` and ``test``, ``val``, ``valid`` or ``validation``; a ``.csv``,
        ``.parquet`` or ``.arff`` file (Weka's), or a ``.dat`` file (KEEL's); or a folder of
        Parquet files.
    target : str, optional
        Column of the labels; needed for a file or a folder of Parquet files.
    modality : str or Modality, optional
        How to read a file or folder; by default, the first modality that can.
    options : {parameter: value}, optional
        Parameters of that modality, such as `Table`'s ``{"types": {"zip": "category"}}``.
    keep_identifiers : bool
        Keep columns that identify single rows, for a sampler that repeats rows.

    Raises
    ------
    InputError
        There is no such data, or it cannot be read.

    Examples
    --------
    >>> wine = load_data("wine")
    >>> len(wine.rows), wine.rows.n_classes
    (178, 3)
    """
    text = os.fspath(source)
    if text in DATASETS:
        if options:
            raise InputError(f"{text!r} is no file, so it takes no options for columns and files.")
        return DATASETS[text]()
    path = Path(text)
    if not path.exists():
        known = ", ".join(DATASETS)
        raise InputError(f"{text!r} is neither one of {known}, nor a folder, nor a file.")
    candidates = (
        [made() for made in registered().values()] if modality is None else [get_modality(modality)]
    )
    if keep_identifiers:
        asked = {"file": {"identifiers": True}}
        candidates = [_configured(each, asked) or each for each in candidates]
    train, parts = part_folders(path)
    if train is not None:
        return _load_parts(path, train, parts, target, candidates, options or {})
    found = _read(path, target, candidates, options or {})
    return LoadedData(
        source_name(path),
        _source(found),
        target=target or "label",
        report=found.report,
        notes=found.notes,
    )


def source_name(source: str | os.PathLike[str]) -> str:
    """Return the name of the data in a file or folder: its own, without the ending of a file."""
    path = Path(source)
    return path.name if path.is_dir() else path.stem


def _load_parts(
    path: Path,
    train_path: Path,
    parts: list[Path],
    target: str | None,
    candidates: list[Modality],
    options: Mapping[str, Any],
) -> LoadedData:
    train = _read(train_path, target, candidates, options)
    modality = [train.modality] if train.modality is not None else candidates
    test = _read(parts[0], target, modality, {})
    notes = [f"{train_path.name}/ is the training part, {parts[0].name}/ the test part"]
    if len(parts) > 1:
        notes.append(f"{', '.join(f'{part.name}/' for part in parts[1:])} is left out")
    return LoadedData(
        path.name,
        _source(train),
        test=_in_memory(test),
        target=target or "label",
        report=train.report,
        notes=(*train.notes, *notes),
    )


def _in_memory(found: Rows | FileRows) -> Rows:
    if isinstance(found, Rows):
        return found
    return Rows.read(found.X, found.y, modality=found.modality)


def _source(found: FileRows) -> Rows | FileRows:
    return found if isinstance(found.y, str) else _in_memory(found)


def _read(
    path: Path,
    target: str | None,
    candidates: list[Modality],
    options: Mapping[str, Any],
) -> FileRows:
    """Read a file or folder as the first modality that can."""
    errors = []
    candidates = able_to_read(path, target, candidates)
    configured = [(candidate, _configured(candidate, options)) for candidate in candidates]
    for candidate, modality in sorted(configured, key=lambda pair: pair[1] is None):
        try:
            found = (modality or candidate).read(path, target)
        except InputError as error:  # another modality may know a file of this suffix
            errors.append(error)
            continue
        if found is None:
            continue
        if modality is None:
            if errors and path.is_file():  # of a modality that has these options
                raise errors[0]
            raise InputError(
                f"{path} holds {candidate.name} rows, for which there is no option "
                f"{' or '.join(_unknown(candidate, options))}: leave it out."
            )
        rows = FileRows(*found)
        return rows if rows.modality is not None else rows._replace(modality=modality)
    if errors:
        raise errors[0]
    raise InputError(
        f"{path} cannot be read as {' or '.join(modality.name for modality in candidates)}."
    )


def _configured(modality: Modality, options: Mapping[str, Any]) -> Modality | None:
    """Return the modality with more options; None if it does not know them."""
    if not options:
        return modality
    made: Any = type(modality)
    if _unknown(modality, options):
        return None
    merged = modality.options()
    for name, value in options.items():
        keeps = isinstance(value, Mapping)
        merged[name] = {**dict(merged.get(name, {})), **value} if keeps else value
    configured: Modality = made(**merged)
    return configured


def _unknown(modality: Modality, options: Mapping[str, Any]) -> list[str]:
    """Return the names of options that a modality does not know, also of those within a group."""
    known = inspect.signature(type(modality)).parameters
    lacking = {name: value for name, value in options.items() if name not in known}
    groups = [v if isinstance(v, Mapping) and v else [n] for n, v in lacking.items()]
    return [str(name) for names in groups for name in names]


def _digits() -> LoadedData:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # 17 grey levels, stretched to the full range of 8 bits as an image file would hold them.
    X = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    return LoadedData("digits", Rows.read(X, bunch.target))


def _idx(class_name: str, name: str, mirror: bool) -> LoadedData:
    from torchvision import datasets

    def part(train: bool) -> Rows:
        try:
            stored = getattr(datasets, class_name)(data_root(), train=train, download=True)
        except (RuntimeError, OSError) as error:
            raise InputError(
                f"{name} is not in {data_root()} and cannot be downloaded: {error}"
            ) from error
        return Rows.read(stored.data.numpy(), stored.targets.numpy())

    return LoadedData(name, part(True), test=part(False), mirror=mirror)


def _frame(function: str, name: str) -> LoadedData:
    from sklearn import datasets

    bunch = getattr(datasets, function)(as_frame=True)
    return LoadedData(name, Rows.read(bunch.data, bunch.target), target=bunch.target.name)


#: Named data sets. The first and the last two come with scikit-learn; the others are downloaded
#: where they are missing.
DATASETS: dict[str, Callable[[], LoadedData]] = {
    "digits": _digits,
    "mnist": lambda: _idx("MNIST", "mnist", False),
    "fashion-mnist": lambda: _idx("FashionMNIST", "fashion-mnist", True),
    "breast-cancer": lambda: _frame("load_breast_cancer", "breast-cancer"),
    "wine": lambda: _frame("load_wine", "wine"),
}
