"""What a sampler has learned of a class: rows between two rows, and along the ways in which rows of it differ.

For samplers that have codes of given rows: `ConditionalVAE` and `ConditionalFlow`.

References
----------
White, "Sampling Generative Networks", 2016 (arXiv:1609.04468): along the sphere that codes lie on, not through it.
Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", 2020 (arXiv:2004.02546): principal axes of codes.
"""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gen_augment.archive import write_bytes
from gen_augment.errors import InputError
from gen_augment.modalities.image.display import as_sheet
from gen_augment.validation import check_positive_int, check_range, check_same_length

__all__ = ["interpolate", "save_grid", "traverse"]


def interpolate(sampler: Any, X: Any, other: Any, y: Any, *, n_steps: int = 8) -> Any:
    """Rows on the way from each row of `X` to that of `other`, in the sampler's codes.

    Parameters
    ----------
    sampler : ConditionalVAE or ConditionalFlow
        Fitted.
    X, other : n rows each, in the form that was fitted
    y : label or array-like of shape (n,)
        Of both.
    n_steps : int
        Rows on each way, at least 2: the first and the last are the given ones as the model sees them.

    Returns
    -------
    X : ``n * n_steps`` rows, way by way, in the form that was fitted

    Raises
    ------
    InputError
        There are not as many rows on both sides.
    NotImplementedError
        This kind of sampler has no encoder.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = ConditionalVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> interpolate(sampler, X[:2], X[2:4], y=0, n_steps=5).shape
    (10, 13)
    """
    n_steps = _check_steps(n_steps)
    a, b = sampler.encode(X, y), sampler.encode(other, y)
    if len(a) != len(b):
        raise InputError(f"X has {len(a)} rows and other has {len(b)}: give one for each.")
    way = torch.linspace(0, 1, n_steps)
    codes = _slerp(a.flatten(1), b.flatten(1), way).reshape(-1, *a.shape[1:])
    return sampler.decode(codes, np.repeat(_labels(y, len(a)), n_steps))


def traverse(
    sampler: Any, X: Any, y: Any, *, n_axes: int = 5, reach: float = 2.0, n_steps: int = 7
) -> Any:
    """Rows along the principal axes of the codes of `X`, the ways in which these rows differ most.

    All lines start from the row whose code is nearest to the mean of all.

    Parameters
    ----------
    sampler : ConditionalVAE or ConditionalFlow
        Fitted.
    X : n rows, in the form that was fitted
        Of one class, some dozens or hundreds.
    y : label
        Of that class.
    n_axes : int
        Lines; fewer than there are rows.
    reach : float
        How far to go to both sides, in standard deviations of the codes along the axis.
    n_steps : int
        Rows in a line; the middle one of an odd number is where all lines start.

    Returns
    -------
    X : ``n_axes * n_steps`` rows, line by line, in the form that was fitted

    Raises
    ------
    InputError
        There are too few rows for as many axes.
    NotImplementedError
        This kind of sampler has no encoder.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = ConditionalVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> traverse(sampler, X[y == 1], 1, n_axes=2).shape
    (14, 13)
    """
    n_steps, n_axes = _check_steps(n_steps), check_positive_int("n_axes", n_axes)
    check_range("reach", reach, 0, open_low=True)
    if np.ndim(y):
        raise InputError(f"y has shape {np.shape(y)}: give the one label that all rows have.")
    codes = sampler.encode(X, y)
    flat = codes.flatten(1)
    if not n_axes < len(flat) or n_axes > flat.shape[1]:
        raise InputError(
            f"n_axes={n_axes}, and there are {len(flat)} rows with codes of {flat.shape[1]} numbers: "
            "give more rows, or ask for fewer axes."
        )
    apart = flat - flat.mean(dim=0)
    _, lengths, axes = torch.linalg.svd(apart, full_matrices=False)
    steps = torch.linspace(-reach, reach, n_steps)
    ways = (axes * lengths[:, None] / (len(flat) - 1) ** 0.5)[:n_axes, None] * steps[
        :, None
    ]  # (n_axes, n_steps, d)
    start = flat[apart.norm(dim=1).argmin()]
    return sampler.decode((start + ways).reshape(-1, *codes.shape[1:]), y)


def save_grid(path: str | os.PathLike[str], sampler: Any, X: Any, n_columns: int) -> Path:
    """Write images as one PNG, so many in a line, such as the `n_steps` of `interpolate` and `traverse`.

    Raises
    ------
    InputError
        The rows are no images, or do not fill the lines.
    ArchiveError
        The place cannot be written.
    """
    columns = check_positive_int("n_columns", n_columns)
    rows = sampler.codec_.encode(X)
    if rows.ndim != 4 or len(rows) % columns:
        raise InputError(
            f"encoded rows have shape {tuple(rows.shape)}: give images, a multiple of {columns}."
        )
    values = (
        as_sheet(rows, columns).clamp(-1, 1).add(1).mul(127.5).round().byte().squeeze(-1).numpy()
    )
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, format="png")
    return write_bytes(path, buffer.getvalue())


def _check_steps(n_steps: Any) -> int:
    if check_positive_int("n_steps", n_steps) < 2:
        raise InputError(f"n_steps={n_steps!r}: a way has two ends.")
    return int(n_steps)


def _labels(y: Any, n: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim:
        check_same_length(n, len(labels))
    return np.broadcast_to(labels, (n,))


def _slerp(a: Tensor, b: Tensor, way: Tensor) -> Tensor:
    """From each row of `a` to that of `b`, ``(n, d)``: directions along the great circle, lengths evenly.

    Returns ``(n * len(way), d)``.
    """
    long_a, long_b = (x.norm(dim=1, keepdim=True).clamp(min=1e-12) for x in (a, b))
    angle = ((a / long_a) * (b / long_b)).sum(dim=1).clamp(-1, 1).acos()[:, None, None]
    t = way[:, None]
    # Where directions are nearly equal, or opposite, the circle is not known: straight on.
    known = (angle > 1e-3) & (angle < torch.pi - 1e-3)
    safe = torch.where(known, angle, torch.ones_like(angle))
    from_a = torch.where(known, ((1 - t) * safe).sin() / safe.sin(), 1 - t)
    from_b = torch.where(known, (t * safe).sin() / safe.sin(), t)
    length = torch.lerp(long_a[:, None], long_b[:, None], t)
    straight = from_a * a[:, None] + from_b * b[:, None]
    around = length * (from_a * (a / long_a)[:, None] + from_b * (b / long_b)[:, None])
    return torch.where(known, around, straight).flatten(0, 1)
