"""What the injectors share: rows of a source one after the other, and whether they look like real ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.rng import BLOCK_ROWS, categorical, derive_seed
from gen_augment.types import SupportsSample

__all__ = [
    "RowStream",
    "addresses",
    "as_tensor",
    "check_numeric_labels",
    "check_same_form",
    "check_source",
    "describe",
    "single_rows",
]

RowTransform = Callable[[Any], Tensor]
#: Rows of a bank that are looked up at once.
PLANNED_ROWS = 4096


class RowStream:
    """Synthetic rows of one pass as Tensors: every address once.

    Parameters
    ----------
    source : fitted sampler or SampleBank
    seed : int
        Of the pass.
    prior : ndarray of shape (n_classes,)
        Share of each class, for `take`.
    transform : callable, optional
        Applied to each row; must return a Tensor.
    device : torch.device
        Where the rows are put.
    expected : int, optional
        How many rows `take` will be asked for in all, as far as is known: no more are generated ahead.
    rank, world : int
        With several processes: rows of a bank are dealt out, so that no two processes read the same.
    """

    def __init__(
        self,
        source: SupportsSample,
        seed: int,
        *,
        prior: np.ndarray,
        transform: RowTransform | None = None,
        device: torch.device | None = None,
        expected: int | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.source = source
        self.prior = prior
        self.transform = transform
        self.device = device or torch.device("cpu")
        self.expected = expected
        self.rank, self.world = rank, world
        self.by_class = getattr(source, "numbered_by_class", False)
        # A bank's order is one for all processes, a sampler's table is one for each.
        self.table = seed if self.by_class or world == 1 else derive_seed(seed, "rank", rank)
        self._label_seed = derive_seed(seed, "label", rank)
        self._made = np.zeros(len(source.classes_), np.int64)
        self._codes = self._places = np.empty(0, np.int64)
        self._rows: Tensor | None = None
        self._form: tuple[torch.Size, torch.dtype] | None = None
        self._drawn = 0
        self._reads_into = self.by_class and transform is None and self.device.type == "cpu"

    def take(self, n: int, out: Tensor | None = None) -> tuple[Tensor, np.ndarray]:
        """The next `n` rows and class numbers, the latter drawn with the shares of `prior`.

        Rows are generated in blocks, since a network is as fast as the batches that it is given are large. They are
        written to `out`, where it is given.
        """
        if self._reads_into:
            while len(self._codes) < n:
                codes = self._draw_codes(self._ahead(n, PLANNED_ROWS))
                self._codes = np.concatenate([self._codes, codes])
                self._places = np.concatenate([self._places, self._locate(codes)])
            codes, self._codes = self._codes[:n], self._codes[n:]
            places, self._places = self._places[:n], self._places[n:]
            return self._read(places, out), codes
        while len(self._codes) < n:
            codes = self._draw_codes(self._ahead(n, BLOCK_ROWS))
            self._append(codes, self._generate(codes))
        codes, self._codes = self._codes[:n], self._codes[n:]
        rows: Any = self._rows
        self._rows = rows[n:]
        return _put(rows[:n], out), codes

    def take_for(self, codes: np.ndarray, out: Tensor | None = None) -> Tensor:
        """The next rows, of the given class numbers."""
        if self._reads_into:
            return self._read(self._locate(codes), out)
        return _put(self._generate(codes), out)

    def _ahead(self, n: int, most: int) -> int:
        """How many more rows to draw for `n`: up to `most`, as far as they will be asked for."""
        left = most if self.expected is None else self.expected - self._drawn
        return max(n - len(self._codes), min(most, left))

    def _draw_codes(self, n: int) -> np.ndarray:
        self._drawn += n
        return categorical(np.arange(self._drawn - n, self._drawn), self.prior, self._label_seed)

    def _append(self, codes: np.ndarray, rows: Tensor) -> None:
        self._codes = np.concatenate([self._codes, codes])
        self._rows = (
            rows if self._rows is None or not len(self._rows) else torch.cat([self._rows, rows])
        )

    def _address(self, codes: np.ndarray) -> np.ndarray:
        index = addresses(self.source, codes, self._made)
        return index * self.world + self.rank if self.by_class else index

    def _locate(self, codes: np.ndarray) -> np.ndarray:
        bank: Any = self.source
        places: np.ndarray = bank.locate(
            self._address(codes), bank.classes_[codes], seed=self.table
        )
        return places

    def _read(self, places: np.ndarray, out: Tensor | None) -> Tensor:
        """Rows of a bank, without a copy on the way."""
        bank: Any = self.source
        if out is None:
            return self._as_tensor(bank.rows(places))
        if self._form != (out.shape[1:], out.dtype):
            check_same_form(out[0], self._as_tensor(bank.rows(places[:1]))[0])
            self._form = out.shape[1:], out.dtype
        if out.requires_grad:  # written so that autograd sees it
            return out.copy_(self._as_tensor(bank.rows(places)))
        rows: Tensor = bank.read_into(places, out)
        return rows

    def _generate(self, codes: np.ndarray) -> Tensor:
        index, labels = self._address(codes), self.source.classes_[codes]
        if getattr(self.source, "generates_on_device", False):
            rows = self.source.generate(index, labels, seed=self.table, device=self.device)  # type: ignore[call-arg]
        else:
            rows = self.source.generate(index, labels, seed=self.table)
        return self._as_tensor(rows).to(self.device, non_blocking=self.device.type == "cuda")

    def _as_tensor(self, rows: Any) -> Tensor:
        if self.transform is not None:
            return torch.stack([self.transform(row) for row in single_rows(rows)])
        if isinstance(rows, Tensor):
            return rows
        if isinstance(rows, np.ndarray):
            return as_tensor(rows)
        raise InputError(
            f"the source gives {type(rows).__name__} rows: "
            "pass transform=, which makes each a Tensor like those in the batches."
        )


def _put(rows: Tensor, out: Tensor | None) -> Tensor:
    if out is None:
        return rows
    check_same_form(out[0], rows[0])
    return out.copy_(rows)


def addresses(source: SupportsSample, codes: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Row numbers for the next rows of these classes, where `made` counts those of each class so far and is updated."""
    start = int(made.sum())
    if not getattr(source, "numbered_by_class", False):
        np.add.at(made, codes, 1)
        return np.arange(start, start + len(codes))
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(made))
    within = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    index = np.empty(len(codes), np.int64)
    index[order] = within + made[codes[order]]
    made += counts
    return index


