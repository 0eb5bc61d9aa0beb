"""The exceptions of gen_augment.

::

    GenAugmentError
    ├── InputError              (ValueError)    data, labels or parameters that cannot be used
    │   ├── LeakError                           a test row among the rows that are trained on
    │   └── RebuildError        (AttributeError) a loader that another library cannot rebuild
    ├── ArchiveError            (ValueError)    a file that is no archive, or one that cannot be written
    ├── NotFittedError          (sklearn's)     sampled before fitted
    ├── DivergedError           (RuntimeError)  a loss that is no longer finite
    ├── ExhaustedError          (RuntimeError)  filters that refuse too many rows
    ├── WorkerDeviceError       (RuntimeError)  an accelerator used inside a DataLoader worker
    └── MissingDependencyError  (ImportError)   an optional package that is not installed

ModeCollapseWarning (UserWarning) is the one warning of its own.

Each inherits the builtin that a caller would catch. Messages name the value received, where it was
found, and the remedy.
"""

from functools import partial
from typing import Any

from sklearn.exceptions import NotFittedError as _SklearnNotFittedError

__all__ = [
    "ArchiveError",
    "DivergedError",
    "ExhaustedError",
    "GenAugmentError",
    "InputError",
    "LeakError",
    "MissingDependencyError",
    "ModeCollapseWarning",
    "NotFittedError",
    "RebuildError",
    "WorkerDeviceError",
]


class GenAugmentError(Exception):
    """Root of every exception that gen_augment raises on purpose."""


class InputError(GenAugmentError, ValueError):
    """Data, labels or parameters that cannot be used as given."""


class LeakError(InputError):
    """A row of the test part found among the rows that a model is trained on."""


class RebuildError(InputError, AttributeError):
    """A loader taken apart in a way that would lose its synthetic rows."""


class ArchiveError(GenAugmentError, ValueError):
    """A file that is not a readable archive of this version, or a place that cannot be written."""


class NotFittedError(GenAugmentError, _SklearnNotFittedError):  # type: ignore[misc] # scikit-learn has no types
    """A sampler used before `fit`."""


class DivergedError(GenAugmentError, RuntimeError):
    """A training loss that is no longer finite.

    Attributes
    ----------
    step : int
        The first step, counted from 1, whose loss was not finite.
    loss : str
        Name of that loss.
    """

    def __init__(self, message: str, *, step: int, loss: str) -> None:
        super().__init__(message)
        self.step = step
        self.loss = loss

    def __reduce__(self) -> tuple[Any, ...]:
        # As it stands, an exception with keywords cannot come back from another process.
        return partial(type(self), step=self.step, loss=self.loss), self.args


class ExhaustedError(GenAugmentError, RuntimeError):
    """Too few rows passed the filters within the number of draws allowed.

    Attributes
    ----------
    kept, drawn : int
        Rows that passed, and rows that were generated.
    """

    def __init__(self, message: str, *, kept: int, drawn: int) -> None:
        super().__init__(message)
        self.kept = kept
        self.drawn = drawn

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), kept=self.kept, drawn=self.drawn), self.args


class WorkerDeviceError(GenAugmentError, RuntimeError):
    """A sampler on an accelerator used inside a DataLoader worker."""


class MissingDependencyError(GenAugmentError, ImportError):
    """An optional package is needed and not installed; the message names the extra."""


class ModeCollapseWarning(UserWarning):
    """Generated rows of a class have become much less varied, or much less like the real ones, than they were."""
