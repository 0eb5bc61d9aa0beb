"""`augment_loader`: synthetic rows in the batches of any DataLoader."""

from collections.abc import Iterable, Iterator
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from gen_augment.errors import InputError, RebuildError
from gen_augment.inject.batch_mixer import EpochMixer, MixingCollate, MixSettings, Mode
from gen_augment.inject.batch_plan import (
    EpochCounter,
    Part,
    PlannedDataset,
    Position,
    announcing,
    planned_batches,
    shard_of,
)
from gen_augment.inject.batch_view import BatchView, Keys, check_keys
from gen_augment.inject.class_counts import check_ratio
from gen_augment.inject.gathering import gathering, gives_new_tensors
from gen_augment.inject.label_mix import LabelMix, check_label_mix, check_numeric_labels
from gen_augment.inject.prefetching import start_prefetching
from gen_augment.inject.row_source import check_source
from gen_augment.inject.row_stream import RowTransform
from gen_augment.rng import resolve_seed
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range

__all__ = ["AugmentedBatches", "AugmentedLoader", "augment_loader"]

#: From what other libraries rebuild a DataLoader.
_PARTS = ("dataset", "batch_sampler", "sampler", "collate_fn")
_REPLACED = ("batch_size", "shuffle", "drop_last", *_PARTS)


def augment_loader(
    loader: Iterable[Any],
    source: SupportsSample,
    *,
    ratio: float,
    mode: Mode = "replace",
    labels: LabelMix = "same",
    keys: Keys | None = None,
    transform: RowTransform | None = None,
    device: str | torch.device | None = None,
    prefetch: int = 1,
    return_mask: bool = False,
    sample_weight: float | None = None,
    seed: int | None = None,
) -> "AugmentedLoader | AugmentedBatches":
    """Wrap a loader so that a share of each batch is synthetic.

    Synthetic rows follow from the seed, the epoch and the position of their batch. An epoch
    that is resumed in the middle, or split between processes, therefore has the rows of an
    undisturbed run, also where Accelerate, Hugging Face's Trainer, Lightning or Fabric
    rebuilds the loader.

    Parameters
    ----------
    loader : DataLoader or iterable of batches
        Batches are tuples, lists, named tuples or mappings. While you iterate over the
        result, your loader's batches are used, and rows are generated in the main process.
        A loader that another library rebuilds generates them where it collates rows: in its
        workers, if it has any, which can read a `SampleBank` or use a sampler on the CPU.
    source : fitted sampler or SampleBank
        Its rows have the form of those in the batches, or `transform` converts them.
    ratio : float
        Synthetic rows per row of the loader. Batches are rounded so that the total is exact.
    mode : {"replace", "append"}
        Replace rows, which keeps the batch size (`ratio` is at most 1), or add to them. The
        rows replaced are neighbours at a random place, so that each row is equally likely.
        All inputs of a row are replaced together; other entries of a batch stay.
    labels : {"same", "prior", "balanced"} or {label: share}
        Labels of synthetic rows: those of the rows replaced (with "append": of rows spread
        over the batch), drawn from the source's class prior, drawn uniformly, or drawn in
        proportion to these shares, for example of rare classes only.
    keys : (inputs, labels), optional
        Where they are in a batch; `inputs` may be a tuple of several keys of a mapping. By
        default 0 and 1 in a tuple, and the usual names in a mapping. Inputs may be a pair of
        padded values and lengths: synthetic rows of unequal lengths are padded with zeros.
    transform : callable, optional
        Applied to each synthetic row; must return a Tensor like the rows of a batch, or a
        dict of Tensors where a row has several inputs.
    device : str or torch.device, optional
        Move every batch there; by default it stays where the loader puts it. A library that
        rebuilds the loader places batches itself.
    prefetch : int
        On a CUDA device: how many batches are made in advance, on a separate stream.
    return_mask : bool
        Add to each batch a bool Tensor of shape (batch,): which rows are synthetic. In a
        mapping its key is "is_synthetic".
    sample_weight : float, optional
        Add to each batch a float Tensor of shape (batch,): 1 for real rows and this value
        for synthetic ones. In a mapping its key is "sample_weight".
    seed : int, optional
        0 by default. Each epoch has its own rows; the same seed and epoch give the same
        rows. A row of a bank is repeated in an epoch only after all others of its label.

    Returns
    -------
    AugmentedLoader or AugmentedBatches
        An `AugmentedLoader` is a DataLoader.

    Raises
    ------
    InputError
        A parameter, the source or, during iteration, a batch cannot be used.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from gen_augment import ConditionalVAE
    >>> data = TensorDataset(torch.randn(40, 3), torch.arange(40) % 2)
    >>> sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(data)
    >>> loader = augment_loader(
    ...     DataLoader(data, batch_size=10), sampler, ratio=0.3, mode="append"
    ... )
    >>> [len(y) for x, y in loader]
    [13, 13, 13, 13]
    """
    check_source(source)
    check_numeric_labels(source)
    check_choice("mode", mode, ("replace", "append"))
    check_ratio(ratio, mode)
    check_label_mix(source, labels)
    check_keys(keys)
    if isinstance(prefetch, bool) or not isinstance(prefetch, (int, np.integer)) or prefetch < 0:
        raise InputError(f"prefetch={prefetch!r} is not a whole number of at least 0.")
    if sample_weight is not None:
        check_range("sample_weight", sample_weight, 0)
    settings = MixSettings(
        source,
        ratio,
        mode,
        labels,
        keys,
        transform,
        None if device is None else torch.device(device),
        int(prefetch),
        return_mask,
        sample_weight,
        resolve_seed(0 if seed is None else seed),
    )
    if not isinstance(loader, DataLoader):
        return AugmentedBatches(loader, settings)
    return _augmented(loader, settings)


