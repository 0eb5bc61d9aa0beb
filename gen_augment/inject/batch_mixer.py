"""Mix synthetic rows into the batches of one epoch, each by its position there."""

from collections.abc import Callable
from dataclasses import dataclass
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
from gen_augment.inject.row_stream import RowStream, RowTransform
from gen_augment.rng import derive_seed
from gen_augment.types import SupportsSample

__all__ = ["EpochMixer", "MixSettings", "MixingCollate", "Mode", "RowCounts"]

Mode = Literal["replace", "append"]
#: Rows that are collated at once to read their labels.
READ_ROWS = 256


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

    def epoch_seed(self, epoch: int) -> int:
        """Return the seed of an epoch."""
        return derive_seed(self.seed, "epoch", epoch)

    def rows_of(self, position: Position) -> tuple[int, np.ndarray]:
        """Return the synthetic rows of a batch.

        Returns
        -------
        first : int
            Number of the first one in its epoch; the others follow.
        owners : ndarray of shape (n,)
            The row of the batch that each replaces or, with "append", takes its label from.
        """
        start, size = position.start, position.size
        first = round(self.ratio * start)
        n = round(self.ratio * (start + size)) - first
        seed = self.epoch_seed(position.epoch)
        turn = derive_seed(seed, "place", position.rank, start) % max(size, 1)
        steps = np.arange(n) if self.mode == "replace" else np.arange(n) * size // max(n, 1)
        return first, (turn + steps) % max(size, 1)


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
            settings.epoch_seed(position.epoch),
            shares=label_shares(settings.source, settings.labels),
            transform=settings.transform,
            device=device,
            expected=expected,
            rank=position.rank,
            world=position.world,
        )

    def mix(self, view: BatchView, parts: list[Part]) -> Any:
        """Return the batch with the synthetic rows of these parts."""
        chosen = [self._choose(part, len(view)) for part in parts]
        owners = np.concatenate([mine for mine, _, _ in chosen])
        appends = self.settings.mode == "append"
        if appends:
            view.check_only_inputs_and_labels()
        where = len(view) + np.arange(len(owners)) if appends else owners
        if len(owners):
            if appends:
                view = view.extended(len(owners), torch.from_numpy(owners))
            elif not self.in_place:
                view = view.copied()
            begin = 0
            for part, (mine, steps, first) in zip(parts, chosen, strict=True):
                stop = begin + len(mine)
                if len(mine):
                    self._write(view, where[begin:stop], part.position, steps, first)
                begin = stop
        extras = self._extras(view.labels, where)
        if self.in_place and not appends and not extras:
            return view.batch
        return view.to_batch(extras)

    def _choose(self, part: Part, n_rows: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Rows that own synthetic rows, which of the planned batch's those are, and the first."""
        first, owners = self.settings.rows_of(part.position)
        if len(part.offsets) == part.position.size == n_rows:  # the batch as it was planned
            return owners, np.arange(len(owners)), first
        places = np.full(max(part.position.size, 1), -1)
        places[part.offsets] = part.places
        places = places[owners]
        steps = np.flatnonzero(places >= 0)
        return places[steps], steps, first

    def _write(
        self,
        view: BatchView,
        where: np.ndarray,
        position: Position,
        steps: np.ndarray,
        first: int,
    ) -> None:
        """Write synthetic rows, and their labels unless they keep those that are there."""
        source, y = self.settings.source, view.labels
        rows = torch.from_numpy(where).to(y.device)
        if self.settings.labels != "same":
            codes = self.stream.write_drawn(view.inputs, where, first + steps)
            y[rows] = labels_like(y, source.classes_[codes])
            return
        codes = codes_of(source, y[rows])
        if position.numbers is not None:
            numbers = position.numbers[steps]
        else:
            numbers = first + steps if self.counts is None else self.counts.number(codes)
        index = numbers * position.world + position.rank
        self.stream.write_given(view.inputs, where, index, codes)

    def _extras(self, y: Tensor, where: np.ndarray) -> dict[str, Tensor]:
        if not self.settings.return_mask and self.settings.sample_weight is None:
            return {}
        is_synthetic = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        is_synthetic[torch.from_numpy(where).to(y.device)] = True
        extras = {"is_synthetic": is_synthetic} if self.settings.return_mask else {}
        if self.settings.sample_weight is not None:
            weights = torch.ones(len(y), device=y.device)
            extras["sample_weight"] = weights.masked_fill_(
                is_synthetic, self.settings.sample_weight
            )
        return extras


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
            _, owners = self.settings.rows_of(position)
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
