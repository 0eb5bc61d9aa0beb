"""`SampleBank`: synthetic rows in a memory-mapped file."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import Dataset

from gen_augment.bank import plotting
from gen_augment.bank.build import PLAN, build_rows, describe_progress
from gen_augment.bank.file import RowFile
from gen_augment.bank.manifest import MANIFEST, Generator, Manifest, bank_folder, is_there
from gen_augment.bank.order import permute
from gen_augment.bank.plan import check_part, make_plan
from gen_augment.containers import single_rows
from gen_augment.data.counts import within_classes
from gen_augment.data.labels import LabelCodec
from gen_augment.errors import ArchiveError, InputError
from gen_augment.jobs import Jobs
from gen_augment.modalities import Codec
from gen_augment.rng import resolve_seed
from gen_augment.samplers.rejection import Filter, check_filters
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_index

__all__ = ["SampleBank"]


class SampleBank(Dataset[tuple[Any, Any]]):
    """Synthetic rows in a file, generated once and read by any number of processes.

    A bank is a map-style Dataset of ``(x, label)``, sorted by class. `AugmentedDataset`,
    `augment_loader`, `SyntheticMix` and the transforms accept it instead of a sampler. It
    is pickled as its path, and each process opens the file when it first reads from it.

    Parameters
    ----------
    path : path-like
        A folder that `build` wrote.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels that have rows.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each label among the rows.
    counts : dict of {label: int}
        Number of rows of each label.
    codec_, label_codec_ : Codec, LabelCodec
        Encodings of rows and labels, copied from the sampler.
    generator : Generator
        Class, fingerprint and seed of the sampler.
    digest : str
        Hash of the rows and their labels, wherever the folder is.
    path : Path
        The folder.

    Raises
    ------
    ArchiveError
        There is no bank, it is unfinished or damaged, or a file has the wrong size.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import KDESampler
    >>> sampler = KDESampler(random_state=0).fit(*load_wine(return_X_y=True))
    >>> bank = SampleBank.build(sampler, {0: 30, 2: 70}, tempfile.mkdtemp() + "/wine")
    >>> len(bank), bank.counts, bank[99][1]
    (100, {0: 30, 2: 70}, 2)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = bank_folder(path)
        if is_there(self.path / PLAN) and not is_there(self.path / MANIFEST):
            raise ArchiveError(
                f"{self.path} is an unfinished bank: {describe_progress(self.path)}. Call "
                "SampleBank.build with the same arguments to resume."
            )
        self._manifest = Manifest.read(self.path / MANIFEST)
        self._file = RowFile(self.path, self._manifest)
        self.digest: str = self._manifest.digest
        self._counts = counts = np.array(self._manifest.counts)
        self.codec_: Codec = self._manifest.row_codec
        self.label_codec_: LabelCodec = self._manifest.label_codec
        self._starts = self._manifest.ends - counts
        self.generator: Generator = self._manifest.generator
        self.classes_: np.ndarray = self.label_codec_.classes[counts > 0]
        there = counts[counts > 0]
        self.class_prior_: np.ndarray = there / counts.sum()
        self.counts: dict[Any, int] = dict(zip(self.classes_.tolist(), there.tolist(), strict=True))

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a bank that `build` wrote; the same as ``SampleBank(path)``."""
        return cls(path)

    @classmethod
    def build(
        cls,
        sampler: GeneratesRows,
        counts: int | Mapping[Any, int],
        path: str | os.PathLike[str],
        *,
        filters: Filter | Sequence[Filter] | None = None,
        max_draws: int = 20,
        seed: int | None = None,
        compression: str | None = None,
        on_block: Callable[[int, int], None] = lambda done, of: None,
        n_jobs: int | None = None,
    ) -> Self:
        """Generate rows into a folder, and open it.

        Memory does not grow with the number of rows. If a build was interrupted, calling
        `build` with the same arguments resumes it and produces the same bytes. A finished
        bank is opened.

        Parameters
        ----------
        sampler : fitted sampler
        counts : int or {label: int}
            Total number of rows, divided by the class prior, or number of rows per label.
        path : path-like
            A folder that is new, empty, or left by a build with the same arguments.
        filters : callables ``filter(X, y) -> bools``, optional
            A row that a filter refuses is generated again. The bank identifies filters by
            name and fingerprint, partials also by their arguments, and lambdas by their
            code.
        max_draws : int
            Largest number of rows generated for each row of a block, on average.
        seed : int, optional
            Seed of the rows; by default the sampler's own.
        compression : str, optional
            Of images: "webp" or "png", which lose nothing, or with a quality, "jpeg:90" or
            "webp:90".
        on_block : callable ``(done, of)``, optional
            Called with the progress before the first block and after each one. With several
            processes, after each group of blocks.
        n_jobs : int, optional
            Number of processes, which write the same bytes as one: -1 for one on each core; None
            for the setting of `joblib.parallel_config`, or 1. Its backend may be "loky", "dask" or
            "ray"; every machine must see `path`.

        Returns
        -------
        SampleBank

        Raises
        ------
        InputError
            Arguments cannot be used, or `path` holds something else, which is not changed.
        ArchiveError
            The folder cannot be written, or the disk is full.
        ExhaustedError
            The filters refuse too many rows.
        """
        cls.build_part(
            sampler,
            counts,
            path,
            (0, 1),
            filters=filters,
            max_draws=max_draws,
            seed=seed,
            compression=compression,
            on_block=on_block,
            n_jobs=n_jobs,
        )
        return cls(path)

    @classmethod
    def build_part(
        cls,
        sampler: GeneratesRows,
        counts: int | Mapping[Any, int],
        path: str | os.PathLike[str],
        part: tuple[int, int],
        *,
        filters: Filter | Sequence[Filter] | None = None,
        max_draws: int = 20,
        seed: int | None = None,
        compression: str | None = None,
        on_block: Callable[[int, int], None] = lambda done, of: None,
        n_jobs: int | None = None,
    ) -> bool:
        """Build one part of a bank, so that n processes with a common folder share the work.

        Parameters
        ----------
        part : (i, n)
            The i-th of n parts, counted from 0.
        sampler, counts, path, filters, max_draws, seed, compression, on_block, n_jobs
            As in `build`; the same for every part.

        Returns
        -------
        bool
            Whether the bank is complete. The process that finishes last completes it.

        Raises
        ------
        InputError, ArchiveError, ExhaustedError
            As in `build`.
        """
        keep, jobs = check_filters(filters), Jobs(n_jobs)
        plan = make_plan(sampler, counts, keep, max_draws, seed, compression)
        where, part = Path(path).absolute(), check_part(part)
        return build_rows(where, plan, sampler, keep, part, on_block, jobs)

    def __len__(self) -> int:
        return self._manifest.n_rows

    def __getitem__(self, position: int) -> tuple[Any, Any]:
        if not -len(self) <= position < len(self):
            raise IndexError(f"row {position} of a bank of {len(self)} rows.")
        return self.__getitems__([position % len(self)])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[tuple[Any, Any]]:
        # DataLoader calls this method for whole batches.
        where = np.asarray(positions)
        return list(zip(single_rows(self.rows(where)), self.labels(where).tolist(), strict=True))

    def rows(self, positions: np.ndarray) -> Any:
        """Return copies of rows, by position in the bank, in the form of the training rows."""
        return self.codec_.unpack(self._file.packed(self._check_positions(positions)))

    def read_into(self, positions: np.ndarray, out: torch.Tensor) -> torch.Tensor:
        """Write rows, by position in the bank, to `out`, a CPU Tensor of their shape and dtype."""
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(self):
            raise InputError(
                f"rows {positions.min()} to {positions.max()} of a bank of {len(self)} rows."
            )
        array = (out.view(torch.int16) if out.dtype == torch.bfloat16 else out).numpy()
        self._file.read_into(positions, array)
        return out

    def labels(self, positions: np.ndarray) -> np.ndarray:
        """Return the labels of rows by position in the bank: ndarray of shape (n,)."""
        codes = self._manifest.codes(self._check_positions(positions))
        labels: np.ndarray = self.label_codec_.classes[codes]
        return labels

    def addresses(self, positions: np.ndarray) -> np.ndarray:
        """Return the addresses from which the sampler generated rows, by position in the bank.

        ``sampler.generate(addresses, labels, seed=bank.generator.seed)`` repeats the rows.
        """
        where = self._check_positions(positions)
        return self._file.records["index"][where] if self._manifest.filters else where

    def locate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        """Return the positions of rows that are numbered within their label.

        Without a seed, numbers follow the order in the file. With a seed, each round
        through the rows of a label has a different order. In both cases a row is repeated
        only after all other rows of its label.

        Parameters
        ----------
        index : array-like of shape (n,)
            Row numbers within the label, from 0 without an upper limit.
        y : label or array-like of shape (n,)
        seed : int, optional
            Seeds the order.

        Returns
        -------
        ndarray of shape (n,), int64
            Positions in the bank.

        Raises
        ------
        InputError
            A label is unknown, or has no rows.
        """
        where = check_index(index)
        codes: np.ndarray = self.label_codec_.encode_rows(y, len(where))
        counts = self._counts[codes]
        if not counts.all():
            label = self.label_codec_.classes[codes[counts == 0]].tolist()[0]
            raise InputError(
                f"the bank {self.path} has no rows of label {label!r}; it has {self.counts}."
            )
        rounds, offsets = np.divmod(where, counts)
        if seed is None:
            in_order: np.ndarray = self._starts[codes] + offsets
            return in_order
        seed = resolve_seed(seed)
        out = np.empty_like(where)
        for number in np.unique(rounds):
            here = rounds == number
            order = seed, int(number), self._manifest.counts
            out[here] = self._starts[codes[here]] + permute(offsets[here], codes[here], *order)
        return out

    def next_addresses(self, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Addresses of the next rows of these classes, given how many of each came before."""
        return within_classes(codes, n_before)

    def generate(
        self,
        index: ArrayLike,
        y: ArrayLike,
        *,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> Any:
        """Row number `index` of each label, as `locate` finds it."""
        rows = self.rows(self.locate(index, y, seed=seed))
        if not isinstance(rows, torch.Tensor):
            return rows
        return rows.to(device, non_blocking=torch.device(device).type == "cuda")

    plot = plotting.plot
    _repr_html_ = plotting.to_html

    def verify(self) -> None:
        """Read all rows and compare them with the digests from when they were written.

        Raises
        ------
        ArchiveError
            Rows are damaged.
        """
        self._file.verify()

    def _check_positions(self, positions: ArrayLike) -> np.ndarray:
        where = check_index(positions)
        if where.size and where.max() >= len(self):
            raise IndexError(f"row {where.max()} of a bank of {len(self)} rows.")
        return where

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (str(self.path), self._manifest.digests)

    def __repr__(self) -> str:
        rows = f"{len(self)} rows of {self.generator.name}"
        return f"SampleBank({str(self.path)!r}): {rows}, {self.counts}"


def _reopen(path: str, digests: tuple[str, ...]) -> SampleBank:
    bank = SampleBank(path)
    if bank._manifest.digests != digests:
        raise ArchiveError(f"{path} does not hold the rows of the bank that was pickled.")
    return bank