class _Passes:
    """Iterate over a loader, with synthetic rows in its batches.

    Attributes
    ----------
    epoch : int
        Number of the next pass; increases by itself.
    """

    _loader: Any
    _batches: Any
    _settings: MixSettings
    _epochs: EpochCounter
    _progress: dict[str, int] | None = None
    _n_skipped = 0

    @property
    def epoch(self) -> int:
        """Number of the next pass."""
        return self._epochs.next

    def set_epoch(self, epoch: int) -> None:
        """Choose the rows of the next pass."""
        self._epochs.choose(epoch)
        if hasattr(self._loader, "set_epoch"):
            self._loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, int]:
        """Return the epoch, and how many of its batches have been given."""
        if self._progress is None or self._progress["batches"] == _length(self):
            return {"epoch": self.epoch, "batches": 0}
        return dict(self._progress)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a state: the next pass omits the batches that were given before."""
        self.__dict__["_n_skipped"] = int(state["batches"])
        self.set_epoch(int(state["epoch"]))

    def __repr__(self) -> str:
        loader = type(self._loader).__name__
        return f"{type(self).__name__}({loader}, ratio={self._settings.ratio:g})"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also while unpickling, when there is no loader yet
            raise AttributeError(name)
        if name in _PARTS:
            raise RebuildError(
                f"{name} of a {type(self._loader).__name__} with synthetic rows is not available, "
                "because a loader rebuilt from its parts would lose them. Prepare the plain "
                "loader first, then call augment_loader on the result."
            )
        return getattr(self._loader, name)

    def _iterate(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Give batches, after those to omit, and record how many were given."""
        n_skipped, self.__dict__["_n_skipped"] = self._n_skipped, 0
        for number, batch in enumerate(batches, start=1):
            self.__dict__["_progress"] = {"epoch": self._epochs.current, "batches": number}
            if number > n_skipped:
                yield batch
        self.__dict__["_progress"] = None

    def _mixed(self) -> Iterator[Any]:
        """Batches of the loader, with synthetic rows mixed in here."""
        rank, world = shard_of(self._loader) or _process()
        position = Position(self._epochs.take(), 0, 0, rank, world)
        mixer, prefetcher = None, None
        for batch in self._batches:
            view = BatchView.of(batch, self._settings.keys)
            if mixer is None:
                device = self._settings.device or view.device
                prefetcher = start_prefetching(device, self._settings.prefetch)
                mixer = self._make_mixer(position, view, device)
            _, start, size, *_ = position
            position = Position(position.epoch, start + size, len(view), rank, world)
            if prefetcher is None:
                yield _mix(mixer, position, view)
                continue
            prefetcher.put(batch, partial(_mix, mixer, position, view))
            if prefetcher.is_full:
                yield prefetcher.get()
        while prefetcher is not None and prefetcher.waiting:
            yield prefetcher.get()

    def _make_mixer(self, position: Position, view: BatchView, device: torch.device) -> EpochMixer:
        return EpochMixer(
            self._settings,
            position,
            view,
            device=device,
            expected=_expected_rows(self._loader, self._settings.ratio),
            in_place=gives_new_tensors(self._loader),
        )


