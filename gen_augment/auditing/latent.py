"""Rows along lines in a sampler's code space: between two rows, and along principal axes.

The sampler must encode rows, as `ConditionalVAE` and `ConditionalFlow` do.

References
----------
White, "Sampling Generative Networks", 2016 (arXiv:1609.04468): interpolation along the
sphere on which the codes lie.
Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", 2020
(arXiv:2004.02546): principal axes of the codes.
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
from gen_augment.validation import check_positive_int, check_range, check_same_length

__all__ = ["interpolate", "save_grid", "traverse"]


def interpolate(sampler: Any, X: Any, other: Any, y: Any, *, n_steps: int = 8) -> Any:
    """Generate rows between each row of `X` and the same row of `other`.

    The direction of the codes follows the great circle, and their length changes linearly.

    Parameters
    ----------
    sampler : fitted ConditionalVAE or ConditionalFlow
    X, other : n rows each, in the form of the training rows
    y : label or array-like of shape (n,)
        Labels of both.
    n_steps : int
        Rows on each line, at least 2. The first and the last are the model's
        reconstructions of the given rows.

    Returns
    -------
    X : ``n * n_steps`` rows, line by line, in the form of the training rows

    Raises
    ------
    InputError
        `X` and `other` differ in length, or `n_steps` is less than 2.
    NotImplementedError
        The sampler has no encoder.

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
    a, b = _encode(sampler, X, y), _encode(sampler, other, y)
    if len(a) != len(b):
        raise InputError(f"X has {len(a)} rows and other has {len(b)}: give one for each.")
    t = torch.linspace(0, 1, n_steps)
    codes = _slerp(a.flatten(1), b.flatten(1), t).reshape(-1, *a.shape[1:])
    return sampler.decode(codes, np.repeat(_labels(y, len(a)), n_steps))


def traverse(
    sampler: Any, X: Any, y: Any, *, n_axes: int = 5, reach: float = 2.0, n_steps: int = 7
) -> Any:
    """Generate rows along the principal axes of the codes of `X`.

    All lines pass through the row whose code is nearest to the mean code.

    Parameters
    ----------
    sampler : fitted ConditionalVAE or ConditionalFlow
    X : n rows, in the form of the training rows
        Some dozens or hundreds of rows of one class.
    y : label
        The label of that class.
    n_axes : int
        Number of lines, less than the number of rows.
    reach : float
        Length of a line to each side, in standard deviations of the codes along its axis.
    n_steps : int
        Rows on each line. If the number is odd, the row in the middle is common to all.

    Returns
    -------
    X : ``n_axes * n_steps`` rows, line by line, in the form of the training rows

    Raises
    ------
    InputError
        There are too few rows for the number of axes.
    NotImplementedError
        The sampler has no encoder.

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
        raise InputError(f"y has shape {np.shape(y)}: give the single label of all rows.")
    codes = _encode(sampler, X, y)
    flat = codes.flatten(1)
    if not n_axes < len(flat) or n_axes > flat.shape[1]:
        raise InputError(
            f"n_axes={n_axes}, but there are {len(flat)} rows with codes of {flat.shape[1]} "
            "numbers: give more rows, or choose fewer axes."
        )
    centred = flat - flat.mean(dim=0)
    _, lengths, axes = torch.linalg.svd(centred, full_matrices=False)
    deviations = (axes * lengths[:, None] / (len(flat) - 1) ** 0.5)[:n_axes]  # (n_axes, d)
    steps = torch.linspace(-reach, reach, n_steps)
    lines = deviations[:, None] * steps[:, None]  # (n_axes, n_steps, d)
    start = flat[centred.norm(dim=1).argmin()]
    return sampler.decode((start + lines).reshape(-1, *codes.shape[1:]), y)


def save_grid(path: str | os.PathLike[str], sampler: Any, X: Any, n_columns: int) -> Path:
    """Write rows that have pictures to one PNG file.

    Parameters
    ----------
    path : path-like
    sampler : fitted sampler
    X : rows, in the form of the training rows
        For example the result of `interpolate` or `traverse`.
    n_columns : int
        Pictures in a line, such as the `n_steps` of those functions.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        The rows have no pictures, or do not fill the lines.
    ArchiveError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from gen_augment import BootstrapSampler
    >>> X = np.zeros((6, 8, 8), np.uint8)
    >>> sampler = BootstrapSampler(random_state=0).fit(X, [0, 1] * 3)
    >>> save_grid(tempfile.mkdtemp() + "/grid.png", sampler, X, n_columns=3).name
    'grid.png'
    """
    columns, codec = check_positive_int("n_columns", n_columns), sampler.codec_
    rows = codec.encode(X)
    if len(rows) % columns:
        raise InputError(f"X has {len(rows)} rows: give a multiple of {columns}.")
    sheet = codec.modality.sheet(codec, rows, columns)
    if sheet is None:
        raise InputError(f"{codec.modality.name} rows have no pictures: give images.")
    buffer = io.BytesIO()
    Image.fromarray((sheet * 255).round().astype(np.uint8)).save(buffer, format="png")
    return write_bytes(path, buffer.getvalue())


def _encode(sampler: Any, X: Any, y: Any) -> Tensor:
    if not hasattr(sampler, "encode"):
        raise NotImplementedError(
            f"{type(sampler).__name__} has no encoder: use ConditionalVAE or ConditionalFlow."
        )
    codes: Tensor = sampler.encode(X, y)
    return codes


def _check_steps(n_steps: Any) -> int:
    if check_positive_int("n_steps", n_steps) < 2:
        raise InputError(f"n_steps={n_steps!r}: a line needs at least 2 rows.")
    return int(n_steps)


def _labels(y: Any, n: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.ndim:
        check_same_length(n, len(labels))
    return np.broadcast_to(labels, (n,))


def _slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Interpolate spherically between rows of `a` and `b`, with lengths that change linearly.

    `a` and `b` have shape (n, d); the result has shape (n * len(t), d).
    """
    length_a, length_b = (x.norm(dim=1, keepdim=True).clamp(min=1e-12) for x in (a, b))
    angle = ((a / length_a) * (b / length_b)).sum(dim=1).clamp(-1, 1).acos()[:, None, None]
    t = t[:, None]
    # The circle is not defined for nearly equal or opposite directions: use a straight line.
    defined = (angle > 1e-3) & (angle < torch.pi - 1e-3)
    safe = torch.where(defined, angle, torch.ones_like(angle))
    weight_a = torch.where(defined, ((1 - t) * safe).sin() / safe.sin(), 1 - t)
    weight_b = torch.where(defined, (t * safe).sin() / safe.sin(), t)
    length = torch.lerp(length_a[:, None], length_b[:, None], t)
    straight = weight_a * a[:, None] + weight_b * b[:, None]
    round_ = length * (weight_a * (a / length_a)[:, None] + weight_b * (b / length_b)[:, None])
    return torch.where(defined, round_, straight).flatten(0, 1)
