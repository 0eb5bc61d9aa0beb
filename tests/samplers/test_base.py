"""The base of all samplers."""

from typing import Any

import numpy as np
import pytest

from gen_augment import (
    Sampler,
)
from gen_augment.samplers import ClassicalSampler, NetworkSampler
from tests.conftest import small_sampler, toy_table


def test_classes_without_rows_are_left_out() -> None:
    """A part of a split may have no rows of a class."""
    from gen_augment.data import Rows

    X, _ = toy_table(60)
    rows = Rows.read(X, np.array(["a", "b", "c"])[np.arange(60) % 3])
    part = rows.take(np.flatnonzero(rows.codes != 1))
    for name in ("vae", "kde", "smote"):
        sampler: Any = small_sampler(name).fit(part)
        assert sampler.classes_.tolist() == ["a", "c"]
        assert sampler.class_count_.tolist() == [20, 20]


def test_abstract_classes_cannot_be_instantiated() -> None:
    for cls in (Sampler, NetworkSampler, ClassicalSampler):
        with pytest.raises(TypeError, match="abstract"):
            cls()
