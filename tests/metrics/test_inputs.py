"""Checks of the features that metrics compare."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment.errors import InputError
from gen_augment.metrics import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    memorisation,
    precision_recall,
)


def draw(n: int, d: int, seed: int, spread: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) * spread


FIGURES: list[tuple[Callable[..., Any], int]] = [
    (frechet_distance, 2), (kernel_distance, 2), (precision_recall, 4), (density_coverage, 6), (memorisation, 2),
]  # fmt: skip


@pytest.mark.parametrize("figure, minimum", FIGURES)
def test_too_few_rows_are_an_error(figure: Callable[..., Any], minimum: int) -> None:
    rows = draw(minimum, 3, 0)
    figure(rows, rows)
    with pytest.raises(InputError, match=f"has {minimum - 1} rows: at least {minimum} are needed"):
        figure(rows[:-1], rows)
    with pytest.raises(InputError, match="fake has 0 rows"):
        figure(rows, rows[:0])


@pytest.mark.parametrize("figure, minimum", FIGURES)
def test_bad_features_are_an_error(figure: Callable[..., Any], minimum: int) -> None:
    rows = draw(8, 3, 0)
    bad = rows.copy()
    bad[2, 1] = np.nan
    for values, message in [
        (bad, "fake contains NaN"),
        (np.full((8, 3), np.inf), "fake contains infinity"),
        (rows[:, :2], "numbers of features differ.*'fake': 2"),
        (rows[:, 0], r"fake has shape \(8,\)"),
        (rows[:, :0], r"fake has shape \(8, 0\)"),
        (rows.astype(str), "fake is not an array of numbers"),
        ([[1.0], [2.0, 3.0]], "fake is not an array of numbers"),
        (torch.tensor(rows).bfloat16(), "fake is not an array of numbers"),
    ]:
        with pytest.raises(InputError, match=message):
            figure(rows, values)
