"""Synthetic rows of one epoch, read by their number in the epoch.

A row follows from the seed of the epoch and its number alone, whichever process reads it,
and in whatever order.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gen_augment.bank import SampleBank
from gen_augment.containers import pad_rows, single_rows
from gen_augment.errors import InputError
from gen_augment.inject.padding import Padded, holds_lengths, stack_or_pad, write_padded
from gen_augment.inject.row_source import (
    as_tensor,
    check_same_form,
    generate_on,
    next_addresses,
)
from gen_augment.rng import BLOCK_ROWS, categorical, derive_seed
from gen_augment.types import SupportsSample

__all__ = ["PlacesAhead", "RowStream", "RowTransform", "Span"]

RowTransform = Callable[[Any], Any]
Inputs = MutableMapping[Any, Tensor]
Rows = Tensor | dict[Any, Tensor] | Padded

#: Rows of a bank that are located at once.
LOCATED_ROWS = 4096
#: Fewest rows of each class that are located at once.
MIN_AHEAD = 16


class Span(NamedTuple):
    """Neighbouring rows of a batch, to be written with consecutive synthetic rows.

    `place` is the first row in the batch, and `step` the first synthetic row, counted from
    the first one of the batch.
    """

    place: int
    step: int
    length: int

    @property
    def window(self) -> slice:
        """The rows of the batch."""
        return slice(self.place, self.place + self.length)


@dataclass
class _Block:
    """Neighbouring rows with drawn labels: class numbers, and addresses or places in a bank."""

    codes: np.ndarray
    index: np.ndarray
    rows: Rows | None = None


class RowStream:
    """Write synthetic rows of one epoch into Tensors.

    Rows whose labels are drawn are generated in aligned blocks, because a network is faster
    on larger batches, and because a row is then computed in the same way wherever an epoch
    is resumed.

    Parameters
    ----------
    source : fitted sampler or SampleBank
    seed : int
        Seed of the epoch.
    shares : ndarray of shape (n_classes,)
        Probability of each class, for rows whose labels are drawn.
    transform : callable, optional
        Applied to each row; must return a Tensor, or a dict of Tensors.
    device : torch.device, optional
        Device of the rows.
    expected : int, optional
        Rows that will be read in all, as far as is known: no more are generated in advance.
    rank, world : int
        With several processes, this one reads every `world`-th row, starting at `rank`.

    Attributes
    ----------
    pads : bool
        Whether rows that were read have unequal lengths.
    """

    def __init__(
        self,
        source: SupportsSample,
        seed: int,
        *,
        shares: np.ndarray,
        transform: RowTransform | None = None,
        device: torch.device | None = None,
        expected: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.source = source
        self.seed = seed
        self.shares = shares
        self.transform = transform
        self.device = device or torch.device("cpu")
        self.expected = expected
        self.rank, self.world = rank, world
        self.pads = False
        self._bank: Any = None
        if isinstance(source, SampleBank) and transform is None and self.device.type == "cpu":
            self._bank = source  # whose rows are read without a copy in between
        self._size = BLOCK_ROWS if self._bank is None else LOCATED_ROWS
        self._label_seed = derive_seed(seed, "label")
        self._blocks: dict[int, _Block] = {}
        self._n_before = [np.zeros(len(source.classes_), np.int64)]
        self._form: Any = None
        self._ahead = PlacesAhead(self._locate, len(source.classes_), expected)

    def write_drawn(self, inputs: Inputs, span: Span, first: int) -> np.ndarray:
        """Write rows whose labels are drawn.

        Parameters
        ----------
        inputs : dict of Tensor of shape (batch, ...)
        span : Span
            Where to write them.
        first : int
            Number in the epoch of the row at step 0.

        Returns
        -------
        ndarray of shape (span.length,)
            Their class numbers.
        """
        codes = []
        place, number, stop = span.place, first + span.step, first + span.step + span.length
        while number < stop:
            start = number // self._size * self._size
            end = min(stop, start + self._size)
            block = self._block(number // self._size, end - start)
            rows, window = slice(number - start, end - start), slice(place, place + end - number)
            codes.append(block.codes[rows])
            if self._bank is not None:
                self._read(inputs, window, block.index[rows])
            else:
                if block.rows is None:
                    block.rows = self._generate(block.index, block.codes)
                _write(inputs, window, block.rows, rows)
            place, number = window.stop, end
        return codes[0] if len(codes) == 1 else np.concatenate(codes)

    def write_given(
        self, inputs: Inputs, spans: list[Span], index: np.ndarray, codes: np.ndarray
    ) -> None:
        """Write rows of given addresses and class numbers to these spans, in their order."""
        found: Any = (
            self._generate(index, codes) if self._bank is None else self._ahead.find(index, codes)
        )
        start = 0
        for span in spans:
            rows = slice(start, start + span.length)
            start = rows.stop
            if isinstance(found, np.ndarray):
                self._read(inputs, span.window, found[rows])
            else:
                _write(inputs, span.window, found, rows)

    def _block(self, number: int, n_rows: int) -> _Block:
        """Return a block, or at least its first `n_rows` rows."""
        block = self._blocks.get(number)
        if block is None or len(block.codes) < n_rows:
            start, stop = number * self._size, (number + 1) * self._size
            if self.expected is not None:
                stop = min(stop, max(self.expected, start + n_rows))
            n_before = self._counts_before(number)
            codes = self._draw(start, stop)
            if stop == start + self._size and len(self._n_before) == number + 1:
                self._n_before.append(n_before + np.bincount(codes, minlength=len(n_before)))
            index = next_addresses(self.source, codes, n_before)
            mine = slice(self.rank, None, self.world)
            codes, index = codes[mine], index[mine]
            if self._bank is not None:
                index = self._locate(index, codes)
            block = _Block(codes, index)
            kept = list(self._blocks.items())[-1:]  # a batch may lie across two blocks
            self._blocks = {**dict(kept), number: block}
        return block

    def _draw(self, start: int, stop: int) -> np.ndarray:
        """Class numbers of these rows of all processes."""
        rows = np.arange(start * self.world, stop * self.world)
        return categorical(rows, self.shares, self._label_seed)

    def _counts_before(self, number: int) -> np.ndarray:
        """Rows of each class in the blocks before this one."""
        while len(self._n_before) <= number:
            block = len(self._n_before) - 1
            codes = self._draw(block * self._size, (block + 1) * self._size)
            counts = np.bincount(codes, minlength=len(self.shares))
            self._n_before.append(self._n_before[-1] + counts)
        return self._n_before[number]

    def _locate(self, index: np.ndarray, codes: np.ndarray) -> np.ndarray:
        bank = self._bank
        places: np.ndarray = bank.locate(index, bank.classes_[codes], seed=self.seed)
        return places

    def _read(self, inputs: Inputs, window: slice, places: np.ndarray) -> None:
        """Write rows of the bank."""
        x = next(iter(inputs.values()))
        if self._form is None:  # the first rows tell whether they have one length
            self._as_rows(self._bank.rows(places[:1]))
            self._form = ()
        # Autograd must see the write.
        if len(inputs) > 1 or x.requires_grad or self.pads:
            _write(inputs, window, self._as_rows(self._bank.rows(places)), slice(None))
            return
        if self._form != (x.shape[1:], x.dtype):
            first = self._as_rows(self._bank.rows(places[:1]))
            if not isinstance(first, Padded):
                _check_form(inputs, first)
            self._form = x.shape[1:], x.dtype
        self._bank.read_into(places, x[window])

    def _generate(self, index: np.ndarray, codes: np.ndarray) -> Rows:
        labels = self.source.classes_[codes]
        rows = self._as_rows(generate_on(self.source, index, labels, self.seed, self.device))
        if isinstance(rows, Tensor):
            return rows.to(self.device, non_blocking=self.device.type == "cuda")
        if isinstance(rows, Padded):
            return rows.to(self.device)
        return {name: part.to(self.device) for name, part in rows.items()}

    def _as_rows(self, rows: Any) -> Rows:
        """Apply the transform, and return Tensors of shape (n, ...)."""
        if self.transform is not None:
            made = [self.transform(row) for row in single_rows(rows)]
            if made and isinstance(made[0], Mapping):
                return {name: torch.stack([row[name] for row in made]) for name in made[0]}
            found = stack_or_pad(made, pads=self.pads)
            self.pads = isinstance(found, Padded)
            return found
        if isinstance(rows, Tensor):
            return rows
        if isinstance(rows, np.ndarray):
            return as_tensor(rows)
        if isinstance(rows, Mapping):
            return {name: torch.as_tensor(part) for name, part in rows.items()}
        if isinstance(rows, list) and all(isinstance(row, (Tensor, np.ndarray)) for row in rows):
            self.pads = True
            tensors = [row if isinstance(row, Tensor) else as_tensor(row) for row in rows]
            return Padded(*pad_rows(tensors))
        raise InputError(
            f"the source gives {type(rows).__name__} rows: pass transform=, which converts each to "
            "a Tensor like those in the batches."
        )


class PlacesAhead:
    """Places of rows in a bank; those of the next rows of each class are found in advance.

    Finding the rows of one batch takes nearly as long as finding those of many.

    Parameters
    ----------
    locate : callable
        Returns places of row numbers within their classes, and class numbers.
    n_classes : int
    expected : int, optional
        Rows that will be read in all, as far as is known.
    """

    def __init__(
        self,
        locate: Callable[[np.ndarray, np.ndarray], np.ndarray],
        n_classes: int,
        expected: int | None,
    ) -> None:
        self.locate = locate
        self.expected = expected
        self.first = np.zeros(n_classes, np.int64)
        self.next = np.zeros(n_classes, np.int64)
        self.places = np.zeros((n_classes, 0), np.int64)

    def find(self, index: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return places of rows in the bank: (n,)."""
        found = self._look_up(index, codes)
        if found is None and (self.expected is None or self.expected > len(index)):
            self._go_on(index, codes)
            found = self._look_up(index, codes)
        self.next[codes] = index + 1
        return self.locate(index, codes) if found is None else found

    def _look_up(self, index: np.ndarray, codes: np.ndarray) -> np.ndarray | None:
        steps = index - self.first[codes]
        if len(steps) and not 0 <= steps.min() <= steps.max() < self.places.shape[1]:
            return None
        places: np.ndarray = self.places[codes, steps]
        return places

    def _go_on(self, index: np.ndarray, codes: np.ndarray) -> None:
        """Find the places of these rows, and of those that follow in each class."""
        self.first = self.next.copy()
        self.first[codes[::-1]] = index[::-1]  # the first one of each class counts
        n_classes = len(self.first)
        steps = np.arange(max(LOCATED_ROWS // n_classes, MIN_AHEAD))
        classes = np.repeat(np.arange(n_classes), len(steps))
        ahead = (self.first[:, None] + steps).ravel()
        self.places = self.locate(ahead, classes).reshape(n_classes, -1)


def _write(inputs: Inputs, window: slice, rows: Rows, part: slice) -> None:
    if isinstance(rows, Tensor) and list(inputs) == [0, 1] and holds_lengths(inputs):
        rows = Padded.whole(rows)
    if isinstance(rows, Padded):
        write_padded(inputs, window, rows, part)
        return
    _check_form(inputs, rows)
    for name, x in inputs.items():
        x[window].copy_((rows if isinstance(rows, Tensor) else rows[name])[part])


def _check_form(inputs: Inputs, rows: Tensor | dict[Any, Tensor]) -> None:
    """Raise unless synthetic rows have the keys, shapes and dtypes of real ones."""
    if isinstance(rows, Tensor):
        if len(inputs) > 1:
            raise InputError(
                f"inputs in a batch are {list(inputs)!r}, and synthetic rows are Tensors: pass a "
                "transform that returns a dict with those keys."
            )
        check_same_form(next(iter(inputs.values()))[0], rows[0])
        return
    if rows.keys() != inputs.keys():
        raise InputError(
            f"inputs in a batch are {list(inputs)!r}, and synthetic rows have {list(rows)!r}: "
            "return the same keys from the transform."
        )
    for name, x in inputs.items():
        check_same_form(x[0], rows[name][0], f" of {name!r}")
