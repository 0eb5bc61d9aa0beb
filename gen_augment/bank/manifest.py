"""The manifest of a bank as JSON: its rows, their generator, and the digest of each block."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from gen_augment import archive
from gen_augment.data.labels import LabelCodec
from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import Codec, codec_from_json
from gen_augment.modalities.row_store import RowStore
from gen_augment.types import JSON

__all__ = [
    "MANIFEST", "ROWS", "Generator", "Manifest", "bank_folder", "digest_of", "is_there",
]  # fmt: skip

FORMAT = 1
MANIFEST, ROWS = "manifest.json", "rows.bin"
DIGEST_BYTES = 16
#: A block has at most this many bytes. Its number of rows is a power of two in these limits,
#: and so a multiple of the rows in a block of noise.
BLOCK_BYTES, MIN_BLOCK, MAX_BLOCK = 2**22, 256, 4096
#: More rows would not fit into a file system, nor their size in bytes into an offset.
MAX_ROWS = 2**40


def digest_of(data: bytes | memoryview) -> bytes:
    """Return a digest of 16 bytes that detects damage."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def bank_folder(path: Any) -> Path:
    """Return the absolute path of a bank; raise for what is no path, such as a sampler."""
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(
            f"bank is a {type(path).__name__}: give a SampleBank or its path. "
            "SampleBank.build(sampler, counts, path) makes one."
        )
    return Path(path).absolute()


def is_there(path: Path) -> bool:
    """Whether a file exists; False if it is not accessible or its name is not valid."""
    try:
        return path.exists()
    except OSError:
        return False


@dataclass(frozen=True)
class Generator:
    """The origin of the rows.

    Attributes
    ----------
    name : str
        Class of the sampler.
    fingerprint : str
        Hash of its weights and parameters.
    seed : int
        Seed of the rows.
    """

    name: str
    fingerprint: str
    seed: int


@dataclass(frozen=True)
class Manifest:
    """The description of a bank.

    Attributes
    ----------
    generator : Generator
    codec, labels : dict
        Encodings of the sampler's rows and labels, as JSON.
    counts : tuple of int
        Number of rows of each class of the sampler; rows are sorted by class.
    filters : tuple of str
        Names of the filters that the rows passed.
    max_draws : int
        Addresses reserved for each row if there are filters; otherwise 1.
    compression : str or None
        How the rows are compressed.
    digests : tuple of str
        One per block of rows; empty while the bank is being built.
    """

    generator: Generator
    codec: JSON
    labels: JSON
    counts: tuple[int, ...]
    filters: tuple[str, ...] = ()
    max_draws: int = 1
    compression: str | None = None
    digests: tuple[str, ...] = ()

    @cached_property
    def row_codec(self) -> Codec:
        """Encoding of the rows."""
        return codec_from_json(self.codec)

    @cached_property
    def label_codec(self) -> LabelCodec:
        """Encoding of the labels."""
        return LabelCodec.from_json(self.labels)

    @cached_property
    def store(self) -> RowStore:
        """Where and how rows are stored."""
        codec = self.row_codec
        return codec.modality.views.row_store(codec, self.compression)

    @cached_property
    def row_dtype(self) -> np.dtype[Any]:
        """NumPy dtype of one row with its shape; with filters also its address."""
        row = ("row", self.store.dtype)
        return np.dtype([row, ("index", "<i8")] if self.filters else [row])

    @cached_property
    def digest(self) -> str:
        """Hash of the rows, their labels and their order."""
        labels = json.dumps([self.labels, self.counts], sort_keys=True)
        return digest_of("".join([labels, *self.digests]).encode()).hex()

    @property
    def n_rows(self) -> int:
        """Number of rows of all classes."""
        return sum(self.counts)

    @cached_property
    def block_rows(self) -> int:
        """Number of rows in a block; the last block may have fewer."""
        fitting = max(1, BLOCK_BYTES // max(self.row_dtype.itemsize, self.store.n_bytes))
        return int(np.clip(1 << (fitting.bit_length() - 1), MIN_BLOCK, MAX_BLOCK))

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return -(-self.n_rows // self.block_rows)

    @cached_property
    def ends(self) -> np.ndarray:
        """Position after the last row of each class: ndarray of shape (n_classes,)."""
        return np.cumsum(self.counts)

    def rows_of(self, block: int) -> range:
        """Return the positions of the rows of a block."""
        return range(block * self.block_rows, min((block + 1) * self.block_rows, self.n_rows))

    def codes(self, positions: np.ndarray) -> np.ndarray:
        """Return the class codes of rows by position."""
        return np.searchsorted(self.ends, positions, side="right")

    def finished(self, digests: tuple[str, ...]) -> Self:
        """Return the manifest of the finished bank."""
        return replace(self, digests=digests)

    def plan(self) -> Self:
        """Return the manifest of the bank before it was built."""
        return replace(self, digests=())

    def to_bytes(self) -> bytes:
        """Return the content of the file, with a checksum."""
        record = {"format": FORMAT, **asdict(self)}
        return json.dumps(
            record | {"checksum": _checksum(record)}, sort_keys=True, indent=0
        ).encode()

    @classmethod
    def read(cls, path: Path, *, finished: bool = True) -> Self:
        """Read and check a manifest.

        Parameters
        ----------
        path : Path
        finished : bool
            Whether the bank is finished, so that each block has a digest.

        Raises
        ------
        ArchiveError
            The file is damaged, has another format, or its parts are inconsistent.
        """
        try:
            record = json.loads(path.read_bytes())
            checksum = record.pop("checksum")
            expected = _checksum(record)
        except (
            OSError,
            ValueError,
            AttributeError,
            LookupError,
            TypeError,
            RecursionError,
        ) as error:
            raise ArchiveError(f"{path} is not a readable manifest of a bank: {error}") from error
        if record.get("format") != FORMAT:
            raise ArchiveError(
                f"{path} has bank format {record.get('format')!r}; this version of gen_augment "
                f"reads {FORMAT}."
            )
        if checksum != expected:
            raise ArchiveError(f"{path} is damaged: its checksum is wrong. Build the bank again.")
        archive.check_keys(str(path), record, {"format", *cls.__dataclass_fields__})
        try:
            manifest = cls(
                generator=Generator(**record["generator"]),
                codec=record["codec"],
                labels=record["labels"],
                counts=tuple(record["counts"]),
                filters=tuple(record["filters"]),
                max_draws=record["max_draws"],
                compression=record["compression"],
                digests=tuple(record["digests"]),
            )
            manifest._check(finished)
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            raise ArchiveError(f"{path} is inconsistent: {error}") from error
        return manifest

    def _check(self, finished: bool) -> None:
        """Raise if a value has the wrong type or contradicts another value."""
        n_classes = len(self.label_codec.classes)
        numbers = (*self.counts, self.max_draws, self.generator.seed)
        texts = (*self.filters, *self.digests, self.generator.name, self.generator.fingerprint)
        if not all(type(number) is int for number in numbers) or not all(
            isinstance(text, str) for text in texts
        ):
            raise InputError("a number or a name has the wrong type.")
        if len(self.counts) != n_classes or min(self.counts) < 0 or not 0 < self.n_rows <= MAX_ROWS:
            raise InputError(f"counts {self.counts} for {n_classes} classes.")
        expected = self.n_blocks * finished  # n_blocks raises for an invalid codec
        if len(self.digests) != expected:
            raise InputError(f"{len(self.digests)} digests instead of {expected}.")


def _checksum(record: JSON) -> str:
    return digest_of(json.dumps(record, sort_keys=True).encode()).hex()
