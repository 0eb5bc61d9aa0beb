"""Budgets that are refused, and budgets as JSON."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError, Private


@pytest.mark.parametrize(
    "wrong",
    [
        {"epsilon": 0},
        {"epsilon": -1},
        {"epsilon": math.nan},
        {"epsilon": "1"},
        {"delta": 0},
        {"delta": 1},
        {"max_grad_norm": 0},
        {"share": 0},
        {"share": 1},
        {"bounds": "public"},
        {"classes": "all"},
        {"classes": 2},
        {"classes": [0, 0, 1]},
        {"classes": [[0], [1]]},
        {"classes": {0: 1.5, 1: 3}},
        {"classes": {0: "a"}},
        {"bounds": {"city": "xy"}},
        {"bounds": {"city": {"a": 1}}},
        {"bounds": {"city": [["a"], "b"]}},
    ],
)
def test_bad_budgets(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Private(**({"epsilon": 1, "delta": 1e-5} | wrong))


def test_json() -> None:
    budget = Private(
        2, 1e-6, bounds={"age": (0, 90, None), 3: ["a", None], "x": "paid"}, classes=[1, 2]
    )
    record = json.loads(json.dumps(budget.to_json()))
    assert record["classes"] == [1, 2]
    for missing in (np.nan, pd.NA, pd.NaT):
        assert Private(2, 1e-6, bounds={"city": ["a", missing]}).bounds == {"city": ["a", None]}
    assert Private.from_json(None) is None
    assert Private.from_json(Private(math.inf, 1e-5).to_json()) == Private(math.inf, 1e-5)
    assert not Private(math.inf, 1e-5).is_finite


@pytest.mark.parametrize("make", [list, set, frozenset, np.array, pd.Series, pd.Index])
def test_collections_of_labels_and_categories_are_kept_in_archives(make: Any) -> None:
    budget = Private(
        2, 1e-6, bounds={"city": make(["a", "b"]), "age": (0, 90)}, classes=make([1, 2])
    )
    record = json.loads(json.dumps(budget.to_json()))
    assert record["classes"] == [1, 2]
    assert record["bounds"] == {"city": ["a", "b"], "age": [0, 90]}
    assert budget.bounds["age"] == (0, 90)  # a tuple is a range