class AugmentedBatches(_Passes):
    """What `augment_loader` returns for an iterable that is not a DataLoader.

    Iterates like the iterable, and has its length and attributes, except those that other
    libraries rebuild a DataLoader from.
    """

    def __init__(self, loader: Iterable[Any], settings: MixSettings) -> None:
        self._loader = self._batches = loader
        self._settings = settings
        self._epochs = EpochCounter()

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        return self._iterate(self._mixed())


class AugmentedLoader(_Passes, DataLoader[Any]):
    """What `augment_loader` returns for a DataLoader: a DataLoader with synthetic rows.

    A loader that is rebuilt from its `dataset`, `batch_sampler` and `collate_fn` has the same
    synthetic rows. Loaders of an IterableDataset, and those that do not batch rows, have no
    such parts, and raise `RebuildError` when they are asked for.
    """

    def __init__(self, dataset: PlannedDataset, **options: Any) -> None:
        super().__init__(dataset, **options)
        batches: Any = self.batch_sampler
        collate: Any = self.collate_fn
        batches.epochs = dataset.epochs
        if collate.settings.counts_by_class:
            batches.begin_count = partial(collate.begin_count, dataset.dataset)
        # DataLoader takes these for None or defaults, where a batch sampler is given.
        sampler = getattr(batches, "sampler", None)
        if sampler is None:
            sampler = announcing(self.sampler, dataset.epochs)
        found = {"batch_size": getattr(batches, "batch_size", None), "sampler": sampler}
        self.__dict__.update(found, drop_last=getattr(batches, "drop_last", False))
        self.__dict__.update(_settings=collate.settings, _epochs=dataset.epochs, _loader=None)

    def __len__(self) -> int:
        return super().__len__() if self._loader is None else len(self._loader)

    def __iter__(self) -> Any:
        # Another library made this one, with other batches, out of the parts of the original.
        return self._iterate(super().__iter__() if self._loader is None else self._mixed())


def _augmented(loader: DataLoader[Any], settings: MixSettings) -> AugmentedLoader:
    epochs = EpochCounter()
    if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
        sealed = AugmentedLoader.__new__(AugmentedLoader)
        sealed.__dict__.update(_loader=loader, _batches=loader, _settings=settings, _epochs=epochs)
        return sealed
    expected = _expected_rows(loader, settings.ratio)
    options = [name for name in signature(DataLoader).parameters if name not in _REPLACED]
    augmented = AugmentedLoader(
        PlannedDataset(loader.dataset, epochs),
        batch_sampler=planned_batches(loader.batch_sampler, epochs),
        collate_fn=MixingCollate(loader.collate_fn, settings, expected),
        **{name: getattr(loader, name) for name in options if hasattr(loader, name)},
    )
    # Not by setattr: Lightning records what is set, and sets it on the loaders that it makes.
    augmented.__dict__.update(_loader=loader, _batches=gathering(loader))
    return augmented


def _mix(mixer: EpochMixer, position: Position, view: BatchView) -> Any:
    # A batch in main memory is copied on the prefetching stream, and waits for no step.
    return mixer.mix(view.on(mixer.settings.device), [Part.whole(position)])


def _length(loader: Any) -> int | None:
    """Number of batches, if it is known."""
    try:
        return len(loader)
    except TypeError:
        return None


def _expected_rows(loader: Any, ratio: float) -> int | None:
    """About how many synthetic rows a pass takes."""
    try:
        return int(ratio * len(loader) * loader.batch_size)
    except (AttributeError, TypeError):
        return None


def _process() -> tuple[int, int]:
    """Rank of this process among those that train together, and their number."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
