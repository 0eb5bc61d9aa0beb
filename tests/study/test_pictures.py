"""Pictures of real and synthetic rows."""

import io

import numpy as np
import pytest
from PIL import Image

from gen_augment.data import Rows
from gen_augment.study.pictures import example_grid
from tests.study.toys import (
    centred_images,
    rows_of,
)


def dark_pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).max(axis=2) < 10


def light_and_black(n_classes: int, colour: bool) -> tuple[Rows, Rows]:
    """Light real images with one dark pixel, and black synthetic images."""
    codes = np.arange(n_classes * 6) % n_classes
    real = np.zeros((len(codes), 9, 9, 3), np.uint8)
    real[..., 0] = 200
    real[:, 0, 0] = 0
    pictures = real if colour else real[..., 0]
    return rows_of(pictures, codes), rows_of(np.zeros_like(pictures), codes)


@pytest.mark.parametrize("n_classes", [2, 30])
@pytest.mark.parametrize("colour", [True, False])
def test_example_grid_has_real_rows_left_and_synthetic_right(n_classes: int, colour: bool) -> None:
    dark = dark_pixels(example_grid(*light_and_black(n_classes, colour)))
    columns = np.flatnonzero(dark.mean(axis=0) > 0.3)
    assert columns.min() > dark.shape[1] / 2
    assert len(columns) > dark.shape[1] / 4
    titles = dark[: np.flatnonzero(dark[:, columns].mean(axis=1) > 0.5).min()]
    left, right = np.array_split(titles.sum(axis=0), 2)
    assert 0 < left.sum() < right.sum()  # "real" is shorter than "synthetic"
    assert dark.shape[0] < 2500  # of many classes, the first 20 are shown


def test_example_grid_leaves_a_class_without_rows_empty() -> None:
    real, synthetic = light_and_black(2, False)
    one_class = rows_of(synthetic.X[synthetic.codes == 1], np.ones(6, int))
    both, one = (dark_pixels(example_grid(real, part)).sum() for part in (synthetic, one_class))
    assert 0.4 * both < one < 0.6 * both


def test_example_grid_stretches_dim_images() -> None:
    """Images with values of 0 to 16, as in scikit-learn's digits, are not shown as black."""
    images, y = centred_images(20)
    png = example_grid(rows_of(images // 16, y), rows_of(images // 16, y))
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    assert np.ptp(pixels) > 200
    assert ((pixels > 80) & (pixels < 200)).mean() > 0.05


def test_example_grid_shows_the_nearest_training_image_of_each() -> None:
    images, y = centred_images(24)
    real = rows_of(images, y)
    moved = rows_of(images[::-1].copy(), y[::-1].copy())  # copies: each is nearest to itself
    pixels = np.asarray(
        Image.open(io.BytesIO(example_grid(real, moved, neighbours=True))).convert("L")
    )
    bright = np.flatnonzero((pixels < 250).mean(axis=0) > 0.3)
    panels = np.split(bright, np.flatnonzero(np.diff(bright) > 12) + 1)
    assert len(panels) == 3
    left, right = (pixels[:, panel[0] : panel[-1] + 1] for panel in panels[1:])
    width = min(left.shape[1], right.shape[1])
    below = pixels.shape[0] // 4  # titles are above
    assert np.corrcoef(left[below:, :width].ravel(), right[below:, :width].ravel())[0, 1] > 0.9
