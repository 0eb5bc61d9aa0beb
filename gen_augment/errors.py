"""The exceptions of gen_augment.

::

    GenAugmentError
    ├── InputError              (ValueError)    invalid data, labels or parameters
    │   ├── LeakError                           a test row among the training rows
    │   └── RebuildError        (AttributeError) a loader that cannot be rebuilt
    ├── ArchiveError            (ValueError)    a file that cannot be read or written
    ├── ExportError             (ValueError)    a sampler whose audit shows its training rows
    ├── NotFittedError          (sklearn's)     a sampler used before fit
    ├── DivergedError           (RuntimeError)  a loss that is not finite
    ├── ExhaustedError          (RuntimeError)  filters that reject too many rows
    ├── LostProcessError        (RuntimeError)  another process that was killed
    ├── WorkerDeviceError       (RuntimeError)  an accelerator in a DataLoader worker
    └── MissingDependencyError  (ImportError)   a missing optional package

The only warning class is ModeCollapseWarning (UserWarning).

Each exception inherits from the builtin that a caller would catch. Messages name the
value, the place where it was found, and the remedy.
"""

from functools import partial
from typing import Any

from sklearn.exceptions import NotFittedError as _SklearnNotFittedError

__all__ = [
    "ArchiveError",
    "DivergedError",
    "ExhaustedError",
    "ExportError",
    "GenAugmentError",
    "InputError",
    "LeakError",
    "LostProcessError",
    "MissingDependencyError",
    "ModeCollapseWarning",
    "NotFittedError",
    "RebuildError",
    "WorkerDeviceError",
]


class GenAugmentError(Exception):
    """Base class of all exceptions that gen_augment raises."""


class InputError(GenAugmentError, ValueError):
    """Invalid data, labels or parameters."""


class LeakError(InputError):
    """A test row is among the rows that a model is trained on."""


class RebuildError(InputError, AttributeError):
    """Rebuilding the loader in this way would lose its synthetic rows."""


class ArchiveError(GenAugmentError, ValueError):
    """A file is not a readable archive of this version, or cannot be written."""


class ExportError(GenAugmentError, ValueError):
    """An audit shows training rows in a sampler, or is not an audit of this sampler."""


# scikit-learn has no types.
class NotFittedError(GenAugmentError, _SklearnNotFittedError):  # type: ignore[misc]
    """A sampler was used before `fit`."""


class LostProcessError(GenAugmentError, RuntimeError):
    """A process that shared the work was killed, as by the system where memory runs out."""


class DivergedError(GenAugmentError, RuntimeError):
    """A training loss is no longer finite.

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
        # By default, an exception with keyword arguments cannot be unpickled.
        return partial(type(self), step=self.step, loss=self.loss), self.args


class ExhaustedError(GenAugmentError, RuntimeError):
    """Too few rows passed the filters within the allowed number of draws.

    Attributes
    ----------
    kept, drawn : int
        Numbers of rows that passed, and of rows that were generated.
    """

    def __init__(self, message: str, *, kept: int, drawn: int) -> None:
        super().__init__(message)
        self.kept = kept
        self.drawn = drawn

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), kept=self.kept, drawn=self.drawn), self.args


class WorkerDeviceError(GenAugmentError, RuntimeError):
    """A sampler on an accelerator was used inside a DataLoader worker."""


class MissingDependencyError(GenAugmentError, ImportError):
    """A required optional package is not installed; the message names the extra."""


class ModeCollapseWarning(UserWarning):
    """Generated rows of a class are much less diverse or realistic than before."""
