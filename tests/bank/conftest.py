"""Fixtures of the tests of banks."""

import pytest

from gen_augment.bank import manifest


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Blocks of 16 rows, so that a small bank has many."""
    for name in ("MIN_BLOCK", "MAX_BLOCK"):
        monkeypatch.setattr(manifest, name, 16)
    return 16
