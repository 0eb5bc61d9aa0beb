"""What a bank holds, as JSON: which rows, of which generator, and the digest of every block of them."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from gen_augment import archive
from gen_augment.codecs import Codec, LabelCodec, codec_from_json
from gen_augment.errors import ArchiveError, InputError
from gen_augment.types import JSON

__all__ = ["MANIFEST", "ROWS", "Generator", "Manifest", "digest_of", "is_there"]

FORMAT = 1
MANIFEST, ROWS = "manifest.json", "rows.bin"
DIGEST_BYTES = 16
#: Rows in a block are a power of two, so that this many bytes hold a block, and are whole blocks of noise.
BLOCK_BYTES, MIN_BLOCK, MAX_BLOCK = 2**22, 256, 4096
#: More would not fit into any file system, nor their bytes into an offset.
MAX_ROWS = 2**40


def digest_of(data: bytes | memoryview) -> bytes:
    """16 bytes that tell damaged data from whole."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def is_there(path: Path) -> bool:
    """Whether a file is there; one that may not be looked at, or has no possible name, is not."""
    try:
        return path.exists()
    except OSError:
        return False


@dataclass(frozen=True)
class Generator:
    """Where the rows come from.

    Attributes
    ----------
    name : str
        Class of the sampler.
    fingerprint : str
        Hash of its weights and parameters.
    seed : int
        Names the table that the rows are from.
    """

    name: str
    fingerprint: str
    seed: int


@dataclass(frozen=True)
class Manifest:
    """All that is known of a bank.

    Attributes
    ----------
    generator : Generator
    codec, labels : dict
        Of the sampler, as JSON.
    counts : tuple of int
        Rows of each class that the sampler knows; rows lie class by class.
    filters : tuple of str
        Names of the filters that the rows passed.
    max_draws : int
        Addresses that each row may use up, for rows that were filtered; else 1.
    digests : tuple of str
        One for each block of rows; none while the bank is being built.
    """

    generator: Generator
    codec: JSON
    labels: JSON
    counts: tuple[int, ...]
    filters: tuple[str, ...] = ()
    max_draws: int = 1
    digests: tuple[str, ...] = ()

    @cached_property
    def row_codec(self) -> Codec:
        """The codec itself."""
        return codec_from_json(self.codec)

    @cached_property
    def label_codec(self) -> LabelCodec:
        """The labels' codec itself."""
        return LabelCodec.from_json(self.labels)

    @cached_property
    def row_dtype(self) -> np.dtype[Any]:
        """NumPy's dtype of one row, shape included; with filters, its address comes with it."""
        codec = self.row_codec
        one = codec.pack(codec.decode(torch.zeros(1, *codec.shape, device="cpu")))
        row = np.dtype((one.dtype, one.shape[1:]))
        return (
            np.dtype([("row", row), ("index", "<i8")]) if self.filters else np.dtype([("row", row)])
        )

    @property
    def n_rows(self) -> int:
        """Rows of all classes."""
        return sum(self.counts)

    @cached_property
    def block_rows(self) -> int:
        """Rows in a block; the last one may have fewer."""
        fitting = max(1, BLOCK_BYTES // self.row_dtype.itemsize)
        return int(np.clip(1 << (fitting.bit_length() - 1), MIN_BLOCK, MAX_BLOCK))

    @property
    def n_blocks(self) -> int:
        """Blocks of rows."""
        return -(-self.n_rows // self.block_rows)

    @cached_property
    def ends(self) -> np.ndarray:
        """For each class, the first row number after its own: ndarray of shape (n_classes,)."""
        return np.cumsum(self.counts)

    def rows_of(self, block: int) -> range:
        """Row numbers of a block."""
        return range(block * self.block_rows, min((block + 1) * self.block_rows, self.n_rows))

    def codes(self, positions: np.ndarray) -> np.ndarray:
        """Class numbers of rows."""
        return np.searchsorted(self.ends, positions, side="right")

    def finished(self, digests: tuple[str, ...]) -> Self:
        """The manifest of the bank when it is built."""
        return replace(self, digests=digests)

    def plan(self) -> Self:
        """The manifest of the bank before it was built."""
        return replace(self, digests=())

    def to_bytes(self) -> bytes:
        """As a file holds it, with a checksum of its own."""
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
            Whether it is that of a bank, with the digest of each block, or of one that is being built, with none.

        Raises
        ------
        ArchiveError
            The file is damaged, of another format, or its parts do not fit together.
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
                f"{path} has bank format {record.get('format')!r}; this version of gen_augment reads {FORMAT}."
            )
        if checksum != expected:
            raise ArchiveError(
                f"{path} is damaged: its checksum does not fit. Build the bank anew."
            )
        archive.check_keys(str(path), record, {"format", *cls.__dataclass_fields__})
        try:
            manifest = cls(
                generator=Generator(**record["generator"]),
                codec=record["codec"],
                labels=record["labels"],
                counts=tuple(record["counts"]),
                filters=tuple(record["filters"]),
                max_draws=record["max_draws"],
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
            raise ArchiveError(f"{path} does not fit together: {error}") from error
        return manifest

    def _check(self, finished: bool) -> None:
        """Raise if a value has another type than it should, or does not go with the others."""
        n_classes = len(self.label_codec.classes)
        numbers = (*self.counts, self.max_draws, self.generator.seed)
        texts = (*self.filters, *self.digests, self.generator.name, self.generator.fingerprint)
        if not all(type(number) is int for number in numbers) or not all(
            isinstance(text, str) for text in texts
        ):
            raise InputError("a number or a name is of another type.")
        if len(self.counts) != n_classes or min(self.counts) < 0 or not 0 < self.n_rows <= MAX_ROWS:
            raise InputError(f"counts {self.counts} for {n_classes} classes.")
        expected = (
            self.n_blocks * finished
        )  # counted in any case: it raises for a codec that cannot be
        if len(self.digests) != expected:
            raise InputError(f"{len(self.digests)} digests, and {expected} are expected.")


def _checksum(record: JSON) -> str:
    return digest_of(json.dumps(record, sort_keys=True).encode()).hex()
