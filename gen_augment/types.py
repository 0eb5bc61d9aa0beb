"""Types shared across the package."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

__all__ = [
    "JSON",
    "Batch",
    "ColumnTypes",
    "GeneratesRows",
    "History",
    "Labels",
    "StepFunction",
    "SupportsAddresses",
    "SupportsSample",
]

JSON = dict[str, Any]
#: ``"step"`` and each loss by name, with one value per logged step.
History = dict[str, list[float]]
Batch = tuple[Tensor, Tensor]
StepFunction = Callable[[Batch], dict[str, Tensor]]

#: Types of columns whose dtype is misleading, by name or position: "number",
#: "continuous" (a number without a step) or "category".
ColumnTypes = Mapping[Any, str] | None

#: Labels accepted by `sample`: None for the class prior, one label for all rows, one
#: label per row, or counts by label.
Labels = ArrayLike | Mapping[Any, int] | None


@runtime_checkable
class SupportsSample(Protocol):
    """The source of rows that injectors need: rows by address, and known labels.

    A user's own source needs no other members. Its rows are numbered consecutively.
    """

    classes_: np.ndarray
    class_prior_: np.ndarray

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Any:
        """Return rows `index` of the endless table for `seed`, with labels `y`."""
        ...


@runtime_checkable
class SupportsAddresses(SupportsSample, Protocol):
    """A source that assigns addresses to its rows and can put them on a device.

    Samplers number rows across all classes; a `SampleBank` numbers them within each
    class.
    """

    def next_addresses(self, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Return addresses of the next rows of `codes`, after `n_before` of each."""
        ...

    def generate(
        self,
        index: ArrayLike,
        y: ArrayLike,
        *,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> Any:
        """Return rows by address; tensors are on `device`."""
        ...


@runtime_checkable
class GeneratesRows(SupportsSample, Protocol):
    """A source that a bank can be built from.

    It adds the encodings of rows and labels, and a fingerprint.
    """

    seed_: int

    @property
    def codec_(self) -> Any:
        """The encoding of the rows."""

    @property
    def label_codec_(self) -> Any:
        """The encoding of the labels."""

    def fingerprint(self) -> str:
        """Return a hash of everything that determines the rows."""
