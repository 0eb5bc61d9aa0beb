"""Mix synthetic rows into the batches of one epoch, each by its position there."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from gen_augment.errors import InputError, RebuildError, WorkerDeviceError
from gen_augment.inject.batch_plan import Part, PlannedRows, Position
from gen_augment.inject.batch_view import BatchView, Keys
from gen_augment.inject.label_mix import (
    LabelMix,
    check_labels_fit,
    codes_of,
    label_shares,
    labels_like,
)
from gen_augment.inject.row_labels import known_labels
from gen_augment.inject.row_source import as_tensor, counts_by_class, next_addresses
from gen_augment.inject.row_stream import RowStream, RowTransform, Span
from gen_augment.rng import derive_seed
from gen_augment.types import SupportsSample

__all__ = ["EpochMixer", "MixSettings", "MixingCollate", "Mode", "RowCounts"]

Mode = Literal["replace", "append"]
#: Rows that are collated at once to read their labels.
READ_ROWS = 256


@lru_cache(maxsize=16)
def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of an epoch."""
    return derive_seed(seed, "epoch", epoch)


@dataclass(frozen=True)
class MixSettings:
    """What `augment_loader` was asked for."""

    source: SupportsSample
    ratio: float
    mode: Mode
    labels: LabelMix
    keys: Keys | None = None
    transform: RowTransform | None = None
    device: torch.device | None = None
    prefetch: int = 1
    return_mask: bool = False
    sample_weight: float | None = None
    seed: int = 0

    @property
    def counts_by_class(self) -> bool:
        """Whether a synthetic row depends on the labels of all batches before its own."""
        return self.labels == "same" and counts_by_class(self.source)

    def rows_of(self, position: Position) -> tuple[int, int, int]:
        """Return the synthetic rows of a batch.

        Returns
        -------
        first, n : int
            Number of the first one in its epoch, and how many they are.
        turn : int
            The row of the batch that the first one belongs to; see `owners`.
        """
        _, start, size, rank, world, _ = position
        first, stop = (
            # Of `n` synthetic rows of all processes, this one has every `world`-th.
            max(-((rank - round(self.ratio * n_real * world)) // world), 0)
            for n_real in (start, start + size)
        )
        seed = epoch_seed(self.seed, position.epoch)
        return first, stop - first, derive_seed(seed, "place", rank, start) % max(size, 1)

    def owners(self, n: int, turn: int, size: int) -> np.ndarray:
        """Return the row of a batch that each synthetic row replaces, or takes its label from."""
        steps = np.arange(n) if self.mode == "replace" else np.arange(n) * size // max(n, 1)
        return (turn + steps) % max(size, 1)


class RowCounts:
    """Numbers of synthetic rows within their classes, in the order of the batches."""

    def __init__(self, source: SupportsSample) -> None:
        self.source = source
        self.n_before = np.zeros(len(source.classes_), np.int64)

    def number(self, codes: np.ndarray) -> np.ndarray:
        """Return the numbers of the next rows of these classes."""
        numbers = next_addresses(self.source, codes, self.n_before)
        self.n_before += np.bincount(codes, minlength=len(self.n_before))
        return numbers


class EpochMixer:
    """Mix synthetic rows into the batches of one epoch.

    Parameters
    ----------
    settings : MixSettings
    position : Position
        Of any batch: it tells the epoch, and the process among others.
    example : BatchView
        Any batch, which tells the form of labels.
    device : torch.device
        Device of the synthetic rows.
    expected : int, optional
        Synthetic rows in the epoch, as far as is known.
    in_place : bool
        Whether batches may be written to.
    """

    def __init__(
        self,
        settings: MixSettings,
        position: Position,
        example: BatchView,
        *,
        device: torch.device,
        expected: int | None = None,
        in_place: bool = False,
    ) -> None:
        check_labels_fit(settings.source, example.labels, settings.labels)
        self.settings = settings
        self.in_place = in_place
        self.counts = RowCounts(settings.source) if settings.counts_by_class else None
        self.stream = RowStream(
            settings.source,
            epoch_seed(settings.seed, position.epoch),
            shares=label_shares(settings.source, settings.labels),
            transform=settings.transform,
            device=device,
            expected=expected,
            rank=position.rank,
            world=position.world,
        )

    def mix(self, view: BatchView, parts: list[Part]) -> Any:
        """Return the batch with the synthetic rows of these parts."""
        if self.settings.mode == "append":
            view.check_only_inputs_and_labels()
            view, chosen = self._appended(view, parts)
        else:
            chosen = [self._replaced(part, len(view)) for part in parts]
            if not self.in_place and any(spans for _, spans in chosen):
                view = view.copied()
        for part, (first, spans) in zip(parts, chosen, strict=True):
            if spans:
                self._write(view, part.position, first, spans)
        if self.stream.pads and self.settings.mode == "replace":
            view.check_lengths_are_inputs()
        extras = self._extras(view.labels, [span for _, spans in chosen for span in spans])
        is_whole = self.in_place and self.settings.mode == "replace" and not extras
        if is_whole and not self.stream.pads:
            return view.batch
        return view.to_batch(extras)

    def _replaced(self, part: Part, n_rows: int) -> tuple[int, list[Span]]:
        """Number of the batch's first synthetic row, and where this part's are written."""
        first, n, turn = self.settings.rows_of(part.position)
        size = part.position.size
        if len(part.offsets) == size == n_rows:  # the batch as it was planned
            head = min(n, size - turn)
            spans = [Span(turn, 0, head), Span(0, head, n - head)]
            return first, [span for span in spans if span.length]
        return first, _spans(*self._owned(part, n, turn))

    def _appended(
        self, view: BatchView, parts: list[Part]
    ) -> tuple[BatchView, list[tuple[int, list[Span]]]]:
        """Make room for synthetic rows, with the labels of the rows that they belong to."""
        chosen, owners, place = [], [], len(view)
        for part in parts:
            first, n, turn = self.settings.rows_of(part.position)
            mine, steps = self._owned(part, n, turn)
            chosen.append((first, _spans(place + np.arange(len(steps)), steps)))
            owners.append(mine)
            place += len(steps)
        if place > len(view):
            view = view.extended(place - len(view), torch.from_numpy(np.concatenate(owners)))
        return view, chosen

    def _owned(self, part: Part, n: int, turn: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows here that own synthetic rows of a batch, and which of its synthetic rows."""
        size = part.position.size
        places = np.full(max(size, 1), -1)
        places[part.offsets] = part.places
        places = places[self.settings.owners(n, turn, size)]
        steps = np.flatnonzero(places >= 0)
        return places[steps], steps

    def _write(self, view: BatchView, position: Position, first: int, spans: list[Span]) -> None:
        """Write synthetic rows, and their labels unless they keep those that are there."""
        source, y = self.settings.source, view.labels
        if self.settings.labels != "same":
            for span in spans:
                codes = self.stream.write_drawn(view.inputs, span, first)
                y[span.window] = labels_like(y, source.classes_[codes])
            return
        codes = codes_of(source, _joined([y[span.window] for span in spans], torch.cat))
        if self.counts is not None and position.numbers is None:
            numbers = self.counts.number(codes)
        else:
            planned = position.numbers
            steps = [np.arange(span.step, span.step + span.length) for span in spans]
            numbers = _joined(steps, np.concatenate)
            numbers = first + numbers if planned is None else planned[numbers]
        index = numbers * position.world + position.rank
        self.stream.write_given(view.inputs, spans, index, codes)

    def _extras(self, y: Tensor, spans: list[Span]) -> dict[str, Tensor]:
        extras, weight = {}, self.settings.sample_weight
        if self.settings.return_mask:
            extras["is_synthetic"] = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        if weight is not None:
            extras["sample_weight"] = torch.ones(len(y), device=y.device)
        for name, values in extras.items():
            value = 1.0 if name == "is_synthetic" or weight is None else weight
            for span in spans:
                values[span.window] = value
        return extras


def _spans(places: np.ndarray, steps: np.ndarray) -> list[Span]:
    """Join rows and synthetic rows that are both neighbours."""
    cuts = np.flatnonzero((np.diff(places) != 1) | (np.diff(steps) != 1)) + 1
    edges = [0, *cuts.tolist(), len(places)]
    return [
        Span(int(places[start]), int(steps[start]), stop - start)
        for start, stop in pairwise(edges)
        if stop > start
    ]


def _joined(parts: list[Any], join: Callable[[list[Any]], Any]) -> Any:
    return parts[0] if len(parts) == 1 else join(parts)


class MixingCollate:
    """A collate function that mixes synthetic rows into what another one collates.

    Parameters
    ----------
    collate_fn : callable
    settings : MixSettings
    expected : int, optional
        Synthetic rows in an epoch, as far as is known.
    """

    def __init__(
        self, collate_fn: Callable[[Any], Any], settings: MixSettings, expected: int | None
    ) -> None:
        self.collate_fn = collate_fn
        self.settings = settings
        self.expected = expected
        self._key: tuple[int, ...] | None = None
        self._mixer: EpochMixer | None = None

    def __call__(self, planned: Any) -> Any:
        """Collate rows, and mix in the synthetic ones of their positions."""
        if not isinstance(planned, PlannedRows):
            raise RebuildError(
                "a loader was rebuilt without the batch sampler or dataset of augment_loader, "
                "which tell where synthetic rows belong: call augment_loader on the rebuilt loader."
            )
        view = BatchView.of(self.collate_fn(planned.rows), self.settings.keys)
        if len(view) != len(planned.marks):
            raise RebuildError(
                f"collate_fn makes {len(view)} rows of {len(planned.marks)}, so the place of "
                "synthetic rows is unknown: call augment_loader on the rebuilt loader."
            )
        parts = planned.parts()
        mixer = self._mixer_of(parts[0].position, view)
        try:
            return mixer.mix(view, parts)
        except WorkerDeviceError as error:
            raise WorkerDeviceError(
                f"{error} This loader was rebuilt by another library, so that rows are generated "
                "in its workers: use a SampleBank, or num_workers=0."
            ) from error

    def begin_count(self, dataset: Any) -> Callable[[Position, list[Any]], np.ndarray]:
        """Return a function that numbers the synthetic rows of the batches of one epoch."""
        if not hasattr(self, "_codes"):
            self._codes = self._read_codes(dataset)
        counts = RowCounts(self.settings.source)

        def number(position: Position, indices: list[Any]) -> np.ndarray:
            _, n, turn = self.settings.rows_of(position)
            owners = self.settings.owners(n, turn, position.size)
            return counts.number(self._codes[np.asarray(indices)[owners]])

        return number

    def _read_codes(self, dataset: Any) -> np.ndarray:
        """Class number of each real row; rows are read unless the dataset tells its labels."""
        known = known_labels(dataset)
        if known is not None:
            return codes_of(self.settings.source, as_tensor(known))
        codes = []
        for start in range(0, len(dataset), READ_ROWS):
            rows = [dataset[i] for i in range(start, min(start + READ_ROWS, len(dataset)))]
            view = BatchView.of(self.collate_fn(rows), self.settings.keys)
            codes.append(codes_of(self.settings.source, view.labels))
        return np.concatenate(codes)

    def _mixer_of(self, position: Position, view: BatchView) -> EpochMixer:
        key = (position.epoch, position.rank, position.world)
        if self._mixer is None or self._key != key:
            self._key = key
            self._mixer = EpochMixer(
                self.settings,
                position,
                view,
                device=view.device,
                expected=self.expected,
                in_place=self.collate_fn is default_collate,
            )
        if self._mixer.counts is not None and position.numbers is None:
            raise InputError(
                "this loader was rebuilt without the labels that a bank needs with labels='same': "
                "use labels='prior' or 'balanced', or call augment_loader on the rebuilt loader."
            )
        return self._mixer

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mixer": None, "_key": None}
