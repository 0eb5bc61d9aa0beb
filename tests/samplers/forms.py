"""What a row looks like from outside."""

from typing import Any

import numpy as np
import torch
from PIL import Image


def describe(row: Any) -> tuple[type, tuple[int, ...], str]:
    """Type, shape and dtype of one row; size and mode of a PIL image."""
    if isinstance(row, Image.Image):
        return Image.Image, row.size, row.mode
    shaped = row if isinstance(row, torch.Tensor) else np.asarray(row)
    return type(row), tuple(shaped.shape), str(shaped.dtype)
