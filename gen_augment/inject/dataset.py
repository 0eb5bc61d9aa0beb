"""`AugmentedDataset`: real and synthetic rows as one map-style dataset."""

import copy
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset, IterableDataset

from gen_augment.bank import SampleBank
from gen_augment.containers import single_rows
from gen_augment.errors import InputError
from gen_augment.inject.class_counts import (
    SamplingStrategy,
    check_ratio,
    counts_of_classes,
    counts_to_replace,
    resolve_strategy,
)
from gen_augment.inject.row_labels import check_labels, check_pair, read_labels, write_labels
from gen_augment.inject.row_source import (
    check_same_form,
    check_source,
    next_addresses,
    sites_of,
)
from gen_augment.rng import derive_seed, resolve_seed
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice

__all__ = ["AugmentedDataset", "Provenance"]


class Provenance(NamedTuple):
    """The origin of a row.

    A synthetic row is ``sampler.generate([row], [label], seed=seed)[0]`` of the sampler with
    the fingerprint `generator`. A real one is row `row` of the real dataset, with an empty
    `generator` and the seed -1. `site` names the sampler of a `pool` that made the row.
    """

    is_synthetic: bool
    generator: str
    seed: int
    row: int
    site: str = ""


class AugmentedDataset(Dataset[tuple[Any, ...]]):
    """Real rows and synthetic rows as one dataset of ``(x, label)``.

    Parameters
    ----------
    real : Dataset of (x, label)
        Map-style. Pass it without its transform, and the transform here, so that it is
        applied to both kinds of rows.
    source : fitted sampler or SampleBank
        Its rows have the form that `real` gives.
    ratio : float, optional
        Synthetic rows per real row, in the proportions of the source's class prior or, with
        "replace", of the real rows.
    counts : {label: count}, optional
        Exact number of synthetic rows of each label.
    sampling_strategy : str, float, dict or callable, optional
        As in imbalanced-learn: "auto", "minority", "not minority", "not majority", "all",
        the size of the smaller of two classes over the larger, or rows of each class after
        augmentation. Give one of these three; for a bank, none of them means all its rows.
    mode : {"append", "replace"}
        Add synthetic rows after the real ones, or replace random real rows of the same label.
    fresh : bool
        Use new synthetic rows (and, with "replace", replace other rows) in every epoch; call
        `set_epoch` before each.
    transform : callable, optional
        Applied to ``x`` of real and synthetic rows alike.
    real_labels : array-like of shape (n_real,), optional
        Labels of the real rows, if they are needed and slow to read from `real`.
    seed : int, optional
        Names the table of synthetic rows, by default that of the sampler; for a bank, the
        order of its rows.
    materialize : bool, optional
        Generate the rows of a sampler once, here, and keep them in memory; True by default.
        False generates rows when they are read, whole batches in a DataLoader, as `fresh`
        always does.
    return_provenance : bool
        Rows are ``(x, label, Provenance)``.

    Attributes
    ----------
    labels : ndarray of shape (n_rows,)
        In the order of the rows, for example for a `WeightedRandomSampler`.
    synthetic_labels : ndarray of shape (n_synthetic,)
        In the order of the synthetic rows.

    Raises
    ------
    InputError
        No rows, too many or unknown ones are requested, or synthetic rows differ in type,
        shape or dtype from real ones.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from gen_augment import ConditionalVAE
    >>> real = TensorDataset(torch.randn(40, 3), (torch.arange(40) % 4 == 0).long())
    >>> sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(real)
    >>> len(AugmentedDataset(real, sampler, ratio=0.5))
    60
    >>> len(AugmentedDataset(real, sampler, sampling_strategy="auto"))
    60
    """

    def __init__(
        self,
        real: Dataset[Any],
        source: SupportsSample,
        *,
        ratio: float | None = None,
        counts: Mapping[Any, int] | None = None,
        sampling_strategy: SamplingStrategy | None = None,
        mode: Literal["append", "replace"] = "append",
        fresh: bool = False,
        transform: Callable[[Any], Any] | None = None,
        real_labels: Any = None,
        seed: int | None = None,
        materialize: bool | None = None,
        return_provenance: bool = False,
    ) -> None:
        if isinstance(real, IterableDataset) or not hasattr(real, "__len__") or len(real) == 0:
            raise InputError(
                f"real is a {type(real).__name__} without rows or length: give a map-style Dataset."
            )
        check_source(source)
        check_choice("mode", mode, ("append", "replace"))
        self.real = real
        self.source = source
        self.mode = mode
        self.fresh = fresh
        self.transform = transform
        self.seed = seed if seed is None else resolve_seed(seed)
        self.return_provenance = return_provenance
        self._generator = (
            source.fingerprint() if hasattr(source, "fingerprint") else type(source).__name__
        )
        self._is_bank = isinstance(source, SampleBank)
        if materialize and (fresh or self._is_bank):
            raise InputError(
                "materialize=True keeps the rows of a sampler, so it cannot be used with a bank or "
                "with fresh=True."
            )
        # In shared memory, so that persistent workers see it change.
        epoch: Any = torch.zeros((), dtype=torch.int64, device="cpu")
        self._epoch = epoch.share_memory_()
        first_real = real[0]
        self._real_label = check_pair(first_real, source)
        self._real_codes: np.ndarray | None = None
        self._labels = None if real_labels is None else check_labels(real_labels, len(real))
        self._codes = self._plan(ratio, counts, sampling_strategy)
        self._index = next_addresses(source, self._codes, np.zeros(len(source.classes_), np.int64))
        self._slots: tuple[int, np.ndarray] | None = None
        self._rows: Any = None
        if len(self._codes):
            if not self._is_bank and materialize is not False and not fresh:
                self._rows = self._generate(np.arange(len(self._codes)))
            first = self._generate(np.arange(1)) if self._rows is None else self._rows
            one_shape = getattr(getattr(source, "codec_", None), "one_shape", True)
            check_same_form(first_real[0], first[0], one_shape=one_shape)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch.share_memory_()  # a copy is not in shared memory

    @property
    def labels(self) -> np.ndarray:
        """Labels of all rows; those of real rows are read once from `real` unless given."""
        real = self._labels_of_real()
        return real if self.mode == "replace" else np.concatenate([real, self.synthetic_labels])

    def _labels_of_real(self) -> np.ndarray:
        if self._labels is None:
            self._labels = read_labels(self.real)
        return self._labels

    @property
    def synthetic_labels(self) -> np.ndarray:
        """Labels of the synthetic rows."""
        labels: np.ndarray = self.source.classes_[self._codes]
        return labels

    @property
    def epoch(self) -> int:
        """Epoch that `set_epoch` chose."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the rows of the next pass, also in workers that are running."""
        self._epoch.fill_(epoch)
        if hasattr(self.real, "set_epoch"):
            self.real.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.real) + (len(self._codes) if self.mode == "append" else 0)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.__getitems__([operator.index(index)])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Any, ...]]:
        # A DataLoader reads whole batches by this name, so that their rows are generated at once.
        where = self._places(indices)
        numbers = self._numbers(where)
        places = np.flatnonzero(numbers >= 0)
        items: list[Any] = [None] * len(where)
        if len(places):
            chosen = numbers[places]
            labels = write_labels(self.source.classes_[self._codes[chosen]], self._real_label)
            pairs = zip(self._generate(chosen), labels, strict=True)
            for place, pair in zip(places.tolist(), pairs, strict=True):
                items[place] = pair
        if len(places) < len(items):
            here = np.flatnonzero(numbers < 0)
            for place, pair in zip(
                here.tolist(), self._read_real(where[here].tolist()), strict=True
            ):
                items[place] = pair
        if self.transform is not None:
            items = [(self.transform(pair[0]), *pair[1:]) for pair in items]
        if not self.return_provenance:
            return items
        return [
            (*pair, origin)
            for pair, origin in zip(items, self._provenance(where, numbers), strict=True)
        ]

    def is_synthetic(self, index: int) -> bool:
        """Whether row `index` is synthetic in this epoch."""
        return bool(self._numbers(self._places([index]))[0] >= 0)

    def _plan(
        self,
        ratio: float | None,
        counts: Mapping[Any, int] | None,
        strategy: SamplingStrategy | None,
    ) -> np.ndarray:
        """Class numbers of the synthetic rows, class by class."""
        n_real = len(self.real)
        given = sum(value is not None for value in (ratio, counts, strategy))
        if given == 0 and self._is_bank:
            counts = self.source.counts  # type: ignore[attr-defined]
        elif given != 1:
            raise InputError(
                "give either ratio, counts or sampling_strategy, and not more than one of them."
            )
        if ratio is not None:
            check_ratio(ratio, self.mode)
        if self.mode == "replace":
            if strategy is not None:
                raise InputError("sampling_strategy adds rows, so it needs mode='append'.")
            wanted, self._real_codes = counts_to_replace(
                self.source, self._labels_of_real(), ratio, counts
            )
            return np.repeat(np.arange(len(wanted)), wanted)
        if strategy is not None:
            counts = resolve_strategy(strategy, self._labels_of_real())
        return np.repeat(
            np.arange(len(self.source.classes_)),
            counts_of_classes(self.source, n_real, ratio, counts),
        )

    def _places(self, indices: Sequence[int]) -> np.ndarray:
        """Return indices from 0 up; negative ones count from the end."""
        where = np.asarray(indices, np.int64)
        out = (where < -len(self)) | (where >= len(self))
        if out.any():
            raise IndexError(f"row {where[out][0]} of a dataset of {len(self)} rows.")
        return where % len(self)

    def _numbers(self, where: np.ndarray) -> np.ndarray:
        """Return the numbers of the synthetic rows at these places, below 0 for real rows."""
        if self.mode == "append":
            return where - len(self.real)
        epoch = self.epoch if self.fresh else 0
        if self._slots is None or self._slots[0] != epoch:
            self._slots = epoch, self._choose_slots(epoch)
        numbers: np.ndarray = self._slots[1][where]
        return numbers

    def _choose_slots(self, epoch: int) -> np.ndarray:
        """Return the synthetic row that replaces each real one, or -1."""
        real_codes = self._real_codes
        slots = np.full(len(self), -1)
        rng = np.random.default_rng(derive_seed(self.seed or 0, "replaced", epoch))
        for code in np.unique(self._codes):
            mine = np.flatnonzero(self._codes == code)
            slots[rng.permutation(np.flatnonzero(real_codes == code))[: len(mine)]] = mine
        return slots

    def _table(self) -> int | None:
        """Seed of the table of this epoch's rows."""
        if not self.fresh:
            return self.seed
        return derive_seed(
            getattr(self.source, "seed_", 0) if self.seed is None else self.seed,
            "epoch",
            self.epoch,
        )

    def _generate(self, numbers: np.ndarray) -> Any:
        if self._rows is not None:
            # A transform may write to its input, so return copies.
            in_list = isinstance(self._rows, list)
            return (
                [copy.copy(self._rows[number]) for number in numbers]
                if in_list
                else self._rows[numbers]
            )
        labels = self.source.classes_[self._codes[numbers]]
        rows = single_rows(self.source.generate(self._index[numbers], labels, seed=self._table()))
        if not isinstance(rows, (np.ndarray, torch.Tensor, list)):
            raise InputError(
                f"the sampler was fitted on a {type(rows).__name__}: "
                "fit it on arrays or tensors, as Datasets hold them."
            )
        return rows

    def _read_real(self, where: list[int]) -> list[tuple[Any, Any]]:
        read_all = getattr(self.real, "__getitems__", None)
        if callable(read_all):
            pairs: list[tuple[Any, Any]] = read_all(where)
            return pairs
        return [self.real[index] for index in where]

    def _provenance(self, where: np.ndarray, numbers: np.ndarray) -> list[Provenance]:
        origins = [Provenance(False, "", -1, index) for index in where.tolist()]
        places = np.flatnonzero(numbers >= 0)
        chosen = numbers[places]
        if self._is_bank:
            bank: Any = self.source
            labels = bank.classes_[self._codes[chosen]]
            index = bank.addresses(bank.locate(self._index[chosen], labels, seed=self._table()))
            generator, seed = bank.generator.fingerprint, bank.generator.seed
        else:
            index, seed, generator = self._index[chosen], self._table(), self._generator
            seed = getattr(self.source, "seed_", 0) if seed is None else seed
        sites = sites_of(self.source, index, self.source.classes_[self._codes[chosen]], seed)
        for place, address, site in zip(places.tolist(), index.tolist(), sites, strict=True):
            origins[place] = Provenance(True, generator, seed, address, site)
        return origins
