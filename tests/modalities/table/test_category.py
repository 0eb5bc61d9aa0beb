"""Columns of categories: blocks, digits and dtypes."""

import numpy as np
import pandas as pd
import pytest

from gen_augment.modalities.table.category import MAX_BLOCK, CategoryColumn


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 4096, 4097, 10_000, 300_000])
def test_many_categories_are_few_digits(n: int) -> None:
    values = [f"v{i}" for i in range(n)]
    column, numbers = CategoryColumn.fit(pd.Series(values), "v")
    assert max(column.blocks) <= MAX_BLOCK
    assert sum(column.blocks) <= 4 * MAX_BLOCK
    places = np.stack(column.encode(numbers)[1], axis=1)
    assert (places < column.blocks).all()
    assert column.write(column.decode(np.empty((n, 0)), places)).tolist() == values


def test_the_first_digit_separates_frequent_categories_from_rare_ones() -> None:
    values = pd.Series([f"v{i}" for i in range(1000) for _ in range(1 + (i < 30) * 50)])
    column, numbers = CategoryColumn.fit(values, "v")
    first = column.encode(numbers)[1][0]
    assert (first[values.isin([f"v{i}" for i in range(30)])] == 0).all()
