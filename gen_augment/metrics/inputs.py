"""Checks of the feature arrays that metrics compare."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.validation import check_finite

__all__ = ["as_features", "check_rows", "share"]


def as_features(minimum: int, **sets: Any) -> tuple[Tensor, ...]:
    """Return arrays of features as float64 Tensors.

    Parameters
    ----------
    minimum : int
        Smallest number of rows in each array.
    **sets : array-like of shape (n_rows, n_features)
        The arrays, by the name that an error message uses.

    Raises
    ------
    InputError
        An array is not numeric, finite and two-dimensional, or the widths differ.
    """
    tensors = []
    for name, values in sets.items():
        try:
            array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
            if array.dtype.kind not in "biuf":
                raise ValueError(f"dtype {array.dtype}")
        except (TypeError, ValueError) as error:  # bfloat16, or rows of different lengths
            raise InputError(f"{name} is not an array of numbers: {error}.") from error
        if array.ndim != 2 or not array.shape[1]:
            raise InputError(
                f"{name} has shape {array.shape}: give features of shape (n_rows, n_features)."
            )
        check_finite(array, name)
        tensors.append(torch.from_numpy(array.astype(np.float64)))
        check_rows(name, tensors[-1], minimum)
    widths = {name: tensor.shape[1] for name, tensor in zip(sets, tensors, strict=True)}
    if len(set(widths.values())) > 1:
        raise InputError(
            f"the numbers of features differ, {widths}: compute all of them with one extractor."
        )
    return tuple(tensors)


def check_rows(name: str, x: Tensor, minimum: int) -> None:
    """Raise if there are fewer than `minimum` rows."""
    if len(x) < minimum:
        raise InputError(
            f"{name} has {len(x)} rows: at least {minimum} are needed (k + 1 with neighbours)."
        )


def share(mask: Tensor) -> float:
    """Return the share of true values, in [0, 1]."""
    return float(mask.double().mean())
