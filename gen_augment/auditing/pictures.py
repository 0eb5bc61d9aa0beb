"""Pictures of an audit."""

import io
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor
from torch.nn import functional as F

from gen_augment.auditing.figures import Compared
from gen_augment.auditing.latent import interpolate
from gen_augment.containers import take
from gen_augment.metrics.rows import LabelledRows
from gen_augment.modalities.image.display import as_sheet
from gen_augment.neighbours import nearest

__all__ = [
    "class_bars",
    "image_grid",
    "neighbour_grid",
    "neighbourhoods",
    "projection",
    "ways_grid",
]

_REAL, _SYNTHETIC = "#52606d", "#b44d12"
_WIDTH = 5.6  # inches, as the pictures of a study
_MAX_CLASSES, _PER_CLASS, _MAX_POINTS, _MAX_DIM = 10, 10, 1000, 50


def neighbour_grid(data: Compared) -> bytes:
    """PNG: for each of up to 10 classes a row of synthetic images, and under each its nearest training image."""
    made, real = data.made, data.real
    classes = np.unique(made.codes)[:_MAX_CLASSES]
    figure = Figure(figsize=(_WIDTH, 1.15 * len(classes)), layout="constrained")
    for axis, code in zip(np.atleast_1d(figure.subplots(len(classes), 1)), classes, strict=True):
        index = np.flatnonzero(made.codes == code)[:_PER_CLASS]
        _, which = nearest(
            torch.from_numpy(data.vectors["made"][index]), torch.from_numpy(data.vectors["train"])
        )
        _show(axis, torch.cat([made.encoded[index], real.encoded[which[:, 0]]]), len(index))
    return _png(figure)


def image_grid(rows: LabelledRows, index: np.ndarray) -> bytes:
    """PNG: these images, ten in a line, each under its label."""
    columns = min(_PER_CLASS, len(index))
    index = index[: len(index) // columns * columns]
    height, width = rows.codec.shape[1:]
    above = height // 2  # where the labels are
    images = F.pad(rows.encoded[index], (1, 1, above, 0), value=1.0)
    lines = len(index) // columns
    size = _WIDTH, _WIDTH * lines * (height + above) / (columns * (width + 2))
    figure = Figure(figsize=size, layout="constrained")
    axis = figure.subplots()
    _show(axis, images, columns)
    for place, row in enumerate(index):
        line, column = divmod(place, columns)
        name = str(rows.labels.classes[rows.codes[row]])[:8]
        where = (column + 0.5) * (width + 2), line * (height + above) + 0.6 * above
        axis.text(*where, name, fontsize=9, ha="center", va="center", parse_math=False)
    return _png(figure)


def ways_grid(sampler: Any, real: LabelledRows) -> bytes | None:
    """PNG: a line for each of up to 10 classes, from one training image to another; None if there are no codes."""
    if not hasattr(sampler, "encode"):
        return None
    classes = np.unique(real.codes)[:_MAX_CLASSES]
    ends = np.array([np.flatnonzero(real.codes == code)[[0, -1]] for code in classes])
    labels = real.labels.classes[classes]
    try:
        rows = interpolate(
            sampler, take(real.X, ends[:, 0]), take(real.X, ends[:, 1]), labels, n_steps=_PER_CLASS
        )
    except NotImplementedError:
        return None
    figure = Figure(figsize=(_WIDTH, _WIDTH * len(classes) / _PER_CLASS), layout="constrained")
    _show(figure.subplots(), real.codec.encode(rows), _PER_CLASS)
    return _png(figure)


def _show(axis: Any, images: Tensor, columns: int) -> None:
    """Encoded images as one sheet, so many in a line."""
    sheet = as_sheet(images, columns)
    axis.imshow((sheet.squeeze().numpy() + 1) / 2, cmap="gray", vmin=0, vmax=1)
    axis.axis("off")


def projection(vectors: dict[str, np.ndarray]) -> bytes:
    """PNG: training and synthetic rows on the first two principal components of the training rows."""
    n_components = min(2, *vectors["train"].shape)
    axes_of_real = PCA(n_components, random_state=0).fit(vectors["train"])
    points = [
        axes_of_real.transform(_spaced(vectors[name], _MAX_POINTS)) for name in ("train", "made")
    ]
    points = [np.pad(part, ((0, 0), (0, 2 - n_components))) for part in points]
    return _scatter(points, ("first component", "second component"))


def neighbourhoods(vectors: dict[str, np.ndarray]) -> bytes:
    """PNG: training and synthetic rows in a plane by t-SNE, which keeps neighbours together and no distances beside."""
    parts = [_spaced(vectors[name], _MAX_POINTS // 2) for name in ("train", "made")]
    both = np.concatenate(parts)
    both = (both - both.mean(axis=0)) / (both.std() + 1e-12)
    if both.shape[1] > _MAX_DIM:
        both = PCA(min(_MAX_DIM, len(both)), random_state=0).fit_transform(both)
    tsne = TSNE(perplexity=min(30, (len(both) - 1) / 3), init="random", random_state=0, n_jobs=1)
    plane = tsne.fit_transform(both.astype(np.float32))
    return _scatter([plane[: len(parts[0])], plane[len(parts[0]) :]], ("", ""))


def _spaced(rows: np.ndarray, n: int) -> np.ndarray:
    """At most `n` rows, evenly spaced."""
    some: np.ndarray = rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int)]
    return some


def _scatter(points: list[np.ndarray], names: tuple[str, str]) -> bytes:
    figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
    axis = figure.subplots()
    for part, label, colour in zip(points, ("real", "synthetic"), (_REAL, _SYNTHETIC), strict=True):
        axis.scatter(
            part[:, 0], part[:, 1], s=7, alpha=0.5, color=colour, label=label, linewidths=0
        )
    axis.legend(fontsize=11, markerscale=2)
    axis.set_xlabel(names[0], fontsize=11)
    axis.set_ylabel(names[1], fontsize=11)
    if not any(names):
        axis.set_xticks([])
        axis.set_yticks([])
    return _png(figure)


def class_bars(classes: np.ndarray, real: np.ndarray, made: np.ndarray) -> bytes:
    """PNG: real and synthetic rows of each class, as shares of all."""
    figure = Figure(figsize=(_WIDTH, 2.6), layout="constrained")
    axis = figure.subplots()
    where = np.arange(len(classes))
    for shift, codes, label, colour in (
        (-0.2, real, "real", _REAL),
        (0.2, made, "synthetic", _SYNTHETIC),
    ):
        shares = 100 * np.bincount(codes, minlength=len(classes)) / len(codes)
        axis.bar(where + shift, shares, 0.4, color=colour, label=label)
    shown = where if len(where) <= 20 else where[:: -(-len(where) // 20)]
    names = [str(classes[i])[:12] for i in shown]
    axis.set_xticks(shown, names, fontsize=10, parse_math=False, rotation=45, ha="right")
    axis.set_ylabel("rows, %", fontsize=11)
    axis.set_ylim(top=1.3 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize=11, ncols=2, loc="upper right")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, bbox_inches="tight", pad_inches=0.03)
    return buffer.getvalue()
