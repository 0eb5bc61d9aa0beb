"""Images as a modality: what is recognised, shown and compared."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from gen_augment.modalities import Image, Reading
from tests.conftest import toy_images


@pytest.mark.parametrize(
    "X, reading",
    [
        (np.zeros((3, 8, 8), np.uint8), Reading.CERTAIN),
        (np.zeros((3, 8, 8, 3), np.uint8), Reading.CERTAIN),
        ([PILImage.new("L", (8, 8))], Reading.CERTAIN),
        (np.zeros((10, 100, 12)), Reading.POSSIBLE),
        (np.zeros((3, 8)), Reading.NO),
        (["a"], Reading.NO),
    ],
)
def test_recognition(X: Any, reading: Reading) -> None:
    assert Image().recognise(X) is reading


def test_sheets_are_values_from_0_to_1() -> None:
    codec, rows = Image().fit(toy_images(4, channels=4)[0])
    sheet = Image().sheet(codec, rows, 2)
    assert sheet.shape == (24, 24, 3)  # a fourth channel is not shown
    assert 0 <= sheet.min() < sheet.max() <= 1
    codec, rows = Image().fit(toy_images(1)[0])
    np.testing.assert_allclose(Image().sheet(codec, rows, 1), (rows[0, 0].numpy() + 1) / 2)


def test_digests_depend_on_the_values_only() -> None:
    X = toy_images(3)[0]
    known = Image().digests(X)
    assert len(set(known)) == 3
    assert Image().digests(X.astype(np.int32)).tolist() == known.tolist()
    assert Image().digests(torch.from_numpy(X)).tolist() == known.tolist()
    X[1, 0, 0] += 1
    assert (Image().digests(X) != known).tolist() == [False, True, False]


def test_paths_that_are_no_folder_are_left_to_others(tmp_path: Any) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert Image().read(tmp_path / "a.csv", None) is None
