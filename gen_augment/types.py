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
#: ``"step"`` and each loss by name, with one value for each reading.
History = dict[str, list[float]]
Batch = tuple[Tensor, Tensor]
StepFunction = Callable[[Batch], dict[str, Tensor]]

#: Columns of a table that are not what their dtype says, by name or position: "number",
#: "continuous" (a number without a step) or "category".
ColumnTypes = Mapping[Any, str] | None

#: Labels that `sample` takes: None for the prior, one label, one for each row, or counts by label.
Labels = ArrayLike | Mapping[Any, int] | None


@runtime_checkable
class SupportsSample(Protocol):
    """What injectors need of a source: rows by address, and the labels it knows.

    This is all that a user's own source must have. Its rows are numbered consecutively.
    """

    classes_: np.ndarray
    class_prior_: np.ndarray

    def generate(self, index: ArrayLike, y: ArrayLike, *, seed: int | None = None) -> Any:
        """Rows number `index` of the endless table that `seed` names, with labels `y`."""
        ...


@runtime_checkable
class SupportsAddresses(SupportsSample, Protocol):
    """A source that numbers its rows itself and puts them on a device.

    Samplers number rows through all classes, and a `SampleBank` within each class.
    """

    def next_addresses(self, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Addresses of the next rows of these classes, given how many of each came before."""
        ...

    def generate(
        self,
        index: ArrayLike,
        y: ArrayLike,
        *,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> Any:
        """Rows by address; Tensors are put on the device."""
        ...


@runtime_checkable
class GeneratesRows(SupportsSample, Protocol):
    """What a bank needs besides: the encodings of rows and labels, and a fingerprint."""

    seed_: int

    @property
    def codec_(self) -> Any:
        """The encoding of the rows."""

    @property
    def label_codec_(self) -> Any:
        """The encoding of the labels."""

    def fingerprint(self) -> str:
        """Hash everything that decides the rows."""
