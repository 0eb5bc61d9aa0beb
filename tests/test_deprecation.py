"""Deprecations point at the user's line, and are removed in time."""

import re
from pathlib import Path

import pytest

import gen_augment
from gen_augment.deprecation import warn_deprecated

CALL = re.compile(r"warn_deprecated\([^)]*removed_in=\"([\d.]+)\"")


def as_numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def overdue(text: str, version: str) -> list[str]:
    return [found for found in CALL.findall(text) if as_numbers(found) <= as_numbers(version)]


def old_function() -> None:
    warn_deprecated("old_function", instead="new_function", removed_in="9.0")


def test_a_deprecation_is_shown_at_the_line_of_its_user() -> None:
    with pytest.warns(FutureWarning, match="removed in 9.0: use new_function") as caught:
        old_function()
    assert caught[0].filename == __file__


def test_what_was_to_be_removed_is_gone() -> None:
    call = 'warn_deprecated("a", instead="b", removed_in="0.4")'
    assert overdue(call, "0.4.0.dev1") == ["0.4"]
    assert overdue(call, "0.3.9") == []
    package = Path(gen_augment.__file__).parent
    for path in package.rglob("*.py"):
        if path.name != "deprecation.py":
            assert not overdue(path.read_text(), gen_augment.__version__), path
