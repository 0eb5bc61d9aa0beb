"""Warnings point at the user's line, and what is deprecated is removed in time."""

import inspect
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import FunctionTransformer
from torch.utils.data import DataLoader

import gen_augment
from gen_augment import ConditionalVAE
from gen_augment.data import Rows
from gen_augment.user_warnings import warn_deprecated
from tests.study.toys import gaussians, small_study

CALL = re.compile(r"warn_deprecated\([^)]*removed_in=\"([\d.]+)\"")


def as_numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def overdue(text: str, version: str) -> list[str]:
    return [found for found in CALL.findall(text) if as_numbers(found) <= as_numbers(version)]


def fit() -> None:
    objects = pd.DataFrame({"a": np.array([1.0, 2.0, 3.0, 4.0], object), "b": [1.5, 2.5, 2.0, 1.0]})
    ConditionalVAE(max_steps=1, batch_size=2, device="cpu").fit(objects, [0, 0, 1, 1])


def run_a_study() -> None:
    rows, y = gaussians(80, dim=6)
    test = rows[:8] + 1e-4, y[:8]
    small_study(rows, y, test=test, n_seeds=1, validation_size=0.05, arms=["real"]).run()


def call_back_from_a_library() -> None:
    FunctionTransformer(lambda rows: Rows.read(rows, [-1, 0, 1]).X).fit_transform(np.eye(3))


def use_something_old() -> None:
    warn_deprecated("fit(seed=...)", instead="random_state=", removed_in="9.0")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (fit, "numbers in dtype object"),
        (run_a_study, "near copies of training rows"),
        (call_back_from_a_library, "without a label"),
        (use_something_old, "removed in 9.0: use random_state="),
    ],
)
def test_warnings_name_the_line_of_the_user(call: Callable[[], None], said: str) -> None:
    with pytest.warns(Warning, match=said) as caught:
        call()
    lines, start = inspect.getsourcelines(call)
    for each in caught:
        assert each.filename == __file__
        assert each.lineno == start + len(lines) - 1


class Reading:
    """A Dataset whose items warn."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> Any:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Rows.read(np.eye(3), [-1, 0, 1])
        return caught[0].filename, caught[0].lineno


def test_warnings_in_a_worker_of_a_loader_name_the_line_of_the_dataset() -> None:
    lines, start = inspect.getsourcelines(Reading)
    line = start + next(number for number, text in enumerate(lines) if "Rows.read" in text)
    loader = DataLoader(Reading(), num_workers=1, multiprocessing_context="forkserver")  # type: ignore[arg-type, var-annotated]
    assert [(names[0], int(numbers)) for names, numbers in loader] == 2 * [(__file__, line)]


def test_what_was_to_be_removed_is_gone() -> None:
    call = 'warn_deprecated("a", instead="b", removed_in="0.4")'
    assert overdue(call, "0.4.0.dev1") == ["0.4"]
    assert overdue(call, "0.3.9") == []
    package = Path(gen_augment.__file__).parent
    for path in package.rglob("*.py"):
        if path.name != "user_warnings.py":
            text = path.read_text()
            assert not overdue(text, gen_augment.__version__), path
            assert "warnings.warn(" not in text, f"{path}: call gen_augment.user_warnings.warn"
