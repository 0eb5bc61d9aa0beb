"""What the injectors share: how many rows of each class, and whether synthetic rows look like real ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image

from gen_augment.counts import allocate, check_counts
from gen_augment.errors import InputError

__all__ = ["check_same_form", "describe", "labels_to_draw"]


def labels_to_draw(
    classes: np.ndarray, prior: np.ndarray, ratio: float | None, counts: Mapping[Any, int] | None, n_real: int
) -> np.ndarray:
    """Labels of the synthetic rows that `ratio` or `counts` asks for, class by class."""
    if (ratio is None) == (counts is None):
        raise InputError("give either ratio or counts, and not both.")
    if counts is None:
        return np.repeat(classes, allocate(round(ratio * n_real), prior))  # type: ignore[operator]
    numbers = check_counts("counts", counts)
    unknown = [label for label in counts if label not in classes.tolist()]
    if unknown:
        raise InputError(f"counts names {unknown!r}, not seen in fit; known labels: {classes.tolist()!r}.")
    return np.repeat(np.array(list(counts), dtype=classes.dtype), numbers)


def describe(row: Any) -> tuple[str, tuple[int, ...], str]:
    """Type, shape and dtype of one row, as an error message shows them."""
    if isinstance(row, torch.Tensor):
        return "Tensor", tuple(row.shape), str(row.dtype)
    if isinstance(row, np.ndarray):
        return "ndarray", row.shape, str(row.dtype)
    if isinstance(row, Image.Image):
        return "PIL image", row.size, row.mode
    return type(row).__name__, (), ""


def check_same_form(real: Any, synthetic: Any) -> None:
    """Raise if a synthetic row is not of the type, shape and dtype of a real one."""
    mine, theirs = describe(synthetic), describe(real)
    if mine != theirs:
        raise InputError(
            f"real rows are {' '.join(map(str, theirs))} and synthetic ones {' '.join(map(str, mine))}: fit the "
            "sampler on rows as this pipeline gives them, or pass a transform that brings synthetic rows to that form."
        )
