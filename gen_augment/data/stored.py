"""Encoded rows in a temporary file, for training on more rows than memory holds.

A stream is read twice. The first pass learns the encoding (`RowViews.scan`), counts the classes and
keeps a random sample of the rows. The second pass writes the encoded rows to a file in order of
class, so that the class of a row follows from its place. Memory does not grow with the rows.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from gen_augment.containers import as_pandas, concatenate, take
from gen_augment.data.label_values import distinct_labels
from gen_augment.data.labels import LabelCodec
from gen_augment.data.rows import Rows, hash_encoded
from gen_augment.data.streams import RowStream, located, numbered, row_bytes, stack_if_equal
from gen_augment.errors import InputError
from gen_augment.modalities import Codec, DataSpec, Modality, find_modality

__all__ = ["StoredRows", "read_stream"]

#: Size of the random sample that an encoding is learned from. Streams of fewer rows are read into
#: memory.
SAMPLE_ROWS, SAMPLE_BYTES = 1 << 17, 1 << 28
#: Most classes of a stream.
MAX_CLASSES = 1 << 16
#: Rows that are read at a time: mapping a file reads up to 64 KiB around each.
MAPPED_ROWS = 1024


def read_stream(
    stream: RowStream,
    modality: str | Modality | None = None,
    *,
    codec: Codec | None = None,
    labels: LabelCodec | None = None,
) -> "Rows | StoredRows":
    """Read a stream: into memory if it has few rows, or else into a temporary file.

    Parameters
    ----------
    stream : RowStream
    modality : str, Modality or None
        As in `Rows.read`.
    codec : Codec, optional
        A known encoding of the rows; by default it is learned.
    labels : LabelCodec, optional
        Known labels, to which others are added.

    Raises
    ------
    InputError
        Rows or labels cannot be read, the two passes differ, or the disk is full.
    """
    survey = _Survey(stream, modality if codec is None else codec.modality)
    for start, X, y in numbered(stream):
        with located(stream, start):
            survey.add(X, y, learn=codec is None)
    if survey.is_small:
        return survey.rows()
    known = survey.labels() if labels is None else labels.extend(survey.seen_labels())[0]
    codec = survey.codec() if codec is None else codec
    return StoredRows(stream, codec, known, survey.class_counts(known))


class StoredRows:
    """Encoded rows in a temporary file, which is removed with this object.

    Parameters
    ----------
    stream : RowStream
        Read once.
    codec : Codec
    labels : LabelCodec
    class_counts : ndarray of shape (n_classes,)
        Number of rows that the stream has of each class.

    Attributes
    ----------
    content : int
        Hash of the rows and labels, as `Rows.content`.
    """

    def __init__(
        self, stream: RowStream, codec: Codec, labels: LabelCodec, class_counts: np.ndarray
    ) -> None:
        self.codec = codec
        self.labels = labels
        self._counts = class_counts
        self.content = 0
        self._row_size = 4 * int(np.prod(codec.shape))
        needed, free = len(self) * self._row_size, _free()
        if needed > free:
            raise InputError(
                f"the encoded rows need {needed / 1e9:,.1f} GB in {tempfile.gettempdir()}, which "
                f"has {free / 1e9:,.1f} GB left: set TMPDIR to a folder of a larger disk."
            )
        self._file = tempfile.TemporaryFile(prefix="gen_augment-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._write(stream)

    def __len__(self) -> int:
        return int(self._counts.sum())

    @property
    def class_counts(self) -> np.ndarray:
        """Number of rows of each class."""
        return self._counts.copy()

    @property
    def spec(self) -> DataSpec:
        """What a network has to know of these rows."""
        return DataSpec.of(self.codec, len(self.labels.classes))

    def at(self, index: np.ndarray) -> torch.Tensor:
        """Return encoded rows by place in the file, (n, *codec.shape); rows are sorted by class."""
        out = np.empty((len(index), *self.codec.shape), np.float32)
        order = np.argsort(index)
        for part in np.array_split(order, len(index) // MAPPED_ROWS + 1):
            # A new mapping each time: pages of an old one would count as memory of this process.
            shape = (len(self), *self.codec.shape)
            mapped = np.memmap(self._file, np.float32, "r", shape=shape)
            out[part] = mapped[index[part]]
        return torch.from_numpy(out)

    def _write(self, stream: RowStream) -> None:
        ends = np.cumsum(self._counts)
        place = ends - self._counts
        for start, X, y in numbered(stream):
            with located(stream, start):
                labels, places = distinct_labels(y)
                codes = self.labels.encode(labels)[places]
                encoded = self._encoded(X)
            self.content = (self.content + hash_encoded(encoded, codes)) % 2**64
            order = np.argsort(codes, kind="stable")
            counts = np.bincount(codes, minlength=len(place))
            if (place + counts > ends).any():
                raise self._differs(stream)
            for code, part in enumerate(np.split(order, np.cumsum(counts)[:-1])):
                if len(part):
                    self._file.seek(int(place[code]) * self._row_size)
                    self._file.write(encoded.numpy()[part].data)
            place = place + counts
        if (place < ends).any():
            raise self._differs(stream)
        self._file.flush()

    def _encoded(self, X: Any) -> torch.Tensor:
        X = self.codec.modality.gather(X)
        encoded = self.codec.encode(X)
        blocks = sum(self.codec.blocks)
        if blocks and bool((encoded[:, -blocks:].sum(dim=1) != len(self.codec.blocks)).any()):
            self.codec.check_known(X)
        return encoded

    def _differs(self, stream: RowStream) -> InputError:
        return InputError(
            f"{stream.name} has other rows when it is read again: {len(self)} rows were read "
            "first. Each iter() must start from the first row."
        )


class _Survey:
    """The first pass over a stream."""

    def __init__(self, stream: RowStream, modality: str | Modality | None) -> None:
        self.stream = stream
        self._modality: Any = modality
        self._scan: Any = None
        self._sample: _Sample | None = None
        self._labels = _LabelScan()

    def add(self, X: Any, y: Any, *, learn: bool) -> None:
        """Look at a part; an encoding is learned if `learn`."""
        if self._sample is None:
            self._modality = find_modality(as_pandas(X), self._modality)
            self._sample = _Sample()
        X = self._modality.gather(X)
        was_small = self.is_small
        self._sample.add(X, y)
        if self.is_small:
            return
        # Small streams are fitted as rows in memory, whose errors are the better ones.
        parts: Iterator[tuple[Any, Any]] = iter([(X, y)])
        if was_small:
            self._scan = self._modality.views.scan(self._modality)
            parts = self._sample.first_parts()
        for rows, labels in parts:
            self._labels.add(labels)
            if learn:
                self._scan.add(rows)

    @property
    def is_small(self) -> bool:
        """Whether the sample holds all rows so far."""
        return self._sample is None or self._sample.holds_all

    def rows(self) -> Rows:
        """Return all rows of a small stream."""
        assert self._sample is not None  # noqa: S101 # for mypy
        X, y = self._sample.drawn()
        return Rows.read(stack_if_equal(X), y, modality=self._modality)

    def codec(self) -> Codec:
        """Return the encoding."""
        assert self._sample is not None  # noqa: S101 # for mypy
        codec: Codec = self._scan.codec(self._sample.drawn()[0])
        return codec

    def seen_labels(self) -> Any:
        """Return each label once, in the user's container."""
        return concatenate(self._labels.seen)

    def labels(self) -> LabelCodec:
        """Return the classes."""
        return LabelCodec.fit(self.seen_labels())[0]

    def class_counts(self, labels: LabelCodec) -> np.ndarray:
        """Return the number of rows of each class."""
        counts = np.array([self._labels.counts.get(c, 0) for c in labels.classes.tolist()])
        if counts.sum() < sum(self._labels.counts.values()):
            raise InputError(
                f"{self.stream.name} has rows with the label -1, which marks rows without a label: "
                "leave them out, such as by dataset.filter, or read the rows into memory."
            )
        return counts