def as_tensor(array: np.ndarray) -> Tensor:
    """The array as a Tensor, which takes no other machine's byte order."""
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def single_rows(rows: Any) -> Any:
    """Rows to go through one by one: those of a DataFrame are Series."""
    return [rows.iloc[i] for i in range(len(rows))] if hasattr(rows, "iloc") else rows


def check_source(source: Any) -> None:
    """Raise unless `source` gives rows by address."""
    if isinstance(source, type):
        raise InputError(f"{source.__name__} is a class: give a fitted sampler or a SampleBank.")
    if hasattr(source, "__sklearn_is_fitted__") and not source.__sklearn_is_fitted__():
        source.generate([], [])  # raises NotFittedError
    if not isinstance(source, SupportsSample):
        raise InputError(
            f"a {type(source).__name__} is no source of rows: give a fitted sampler or a SampleBank."
        )


def check_numeric_labels(source: SupportsSample) -> None:
    """Raise if a batch cannot hold the source's labels."""
    if source.classes_.dtype.kind not in "biuf":
        raise InputError(
            f"the source's labels are {source.classes_.dtype} and a batch holds numbers: "
            "fit the sampler on the labels that the loader gives."
        )


def describe(row: Any) -> tuple[str, tuple[int, ...], str]:
    """Type, shape and dtype of one row, as an error message shows them."""
    if isinstance(row, torch.Tensor):
        return "Tensor", tuple(row.shape), str(row.dtype)
    if isinstance(row, np.ndarray):
        return "ndarray", row.shape, str(row.dtype)
    if isinstance(row, Image.Image):
        return "PIL image", row.size, row.mode
    return type(row).__name__, (), ""


def check_same_form(real: Any, synthetic: Any) -> None:
    """Raise if a synthetic row is not of the type, shape and dtype of a real one."""
    mine, theirs = describe(synthetic), describe(real)
    if mine != theirs:
        raise InputError(
            f"real rows are {' '.join(map(str, theirs))} and synthetic ones {' '.join(map(str, mine))}: fit the "
            "sampler on rows as this pipeline gives them, or pass a transform that brings synthetic rows to that form."
        )
