"""Contact sheets of images."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.modalities.image.display import as_sheet


@given(n=st.integers(1, 9), columns=st.integers(1, 5), channels=st.sampled_from([1, 3]))
def test_each_image_is_at_its_place_and_the_rest_is_black(
    n: int, columns: int, channels: int
) -> None:
    images = torch.rand(n, channels, 3, 2)
    sheet = as_sheet(images, columns)
    lines = -(-n // columns)
    assert sheet.shape == (3 * lines, 2 * columns, channels)
    for i in range(lines * columns):
        top, left = 3 * (i // columns), 2 * (i % columns)
        cell = sheet[top : top + 3, left : left + 2].permute(2, 0, 1)
        assert torch.equal(cell, images[i] if i < n else torch.full_like(cell, -1.0))
