"""The interface of a modality: one form of data, and all that the package needs from it.

A `Modality` owns one form of data: recognising it, fitting its encoding, the networks and the
likelihood of generic samplers, the classifier of a study, and how rows are compared, shown, read
and written. Everything else asks the modality and never branches on its name.

To add one, subclass `Modality` and `Codec`, write the abstract methods, and call
`gen_augment.modalities.register`. The defaults suit rows that are encoded as flat vectors.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from gen_augment.archive import digest
from gen_augment.containers import stack_rows
from gen_augment.errors import InputError
from gen_augment.modalities.blocks import BlockGroup
from gen_augment.modalities.generators import DataSpec, GeneratorNetworks
from gen_augment.modalities.views import RowViews
from gen_augment.types import JSON

__all__ = [
    "BatchStep", "BlockGroup", "Codec", "DataSpec", "Gaps", "Match", "Modality", "Reading",
    "RowTransform", "check_equal", "storage_of",
]  # fmt: skip

#: Changes a batch of encoded rows and its label probabilities of shape (B, n_classes).
BatchStep = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
Match = Callable[[Any], np.ndarray]  # decoded rows to a bool for each


class Reading(IntEnum):
    """How surely rows are of a modality, see `Modality.recognise`."""

    NO = 0
    POSSIBLE = 1
    CERTAIN = 2


class Gaps(NamedTuple):
    """Encoded rows `x`, which of their values are `missing`, and the categories that fill them.

    `x` and `missing` have shape (n, width). `known` has the number of categories of each column,
    by the first place of its blocks; the category of that number says "missing".
    """

    x: Tensor
    missing: Tensor
    known: Mapping[int, int]


class RowTransform(NamedTuple):
    """A random change of encoded rows that keeps their labels.

    Attributes
    ----------
    apply : callable
        Maps rows (B, ...), other rows of their classes (B, n_others, ...) and standard normal
        noise (B, n_random) to rows (B, ...).
    n_random : callable
        Maps the shape of a row to its numbers of noise.
    n_others : int
        Other rows of the class that each row needs.
    """

    apply: Callable[[Tensor, Tensor, Tensor], Tensor]
    n_random: Callable[[tuple[int, ...]], int]
    n_others: int = 0


class Codec(ABC):
    """The learned encoding of one data set: the user's rows to a float32 Tensor, and back.

    Attributes
    ----------
    shape : tuple of int
        Shape of one encoded row.
    bounded : bool
        Whether all encoded numbers lie in [-1, 1].
    binary : bool
        Whether all encoded numbers are -1 or 1.
    blocks : tuple of int
        Widths of the one-hot blocks that end an encoded row; numbers come before them.
    feature_names : list of str, or None
        Names of the user's columns, if all are strings.
    one_shape : bool
        Whether all decoded rows have one shape.
    """

    shape: tuple[int, ...]
    bounded: bool = False
    binary: bool = False
    blocks: tuple[int, ...] = ()
    feature_names: list[str] | None = None
    one_shape: bool = True

    @property
    @abstractmethod
    def modality(self) -> "Modality":
        """The modality, with the options that read other rows in the same way."""

    @abstractmethod
    def encode(self, X: Any) -> Tensor:
        """Encode rows that have the fitted form; return a float32 Tensor of shape (n, *shape)."""

    @abstractmethod
    def decode(self, rows: Tensor) -> Any:
        """Decode rows into the form that was fitted; values may lie outside the encoded range."""

    @abstractmethod
    def pack(self, X: Any) -> np.ndarray:
        """Turn decoded rows into an array that a file can hold; of any dtype without objects."""

    @abstractmethod
    def unpack(self, array: np.ndarray) -> Any:
        """Turn an array that `pack` returned into decoded rows."""

    @abstractmethod
    def to_json(self) -> JSON:
        """Return the whole codec as JSON values, without the modality's name."""

    @property
    def n_features(self) -> int:
        """Number of values in one row, as scikit-learn counts features."""
        return int(np.prod(self.shape))

    def decode_parts(self, parts: Iterable[Tensor]) -> Any:
        """Decode rows that arrive in parts; tables decode faster when all parts are joined."""
        none = torch.empty(0, *self.shape, device="cpu")
        return self.decode(torch.cat([none, *(part.cpu() for part in parts)]))

    def block_groups(self) -> list[BlockGroup]:
        """List the one-hot blocks that belong together; by default each is a value of its own."""
        ends = np.cumsum([0, *self.blocks]) + int(np.prod(self.shape)) - sum(self.blocks)
        pairs = zip(ends, self.blocks, strict=False)
        return [BlockGroup((int(start),), (width,), None) for start, width in pairs]

    def gaps(self, X: Any) -> Gaps:
        """Encode rows with missing cells, and say where those are."""
        raise InputError(f"{self.modality.name} rows have no cells that could be missing.")

    def filled(self, X: Any, rows: Tensor) -> Any:
        """Return rows whose missing cells are those of encoded `rows`."""
        raise InputError(f"{self.modality.name} rows have no cells that could be missing.")

    def check_known(self, X: Any) -> None:  # noqa: B027
        """Raise `InputError` if `X` has values that `encode` accepts but cannot represent."""

    def joined(self, others: Sequence[Any]) -> "Codec":
        """Return one encoding for the rows of this codec and of `others` of the same modality.

        Raises
        ------
        InputError
            The rows cannot be in one container; the message names the difference.
        """
        check_equal("encodings", [codec.to_json() for codec in (self, *others)])
        return self

    def adopted(self, X: Any) -> Any:
        """Return decoded rows of a codec that was joined into this one in the form of this one."""
        return X


