"""Where each batch lies in its epoch, carried from the batch sampler to the collate function.

Other libraries rebuild a DataLoader from its dataset, batch sampler and collate function,
to resume an epoch or to split it between processes. `PlannedBatchSampler` therefore marks
every index with the epoch and position of its batch, `PlannedDataset` passes the marks on,
and the collate function derives the synthetic rows from them.
"""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import BatchSampler, Dataset, Sampler

from gen_augment.errors import RebuildError

__all__ = [
    "EpochCounter",
    "Part",
    "PlannedBatchSampler",
    "PlannedDataset",
    "PlannedRows",
    "Position",
    "announcing",
    "planned_batches",
    "shard_of",
]


class Position(NamedTuple):
    """A batch in its epoch: the number of rows before it, and its own.

    With several processes, `start` counts the rows of this one, which is number `rank` of
    `world`. `numbers` are those of its synthetic rows within their classes, where a bank
    needs them.
    """

    epoch: int
    start: int
    size: int
    rank: int = 0
    world: int = 1
    numbers: np.ndarray | None = None


class Part(NamedTuple):
    """Rows that a collated batch has of a planned one: their offsets there, and places here."""

    position: Position
    offsets: np.ndarray
    places: np.ndarray

    @classmethod
    def whole(cls, position: Position) -> "Part":
        """Return all rows of a batch, in their order."""
        rows = np.arange(position.size)
        return cls(position, rows, rows)


class EpochCounter:
    """Number of the next pass.

    An epoch that the user chooses holds for one pass, whatever a library announces.

    Examples
    --------
    >>> counter = EpochCounter()
    >>> counter.choose(3)
    >>> counter.announce(0)
    >>> counter.take(), counter.take()
    (3, 4)
    """

    def __init__(self) -> None:
        self.next = 0
        self.current = 0
        self.is_chosen = False

    def choose(self, epoch: int) -> None:
        """Set the number of the next pass, as the user asks."""
        self.next, self.is_chosen = epoch, True

    def announce(self, epoch: int) -> None:
        """Set the number of the next pass, as a library counts, unless the user chose one."""
        if not self.is_chosen:
            self.next = epoch

    def take(self) -> int:
        """Begin a pass: return its number, and count on."""
        self.current, self.next, self.is_chosen = self.next, self.next + 1, False
        return self.current


class PlannedRows:
    """Rows for the collate function, with the mark of each."""

    def __init__(self, rows: Any, marks: list[tuple[Any, int, Position]]) -> None:
        self.rows = rows
        self.marks = marks

    def parts(self) -> list[Part]:
        """Group the rows by the batch that they were planned in."""
        groups: dict[tuple[int, ...], tuple[Position, list[int], list[int]]] = {}
        for place, (_, offset, position) in enumerate(self.marks):
            _, offsets, places = groups.setdefault(position[:5], (position, [], []))
            offsets.append(offset)
            places.append(place)
        return [Part(p, np.array(o), np.array(w)) for p, o, w in groups.values()]


class PlannedDataset(Dataset[Any]):
    """A map-style dataset that passes the marks of its indices on; else like `dataset`."""

    def __init__(self, dataset: Any, epochs: EpochCounter) -> None:
        self.dataset = dataset
        self.epochs = epochs

    def set_epoch(self, epoch: int) -> None:
        """Take note of the next epoch, as libraries announce it."""
        self.epochs.announce(epoch)
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[index]

    def __getitems__(self, marks: list[Any]) -> Any:
        if not marks or not isinstance(marks[0], tuple) or not isinstance(marks[0][-1], Position):
            return self._read(marks)
        return PlannedRows(self._read([index for index, _, _ in marks]), marks)

    def _read(self, indices: list[Any]) -> Any:
        read_all = getattr(self.dataset, "__getitems__", None)
        return read_all(indices) if read_all else [self.dataset[index] for index in indices]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "dataset":  # also while unpickling
            raise AttributeError(name)
        return getattr(self.dataset, name)


