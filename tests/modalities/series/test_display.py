"""Line plots: where the pixels of a line are."""

import numpy as np
import torch

from gen_augment.modalities import Series
from gen_augment.modalities.series.display import HEIGHT, WIDTH, line_plots


def test_a_rising_line_rises_and_ends_with_its_series() -> None:
    rows = torch.linspace(0, 1, 20).repeat(3, 1, 1)
    sheet = line_plots(rows, np.array([20, 20, 10]), np.zeros(1), np.ones(1), columns=2)
    assert sheet.shape == (2 * HEIGHT, 2 * WIDTH, 3)
    inked = (sheet < 1).any(axis=2)
    first = inked[:HEIGHT, :WIDTH]
    heights = [np.flatnonzero(column).mean() for column in first.T if column.any()]
    assert (np.diff(heights) < 0).all()
    half = np.flatnonzero(inked[HEIGHT:, :WIDTH].any(axis=0))
    assert half.max() < WIDTH * 0.55
    assert not inked[HEIGHT:, WIDTH:].any()  # an empty box


def test_a_constant_series_can_be_drawn() -> None:
    codec, rows = Series().fit(np.ones((2, 3, 9)))
    sheet = Series().sheet(codec, rows, 2)
    assert np.isfinite(sheet).all()
    assert (sheet < 1).any()
