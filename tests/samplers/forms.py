"""The form of a row: container, dtype and shape."""

from typing import Any

import numpy as np
import torch
from PIL import Image


def describe(row: Any) -> tuple[type, tuple[int, ...], str]:
    """Return type, shape and dtype of a row, or size and mode of a PIL image."""
    if isinstance(row, Image.Image):
        return Image.Image, row.size, row.mode
    shaped = row if isinstance(row, torch.Tensor) else np.asarray(row)
    return type(row), tuple(shaped.shape), str(shaped.dtype)