class PlannedBatchSampler(Sampler[list[Any]]):
    """A batch sampler that marks every index with its offset and the position of its batch.

    Parameters
    ----------
    sampler : BatchSampler, or Sampler with a `batch_size`
        Lightning gives a Sampler, a batch size and `drop_last` when it replaces the sampler
        of a loader by a distributed one.
    batch_size : int, optional
    drop_last : bool
    """

    def __init__(self, sampler: Any, batch_size: int | None = None, drop_last: bool = False):
        self.batches = sampler
        if batch_size is not None:
            self.batches = BatchSampler(sampler, batch_size, drop_last)
        self.epochs = EpochCounter()
        #: Numbers of the synthetic rows of a batch, given its position and indices.
        self.begin_count: Callable[[], Callable[[Position, list[Any]], np.ndarray]] | None = None

    @property
    def sampler(self) -> Any:
        """Sampler of the indices."""
        return self.batches.sampler

    @sampler.setter
    def sampler(self, sampler: Any) -> None:
        self.batches = copy.copy(self.batches)
        self.batches.sampler = announcing(sampler, self.epochs)

    def set_epoch(self, epoch: int) -> None:
        """Take note of the next epoch, as libraries announce it."""
        self.epochs.announce(epoch)
        for inner in (self.batches, getattr(self.batches, "sampler", None)):
            tell = getattr(inner, "set_epoch", None)
            if tell:
                tell(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Any]]:
        epoch, start = self.epochs.take(), 0
        rank, world = shard_of(self.batches) or (0, 1)
        count = self.begin_count() if self.begin_count else None
        for batch in self.batches:
            indices = list(batch)
            position = Position(epoch, start, len(indices), rank, world)
            if count:
                position = position._replace(numbers=count(position, indices))
            yield [(index, offset, position) for offset, index in enumerate(indices)]
            start += len(indices)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "batches":  # also while unpickling
            raise AttributeError(name)
        return getattr(self.batches, name)


class _CustomBatches(PlannedBatchSampler):
    """Marks the indices of a batch sampler other than torch's, which Lightning cannot rebuild."""

    def __init__(self, sampler: Any, batch_size: int | None = None, drop_last: bool = False):
        if batch_size is not None:
            raise RebuildError(
                "the sampler inside a custom batch sampler cannot be replaced by a distributed "
                "one: pass use_distributed_sampler=False, and distribute the batches yourself."
            )
        super().__init__(sampler)


def planned_batches(batches: Any, epochs: EpochCounter) -> PlannedBatchSampler:
    """Return a batch sampler that marks the indices of `batches`, which stays as it is."""
    kind = PlannedBatchSampler if type(batches) is BatchSampler else _CustomBatches
    planned = kind(batches)
    planned.epochs = epochs
    if hasattr(batches, "sampler"):
        planned.sampler = batches.sampler
    return planned


def announcing(sampler: Any, epochs: EpochCounter) -> Any:
    """Return a copy of a sampler whose `set_epoch` also sets the counter and the original."""
    told = copy.copy(sampler)
    listeners = [getattr(each, "set_epoch", None) for each in (told, sampler)]
    try:
        told.set_epoch = partial(_announce, epochs, [each for each in listeners if each])
    except AttributeError:  # a list or range, which no library tells the epoch
        return sampler
    return told


def _announce(epochs: EpochCounter, listeners: list[Callable[[int], None]], epoch: int) -> None:
    epochs.announce(epoch)
    for each in listeners:
        each(epoch)


def shard_of(batches: Any) -> tuple[int, int] | None:
    """Return rank and world size where a batch sampler or its sampler is one of several shards."""
    for names in (("process_index", "num_processes"), ("rank", "num_replicas")):
        rank, world = (getattr(batches, name, None) for name in names)
        if isinstance(rank, int) and isinstance(world, int) and not isinstance(rank, bool):
            return rank, world
    inner = [getattr(batches, name, None) for name in ("batch_sampler", "sampler")]
    return next((found for each in inner if each is not None and (found := shard_of(each))), None)
