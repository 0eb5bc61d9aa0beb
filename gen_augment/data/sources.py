"""Labelled data by name, from a folder of images, or from a table in a file."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from torchvision.datasets import MNIST, FashionMNIST

from gen_augment.containers import take
from gen_augment.errors import InputError
from gen_augment.modalities import registered

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
    if not path.exists():
        known = ", ".join(DATASETS)
        raise InputError(f"{text!r} is neither one of {known}, nor a folder, nor a file.")
    if (path / "train").is_dir() and (path / "test").is_dir():
        return Data(path.name, *_read(path / "train", target), test=_read(path / "test", target))
    name = path.stem if path.is_file() else path.name
    return Data(name, *_read(path, target), target=target or "label")


def _read(path: Path, target: str | None) -> tuple[Any, Any]:
    """Read a file or folder as the first modality that holds it."""
    for modality in registered().values():
        found = modality().read(path, target)
        if found is not None:
            return found
    raise InputError(f"{path} holds rows of no known modality: {', '.join(registered())}.")


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