class _Sample:
    """A random sample of rows without replacement, in their order; the first rows if these fit."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)
        self._parts: list[tuple[Any, Any, np.ndarray]] = []
        self._limit = 1.0
        self._size = SAMPLE_ROWS
        self.holds_all = True

    def add(self, X: Any, y: Any) -> None:
        """Draw from a part: the rows with the lowest of uniform numbers are kept."""
        n = len(y)
        if not self._parts:
            if isinstance(X, list):
                nbytes = row_bytes(X[0])
            else:
                size = X.memory_usage(deep=True).sum() if isinstance(X, pd.DataFrame) else X.nbytes
                nbytes = int(size) // n + 1
            self._size = max(1, min(SAMPLE_ROWS, SAMPLE_BYTES // nbytes))
        elif self._n > 2 * self._size:
            self._trim()
        keys = self._rng.random(n)
        drawn = np.flatnonzero(keys < self._limit)
        whole = len(drawn) == n
        self._parts.append((X, y, keys) if whole else _taken(X, y, keys, drawn))
        self.holds_all = self.holds_all and self._n <= self._size

    @property
    def _n(self) -> int:
        return sum(len(keys) for *_, keys in self._parts)

    def first_parts(self) -> Iterator[tuple[Any, Any]]:
        """Yield the parts, before any row is left out."""
        return ((X, y) for X, y, _ in self._parts)

    def drawn(self) -> tuple[Any, Any]:
        """Return rows and labels."""
        self._trim()
        return self._parts[0][:2]

    def _trim(self) -> None:
        X, y = (concatenate([part[i] for part in self._parts]) for i in (0, 1))
        keys = np.concatenate([part[2] for part in self._parts])
        if len(keys) > self._size:
            self._limit = float(np.partition(keys, self._size)[self._size])
            X, y, keys = _taken(X, y, keys, np.flatnonzero(keys < self._limit))
        self._parts = [(X, y, keys)]


def _taken(X: Any, y: Any, keys: np.ndarray, index: np.ndarray) -> tuple[Any, Any, np.ndarray]:
    return take(X, index), take(y, index), keys[index]


class _LabelScan:
    """The labels of a stream: each once, in the user's container, and their counts."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.counts: dict[Any, int] = {}

    def add(self, y: Any) -> None:
        labels, places = distinct_labels(y)
        new = [place for place, label in enumerate(labels.tolist()) if label not in self.counts]
        if new:
            first = np.unique(places, return_index=True)[1]
            self.seen.append(take(y, first[new]))
        for label, count in zip(labels.tolist(), np.bincount(places).tolist(), strict=True):
            self.counts[label] = self.counts.get(label, 0) + count
        if len(self.counts) > MAX_CLASSES:
            raise InputError(
                f"y has more than {MAX_CLASSES:,} classes: give the column of the labels, and bin "
                "measurements."
            )


def _free() -> int:
    return shutil.disk_usage(tempfile.gettempdir()).free