class Modality(ABC):
    """One form of data. An instance holds the user's options, such as ``Table(types={...})``.

    Attributes
    ----------
    name : str
        The word that users and archives know the modality by.
    networks : GeneratorNetworks
        What samplers of any modality build their networks from.
    views : RowViews
        How rows are compared, shown, and given to classifiers.
    learned_features : bool
        Whether rows are compared by the features of a small classifier, rather than by values.
    recipes : mapping of str to BatchStep
        Classic augmentations of a batch, by the name that an arm of a study uses.
    transforms : mapping of str to RowTransform
        Random changes of single rows, by name, for `TransformSampler`.
    suffixes : tuple of str
        Endings of files that `write` accepts; empty if it writes a folder.
    """

    name: ClassVar[str]
    networks: ClassVar[GeneratorNetworks] = GeneratorNetworks()
    views: ClassVar[RowViews] = RowViews()
    learned_features: ClassVar[bool] = False
    recipes: ClassVar[Mapping[str, BatchStep]] = {}
    transforms: ClassVar[Mapping[str, RowTransform]] = {}
    suffixes: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options().items())
        return f"{type(self).__name__}({options})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.options() == self.options()

    def __hash__(self) -> int:
        return hash(repr(self))

    def options(self) -> JSON:
        """Return the options that were given, by name, as the constructor takes them."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @abstractmethod
    def recognise(self, X: Any) -> Reading:
        """Say whether `X` can be read as this modality, by a look at its type and shape."""

    def gather(self, X: Any) -> Any:
        """Bring rows into the container that they are kept in: a list of arrays becomes one.

        Rows of a Dataset are first gathered one by one, so that large ones are never all in memory.

        Raises
        ------
        InputError
            The rows do not fit together.
        """
        return stack_rows(X)

    @abstractmethod
    def fit(self, X: Any) -> tuple[Codec, Tensor]:
        """Learn the encoding of `X`; return it with the encoded rows.

        Raises
        ------
        InputError
            `X` cannot be used; the message names the value, the place and the remedy.
        """

    @abstractmethod
    def codec_from_json(self, record: JSON) -> Codec:
        """Rebuild a codec from its `to_json`; raise for values that do not fit together."""

    def digests(self, X: Any) -> np.ndarray:
        """Hash each row; equal rows have equal hashes. Array of shape (n,) of 32 hex digits."""
        return np.array([digest(repr(row)) for row in X], dtype="<U32")

    def plain_numbers(self, X: Any) -> tuple[np.ndarray, Callable[[np.ndarray], Any]] | None:
        """Return rows of finite numbers as (n, d), float64, and the inverse; None for others."""
        return None

    def matcher(self, codec: Codec, where: Mapping[Any, Any]) -> Match:
        """Turn conditions on columns into a function of rows."""
        raise InputError(f"where={where!r} needs columns, and {self.name} rows have none.")

    def read_conditions(self, codec: Codec, texts: Iterable[str]) -> dict[Any, list[Any]]:
        """Read conditions that the command line was given, as `matcher` takes them."""
        raise InputError(f"where {list(texts)} needs columns, and {self.name} rows have none.")

    def columns(self, codec: Codec, X: Any) -> pd.DataFrame | None:
        """Return rows as a table whose columns are compared one by one; None without columns."""
        return None

    # -- Classifiers of a study

    def classifier(self, spec: DataSpec) -> Any:
        """Return the default classifier: an estimator, or a function that makes a network."""
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(n_estimators=200)

    def classifier_inputs(self, codec: Codec, X: Any) -> Callable[[Any], Tensor]:
        """Return what maps rows to a classifier's inputs; it may learn from `X`, training rows."""
        return codec.encode

    def default_arms(
        self, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
    ) -> list[str]:
        """List the arms of a study that names none: baselines, then samplers."""
        return ["real", "oversample", "weights", "threshold", *samplers]

    def corrupted(self, X: Any, like: Any) -> dict[str, Any]:
        """Return `X` under common corruptions, by name; `like` are training rows."""
        raise InputError(f"corruptions are defined for images, and these rows are {self.name}.")

    # -- Pictures and files

    def sheet(self, codec: Codec, rows: Tensor, columns: int) -> np.ndarray | None:
        """Draw encoded rows in lines of `columns`; None for rows that have no picture.

        Returns
        -------
        ndarray of shape (height, width) or (height, width, 3), in [0, 1], or None
        """
        return None

    def read(self, path: Path, target: str | None) -> tuple[Any, ...] | None:
        """Read labelled rows ``(X, y)`` from a file or folder; None if it holds another modality.

        `gen_augment.modalities.file_rows.FileRows` says more than a pair. `X` may be an Arrow
        dataset that has more rows than memory holds, and `y` the name of its column of labels.
        """
        return None

    def open_path(self, path: Path) -> tuple[Any, ...] | None:
        """Read what is given as rows, to `fit` for example: a folder, or a file with its labels.

        By default a folder, as `read` does; None for others.
        """
        return self.read(path, None) if path.is_dir() else None

    def write(self, path: Path, parts: Iterator[tuple[Any, Any]], codec: Codec) -> None:
        """Write rows and labels that arrive in parts to a new file or folder."""
        raise InputError(f"{path}: {self.name} rows cannot be written to files.")


def storage_of(codec: Codec) -> Any:
    """Return the encoding of decoded rows alone, for banks, files and injection.

    It is `codec` itself, unless that has a `storage` because it encodes rows for networks alone.
    """
    return getattr(codec, "storage", codec)


def check_equal(what: str, values: Sequence[Any]) -> Any:
    """Return the value that all codecs to be joined share, or raise `InputError`."""
    for number, value in enumerate(values):
        if value != values[0]:
            raise InputError(
                f"rows of samplers 0 and {number} cannot be joined: their {what} are "
                f"{values[0]!r} and {value!r}. Convert the rows of one before fitting."
            )
    return values[0]
