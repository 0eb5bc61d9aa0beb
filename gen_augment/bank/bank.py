"""`SampleBank`: synthetic rows in a memory-mapped file."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import gcd
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import Dataset

from gen_augment.bank.build import PLAN, build_rows, describe_progress
from gen_augment.bank.manifest import MANIFEST, ROWS, Generator, Manifest, digest_of, is_there
from gen_augment.bank.plan import check_part, make_plan
from gen_augment.codecs import Codec, LabelCodec
from gen_augment.counts import within_classes
from gen_augment.errors import ArchiveError, InputError
from gen_augment.rejection import Filter, check_filters
from gen_augment.rng import derive_seed, resolve_seed
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_index

__all__ = ["SampleBank"]

#: Rows that are read one after another, at most, and runs of them in a class, at least.
MAX_RUN, MIN_RUNS = 16, 64


class SampleBank(Dataset[tuple[Any, Any]]):
    """Synthetic rows that were generated once and lie in a file, to be read by any number of processes.

    A bank is a map-style Dataset of ``(x, label)``, class by class, and stands wherever a sampler does in
    `AugmentedDataset`, `augment_loader`, `SyntheticMix` and the transforms. It is pickled as its path and opened
    where it is read.

    Parameters
    ----------
    path : path-like
        A folder that `build` made.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of which there are rows.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each among the rows.
    counts : dict of {label: int}
    codec_, label_codec_ : Codec, LabelCodec
        Forms of rows and labels, as the sampler has them.
    generator : Generator
        Class, fingerprint and seed of what made the rows.
    path : Path

    Raises
    ------
    ArchiveError
        There is no bank, it is unfinished or damaged, or its files have not the size that they should.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(*load_wine(return_X_y=True))
    >>> bank = SampleBank.build(sampler, {0: 30, 2: 70}, tempfile.mkdtemp() + "/wine")
    >>> len(bank), bank.counts, bank[99][1]
    (100, {0: 30, 2: 70}, 2)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._file: np.ndarray | None = None
        self._rows: np.ndarray | None = None
        if is_there(self.path / PLAN) and not is_there(self.path / MANIFEST):
            raise ArchiveError(
                f"{self.path} is an unfinished bank: {describe_progress(self.path)}. Call SampleBank.build with the "
                "same arguments to go on."
            )
        self._manifest = Manifest.read(self.path / MANIFEST)
        self._size = self._manifest.n_rows * self._manifest.row_dtype.itemsize
        self._check_size()
        counts = np.array(self._manifest.counts)
        self.codec_: Codec = self._manifest.row_codec
        self.label_codec_: LabelCodec = self._manifest.label_codec
        self._starts = self._manifest.ends - counts
        self._counts = counts
        self.generator: Generator = self._manifest.generator
        self.classes_: np.ndarray = self.label_codec_.classes[counts > 0]
        self.class_prior_: np.ndarray = counts[counts > 0] / counts.sum()
        self.counts: dict[Any, int] = dict(
            zip(self.classes_.tolist(), counts[counts > 0].tolist(), strict=True)
        )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a bank that `build` made; the same as ``SampleBank(path)``."""
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
        on_block: Callable[[int, int], None] = lambda done, of: None,
    ) -> Self:
        """Generate rows into a folder, and open it.

        Memory does not grow with the number of rows. A build that was stopped or killed goes on where it was when
        `build` is called again with the same arguments, and ends in the same bytes; a bank that is
        there already is opened.

        Parameters
        ----------
        sampler : fitted sampler
        counts : int or {label: int}
            Rows in all, in the proportions of the class prior, or rows of each label.
        path : path-like
            A folder that is new, empty, or left by a build with the same arguments.
        filters : callables ``filter(X, y) -> bools``, optional
            Rows that one of them refuses are generated anew. A bank knows them by their names, partials by their
            arguments too, and lambdas by their code.
        max_draws : int
            With filters: rows generated for each row that is wanted, at most and on average over a block.
        seed : int, optional
            Names the table of rows; the sampler's own by default.
        on_block : callable ``(done, of)``, optional
            Told of progress.

        Raises
        ------
        InputError
            Arguments cannot be used, or `path` holds something else; it is left as it is.
        ArchiveError
            The place cannot be written or has no room.
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
            on_block=on_block,
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
        on_block: Callable[[int, int], None] = lambda done, of: None,
    ) -> bool:
        """Build one part of a bank: n processes, on one machine or over a shared folder, build one together.

        Parameters
        ----------
        part : (i, n)
            The i-th of n parts, counted from 0.
        sampler, counts, path, filters, max_draws, seed, on_block
            As in `build`, the same for every part.

        Returns
        -------
        bool
            Whether all parts are there: the process that ends last completes the bank.
        """
        keep = check_filters(filters)
        plan = make_plan(sampler, counts, keep, max_draws, seed)
        return build_rows(Path(path).absolute(), plan, sampler, keep, check_part(part), on_block)

    def __len__(self) -> int:
        return self._manifest.n_rows

    def __getitem__(self, position: int) -> tuple[Any, Any]:
        if not -len(self) <= position < len(self):
            raise IndexError(f"row {position} of a bank of {len(self)} rows.")
        return self.__getitems__([position % len(self)])[0]

    def __getitems__(self, positions: Sequence[int]) -> list[tuple[Any, Any]]:
        # DataLoader asks for whole batches by this name.
        where = np.asarray(positions)
        X = self.rows(where)
        rows = [X.iloc[i] for i in range(len(X))] if hasattr(X, "iloc") else X
        return list(zip(rows, self.labels(where).tolist(), strict=True))

    def rows(self, positions: np.ndarray) -> Any:
        """Rows by their place in the bank, in the form that the sampler was fitted on; they are copies."""
        return self.codec_.unpack(self._row_memory()[self._check_positions(positions)])

    def read_into(self, positions: np.ndarray, out: torch.Tensor) -> torch.Tensor:
        """Write rows by their place in the bank to `out`, a Tensor in memory of their shape and dtype."""
        if len(positions) and not 0 <= positions.min() <= positions.max() < len(self):
            raise InputError(
                f"rows {positions.min()} to {positions.max()} of a bank of {len(self)} rows."
            )
        array = (out.view(torch.int16) if out.dtype == torch.bfloat16 else out).numpy()
        memory = self._row_memory()
        if memory.flags.c_contiguous and array.flags.c_contiguous:
            np.take(
                memory, positions, axis=0, out=array, mode="clip"
            )  # the one mode that needs no buffer
        else:
            array[...] = memory[positions]
        return out

    def labels(self, positions: np.ndarray) -> np.ndarray:
        """Labels of rows by their place in the bank."""
        labels: np.ndarray = self.label_codec_.classes[
            self._manifest.codes(self._check_positions(positions))
        ]
        return labels

    def addresses(self, positions: np.ndarray) -> np.ndarray:
        """Row numbers in the generator's table: ``sampler.generate(addresses, labels, seed=generator.seed)``."""
        where = self._check_positions(positions)
        return self._memory()["index"][where] if self._manifest.filters else where

    def locate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> np.ndarray:
        """Places of rows in the bank: row number `index` of each label, counted within the label.

        Without a seed, rows come in the order that they lie in. With one, each round through the rows of a label has
        an order of its own. Either way all rows of a label come once before one comes again.
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
            c = codes[here]
            run, n_runs, step, shift = (
                part[c] for part in _orders(seed, int(number), self._manifest.counts)
            )
            block, within = np.divmod(offsets[here], run)
            moved = (step * block + shift) % n_runs * run + within
            out[here] = self._starts[c] + np.where(block < n_runs, moved, offsets[here])
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

    def verify(self) -> None:
        """Read every row and compare with the digests that were taken when it was written.

        Raises
        ------
        ArchiveError
            Rows are damaged.
        """
        self._check_size()  # reading past the end of a file that was cut short meanwhile would kill the process
        memory = self._memory()
        for block, digest in enumerate(self._manifest.digests):
            rows = self._manifest.rows_of(block)
            if digest_of(memory[rows.start : rows.stop].view(np.uint8).data).hex() != digest:
                raise ArchiveError(
                    f"{self.path / ROWS}: rows {rows.start} to {rows.stop - 1} are damaged. Remove the folder and "
                    "build the bank anew."
                )

    def _memory(self) -> np.ndarray:
        """The file as an array; opened by each process when it first reads."""
        if self._file is None:
            self._check_size()
            try:
                memory = np.memmap(self.path / ROWS, self._manifest.row_dtype, mode="r")
            except OSError as error:
                raise ArchiveError(
                    f"{self.path / ROWS} cannot be read: {error.strerror}."
                ) from error
            # The plain array under the memmap: indexing the subclass costs more than reading a row.
            self._file = np.asarray(memory)
        return self._file

    def _row_memory(self) -> np.ndarray:
        if self._rows is None:
            self._rows = self._memory()["row"]
        return self._rows

    def _check_positions(self, positions: ArrayLike) -> np.ndarray:
        where = check_index(positions)
        if where.size and where.max() >= len(self):
            raise IndexError(f"row {where.max()} of a bank of {len(self)} rows.")
        return where

    def _check_size(self) -> None:
        try:
            size = (self.path / ROWS).stat().st_size
        except OSError as error:
            raise ArchiveError(f"{self.path / ROWS} cannot be read: {error.strerror}.") from error
        if size != self._size:
            raise ArchiveError(
                f"{self.path / ROWS} has {size} bytes, not {self._size}: build the bank anew."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (str(self.path), self._manifest.digests)

    def __repr__(self) -> str:
        return f"SampleBank({str(self.path)!r}): {len(self)} rows of {self.generator.name}, {self.counts}"


def _reopen(path: str, digests: tuple[str, ...]) -> SampleBank:
    bank = SampleBank(path)
    if bank._manifest.digests != digests:
        raise ArchiveError(f"{path} holds other rows than the bank that was pickled.")
    return bank


@lru_cache(maxsize=8)
def _orders(seed: int, number: int, counts: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """For each class the length of a run, how many there are, and a step and a shift that put them in an order.

    ``i -> (step * i + shift) mod n_runs`` is a permutation of the runs; rows of one lie side by side, which memory is
    quick to read, and rows that fill no run stay last. Rows of a class are independent of each other, so that this
    order, which takes no memory, serves as a shuffle does.
    """
    rng = np.random.default_rng(derive_seed(seed, "order", number))
    orders = []
    for n in counts:
        run = min(max(n // MIN_RUNS, 1), MAX_RUN)
        n_runs = max(n // run, 1)
        step = int(rng.integers(n_runs))
        while n_runs > 1 and gcd(step, n_runs) != 1:
            step = int(rng.integers(n_runs))
        orders.append((run, n_runs, step, int(rng.integers(n_runs))))
    return tuple(np.array(orders).T)
