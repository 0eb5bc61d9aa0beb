"""Synthetic rows into the batches of any DataLoader, in the main process."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.inject.ahead import Ahead, begin_ahead
from gen_augment.inject.batch import (
    LabelMix,
    check_label_mix,
    check_labels_fit,
    inject,
    label_shares,
    windows,
)
from gen_augment.inject.rows import RowStream, RowTransform, check_numeric_labels, check_source
from gen_augment.inject.strategy import check_ratio
from gen_augment.inject.structure import (
    Keys,
    check_no_other_rows,
    close_batch,
    open_batch,
    owns_batches,
    put_on,
    with_room,
)
from gen_augment.rng import derive_seed, resolve_seed
from gen_augment.types import SupportsSample
from gen_augment.validation import check_choice, check_range

__all__ = ["AugmentedLoader", "augment_loader"]

Mode = Literal["replace", "append"]


@dataclass(frozen=True)
class _Settings:
    """What `augment_loader` was asked for."""

    ratio: float
    mode: Mode
    labels: LabelMix
    keys: Keys | None
    transform: RowTransform | None
    device: torch.device | None
    prefetch: int
    return_mask: bool
    sample_weight: float | None
    seed: int


def augment_loader(
    loader: Iterable[Any],
    source: SupportsSample,
    *,
    ratio: float,
    mode: Mode = "replace",
    labels: LabelMix = "prior",
    keys: Keys | None = None,
    transform: RowTransform | None = None,
    device: str | torch.device | None = None,
    prefetch: int = 1,
    return_mask: bool = False,
    sample_weight: float | None = None,
    seed: int | None = None,
) -> "AugmentedLoader":
    """Wrap a loader so that a share of each batch is synthetic.

    Parameters
    ----------
    loader : DataLoader or iterable of batches
        Used as it is, never rebuilt; workers, samplers and collation stay its own. Batches are tuples, lists, named
        tuples or dicts.
    source : fitted sampler or SampleBank
        Its rows have the form of those in the batches, or `transform` brings them to it.
    ratio : float
        Synthetic rows for each row that the loader gives. Batches are rounded so that the total is exact.
    mode : {"replace", "append"}
        Replace rows, which keeps the batch size (`ratio` is at most 1), or add to them. Rows replaced are neighbours,
        from a random place on, so that each row is as likely as any other. What else a batch holds for each row stays
        that of the rows replaced.
    labels : {"prior", "balanced", "batch"} or {label: share}
        Labels of synthetic rows: the source's class prior, all classes alike, those of the rows replaced (with
        "append": of rows of the batch), or these in proportion to their shares, such as rare ones alone.
    keys : (inputs, labels), optional
        Where they are in a batch: 0 and 1 in a tuple; in a dict the usual names are found.
    transform : callable, optional
        Applied to each synthetic row; must return a Tensor like the rows of a batch.
    device : str or torch.device, optional
        Move every batch there; by default it stays where the loader puts it.
    prefetch : int
        With a CUDA device: how many batches ahead rows are generated, on a stream beside that of the training step.
    return_mask : bool
        Add to each batch a bool Tensor of shape (batch,): which rows are synthetic. A dict gets it as "is_synthetic".
    sample_weight : float, optional
        Add to each batch a float Tensor of shape (batch,): 1 for real rows and this for synthetic ones. A dict gets it
        as "sample_weight".
    seed : int, optional
        0 by default. Each epoch has rows of its own; the same seed and epoch give the same rows. Each row of a bank
        comes once in an epoch before one comes again.

    Returns
    -------
    AugmentedLoader
        With the length and attributes of `loader`.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from gen_augment import ConditionalVAE
    >>> data = TensorDataset(torch.randn(40, 3), torch.arange(40) % 2)
    >>> sampler = ConditionalVAE(max_steps=5, random_state=0, device="cpu").fit(data)
    >>> loader = augment_loader(DataLoader(data, batch_size=10), sampler, ratio=0.3, mode="append")
    >>> [len(y) for x, y in loader]
    [13, 13, 13, 13]
    """
    check_source(source)
    check_numeric_labels(source)
    check_choice("mode", mode, ("replace", "append"))
    check_ratio(ratio, mode)
    check_label_mix(source, labels)
    if isinstance(prefetch, bool) or not isinstance(prefetch, (int, np.integer)) or prefetch < 0:
        raise InputError(f"prefetch={prefetch!r} is not a whole number of at least 0.")
    if sample_weight is not None:
        check_range("sample_weight", sample_weight, 0)
    if keys is not None and (not isinstance(keys, tuple) or len(keys) != 2):
        raise InputError(f"keys={keys!r}: give (inputs, labels).")
    seed = resolve_seed(0 if seed is None else seed)
    target = None if device is None else torch.device(device)
    settings = _Settings(
        ratio,
        mode,
        labels,
        keys,
        transform,
        target,
        int(prefetch),
        return_mask,
        sample_weight,
        seed,
    )
    return AugmentedLoader(loader, source, settings)


class AugmentedLoader:
    """What `augment_loader` returns: iterates like the loader it wraps, and has its attributes.

    Attributes
    ----------
    epoch : int
        Number of the next pass; counts up by itself.
    """

    def __init__(self, loader: Iterable[Any], source: SupportsSample, settings: _Settings) -> None:
        self._loader = loader
        self._source = source
        self._settings = settings
        self._in_place = owns_batches(loader)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the rows of the next pass."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._loader)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also while unpickling, before there is a loader
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __iter__(self) -> Iterator[Any]:
        run = _Pass(
            self._source,
            self._settings,
            self.epoch,
            self._in_place,
            _expected_rows(self._loader, self._settings),
        )
        self.epoch += 1
        for batch in self._loader:
            yield from run.give(batch)
        yield from run.rest()


class _Pass:
    """One pass over a loader."""

    def __init__(
        self,
        source: SupportsSample,
        settings: _Settings,
        epoch: int,
        in_place: bool,
        expected: int | None,
    ) -> None:
        self.source = source
        self.settings = settings
        self.in_place = in_place
        self.expected = expected
        self.rank, self.world = _rank()
        self.seed = derive_seed(settings.seed, "epoch", epoch)
        self.rng = np.random.default_rng(derive_seed(self.seed, "place", self.rank))
        self.stream: RowStream | None = None
        self.ahead: Ahead | None = None
        self.n_seen = self.n_made = 0

    def give(self, batch: Any) -> Iterator[Any]:
        """Take a batch in; give those that are ready."""
        keys = open_batch(batch, self.settings.keys)
        if self.stream is None:
            self._begin(batch[keys[0]], batch[keys[1]])
        self.n_seen += len(batch[keys[1]])
        n = round(self.settings.ratio * self.n_seen) - self.n_made
        self.n_made += n
        if self.ahead is None:
            yield self._inject(batch, keys, n)
            return
        self.ahead.put(batch, lambda batch: self._inject(batch, keys, n))
        if self.ahead.is_full:
            yield self.ahead.get()

    def rest(self) -> Iterator[Any]:
        """The batches that are still waiting."""
        while self.ahead is not None and self.ahead.waiting:
            yield self.ahead.get()

    def _begin(self, x: Tensor, y: Tensor) -> None:
        """The first batch tells where rows are wanted."""
        check_labels_fit(self.source, y, self.settings.labels)
        device = self.settings.device or x.device
        self.ahead = begin_ahead(device, self.settings.prefetch)
        self.stream = RowStream(
            self.source,
            self.seed,
            prior=label_shares(self.source, self.settings.labels),
            transform=self.settings.transform,
            device=device,
            expected=self.expected,
            rank=self.rank,
            world=self.world,
        )

    def _inject(self, batch: Any, keys: Keys, n: int) -> Any:
        # A batch out of main memory is copied on the stream beside, which then has not to wait for the training step.
        batch = put_on(batch, self.settings.device)
        x, y = batch[keys[0]], batch[keys[1]]
        if self.settings.mode == "append":
            check_no_other_rows(batch, keys, len(y))
            x, y, where = self._append(x, y, n)
        else:
            if n and not self.in_place:
                x, y = x.clone(), y.clone()
            where = windows(len(y), n, int(self.rng.integers(max(len(y), 1))))
            for window in where if n else ():
                inject(self._rows(), x, y, window, self.settings.labels)
        extras = self._extras(y, where)
        if self.in_place and self.settings.mode == "replace" and not extras:
            return batch
        return close_batch(batch, {keys[0]: x, keys[1]: y}, extras)

    def _append(self, x: Tensor, y: Tensor, n: int) -> tuple[Tensor, Tensor, list[slice]]:
        if n == 0:
            return x, y, []
        more = slice(len(x), len(x) + n)
        drawn = torch.from_numpy(
            self.rng.integers(len(y), size=n)
        )  # whose labels the new rows have, with "batch"
        x = with_room(x, n)
        y = torch.cat([y, y[drawn.to(y.device)]])
        inject(self._rows(), x, y, more, self.settings.labels)
        return x, y, [more]

    def _rows(self) -> RowStream:
        stream: Any = self.stream
        return stream  # type: ignore[no-any-return]

    def _extras(self, y: Tensor, where: list[slice]) -> dict[str, Tensor]:
        extras: dict[str, Tensor] = {}
        if self.settings.return_mask:
            extras["is_synthetic"] = torch.zeros(len(y), dtype=torch.bool, device=y.device)
        if self.settings.sample_weight is not None:
            extras["sample_weight"] = torch.ones(len(y), device=y.device)
        for window in where:
            if self.settings.return_mask:
                extras["is_synthetic"][window] = True
            if self.settings.sample_weight is not None:
                extras["sample_weight"][window] = self.settings.sample_weight
        return extras


def _expected_rows(loader: Any, settings: _Settings) -> int | None:
    """About how many synthetic rows a pass takes."""
    try:
        return int(settings.ratio * len(loader) * loader.batch_size)
    except (AttributeError, TypeError):
        return None


def _rank() -> tuple[int, int]:
    """Number of this process among those that train together, and how many they are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
