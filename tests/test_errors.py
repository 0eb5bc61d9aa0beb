"""The exception tree: its drawing, and what a caller can catch."""

import pickle
import re

import pytest
import sklearn.exceptions

from gen_augment import errors
from gen_augment.errors import DivergedError, ExhaustedError, GenAugmentError

CAUGHT_AS: dict[str, type[Exception]] = {
    "InputError": ValueError,
    "LeakError": errors.InputError,
    "RebuildError": AttributeError,
    "ArchiveError": ValueError,
    "ExportError": ValueError,
    "NotFittedError": sklearn.exceptions.NotFittedError,
    "DivergedError": RuntimeError,
    "ExhaustedError": RuntimeError,
    "LostProcessError": RuntimeError,
    "WorkerDeviceError": RuntimeError,
    "MissingDependencyError": ImportError,
}


def make(name: str) -> GenAugmentError:
    if name == "DivergedError":
        return DivergedError("what went wrong", step=3, loss="kl")
    if name == "ExhaustedError":
        return ExhaustedError("what went wrong", kept=1, drawn=9)
    error: GenAugmentError = getattr(errors, name)("what went wrong")
    return error


@pytest.mark.parametrize("name, builtin", CAUGHT_AS.items())
def test_is_caught_as_its_builtin_and_as_the_root(name: str, builtin: type[Exception]) -> None:
    error = make(name)
    assert isinstance(error, builtin)
    assert isinstance(error, GenAugmentError)
    assert str(error) == "what went wrong"


@pytest.mark.parametrize("name", CAUGHT_AS)
def test_comes_back_from_another_process(name: str) -> None:
    error = make(name)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


def test_diverged_says_where() -> None:
    error = make("DivergedError")
    assert isinstance(error, DivergedError)
    assert (error.step, error.loss) == (3, "kl")


def test_the_drawing_shows_every_exception() -> None:
    drawn = re.findall(r"^[ │├└─]+(\w+Error)\b", errors.__doc__ or "", flags=re.MULTILINE)
    assert sorted([*drawn, "ModeCollapseWarning"]) == errors.__all__
    assert set(drawn) == {"GenAugmentError", *CAUGHT_AS}
