"""The pictures of an audit, as PNG."""

import io
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from gen_augment.auditing.figures import Comparison
from gen_augment.auditing.latent import interpolate
from gen_augment.containers import take
from gen_augment.data.rows import Rows
from gen_augment.neighbours import nearest

__all__ = ["draw"]

_REAL, _SYNTHETIC = "#52606d", "#b44d12"
_WIDTH = 5.6  # inches, as in the report of a study
_MAX_CLASSES, _PER_CLASS, _MAX_POINTS, _MAX_DIM = 10, 10, 1000, 50
#: Real rows whose darkest and brightest values are drawn black and white.
_MAX_RANGE = 100


def draw(sampler: Any, data: Comparison, hardest: np.ndarray) -> dict[str, bytes]:
    """Draw all pictures of an audit.

    Parameters
    ----------
    sampler : fitted sampler
    data : Comparison
    hardest : ndarray of shape (n,)
        Synthetic rows whose label classifiers doubt most.

    Returns
    -------
    dict of str to bytes
        PNG by title.
    """
    found = {}
    if data.has_pictures:
        show = _Painter(data.real)
        found["Real rows (left) and synthetic rows (right) of each class"] = _examples(data, show)
        title = "Synthetic rows (upper lines), and the training row nearest to each (lower lines)"
        found[title] = _neighbours(data, show)
        if len(hardest):
            title = "Synthetic rows whose label, written above, classifiers of real rows doubt most"
            found[title] = _labelled(data.synthetic, hardest, show)
        lines = _interpolations(sampler, data.real, show)
        if lines is not None:
            found["Rows that the sampler generates between two training rows"] = lines
    found["All rows on two principal components: rows in the same place are similar"] = _projection(
        data.vectors
    )
    found["All rows by t-SNE: neighbours are similar, large distances mean nothing"] = _embedding(
        data.vectors
    )
    found["Number of rows of each class"] = _class_bars(data)
    return found


class _Painter:
    """Draws encoded rows in lines, with the brightness range of the real rows."""

    def __init__(self, rows: Rows) -> None:
        self.modality, self.codec = rows.modality, rows.codec
        sheet: Any = self.modality.sheet(self.codec, rows.encoded[:_MAX_RANGE], 1)
        self.low, self.high = float(sheet.min()), float(sheet.max())

    def __call__(self, axis: Any, encoded: Tensor, columns: int) -> None:
        """Draw rows in lines of `columns`."""
        sheet: Any = self.modality.sheet(self.codec, encoded, columns)
        sheet = (sheet - self.low) / max(self.high - self.low, 1e-6)
        axis.imshow(sheet.clip(0, 1), cmap="gray", vmin=0, vmax=1)
        axis.axis("off")


def _lines(n: int, columns: int = 1) -> tuple[Figure, np.ndarray]:
    """Return a figure with axes of shape (n, columns)."""
    figure = Figure(figsize=(_WIDTH, 0.62 * n), layout="constrained")
    return figure, figure.subplots(n, columns, squeeze=False)


def _examples(data: Comparison, show: _Painter) -> bytes:
    classes = np.flatnonzero(data.real.class_counts)[:_MAX_CLASSES]
    figure, axes = _lines(len(classes), 2)
    half = _PER_CLASS // 2
    for line, code in zip(axes, classes, strict=True):
        for axis, rows in zip(line, (data.real, data.synthetic), strict=True):
            index = np.flatnonzero(rows.codes == code)[:half]
            axis.axis("off")
            if len(index):
                show(axis, rows.encoded[index], half)
        line[0].set_title(str(data.real.classes[code])[:20], fontsize=9, loc="left", pad=2)
    return _png(figure)


def _neighbours(data: Comparison, show: _Painter) -> bytes:
    synthetic, real = data.synthetic, data.real
    classes = np.flatnonzero(synthetic.class_counts)[:_MAX_CLASSES]
    figure, axes = _lines(2 * len(classes))
    train = torch.from_numpy(data.vectors["real"])
    for code, pair in zip(classes, axes.reshape(-1, 2), strict=True):
        index = np.flatnonzero(synthetic.codes == code)[:_PER_CLASS]
        _, which = nearest(torch.from_numpy(data.vectors["synthetic"][index]), train)
        show(pair[0], synthetic.encoded[index], _PER_CLASS)
        show(pair[1], real.encoded[which[:, 0]], _PER_CLASS)
    return _png(figure)


def _labelled(rows: Rows, index: np.ndarray, show: _Painter) -> bytes:
    parts = [index[start : start + _PER_CLASS] for start in range(0, len(index), _PER_CLASS)]
    figure, axes = _lines(len(parts))
    for axis, part in zip(axes[:, 0], parts, strict=True):
        show(axis, rows.encoded[part], _PER_CLASS)
        width = axis.get_images()[0].get_array().shape[1] / _PER_CLASS
        for column, code in enumerate(rows.codes[part]):
            name = str(rows.classes[code])[:8]
            place = (column + 0.5) * width, -1
            axis.text(*place, name, fontsize=8, ha="center", va="bottom", parse_math=False)
    return _png(figure)


def _interpolations(sampler: Any, real: Rows, show: _Painter) -> bytes | None:
    """Draw a line for each of up to 10 classes; None for samplers without an encoder."""
    if not hasattr(sampler, "encode"):
        return None
    classes = np.flatnonzero(real.class_counts)[:_MAX_CLASSES]
    ends = np.array([np.flatnonzero(real.codes == code)[[0, -1]] for code in classes])
    first, last = (take(real.X, ends[:, side]) for side in (0, 1))
    try:
        rows = interpolate(sampler, first, last, real.classes[classes], n_steps=_PER_CLASS)
    except NotImplementedError:
        return None
    figure = Figure(figsize=(_WIDTH, _WIDTH * len(classes) / _PER_CLASS), layout="constrained")
    show(figure.subplots(), real.codec.encode(rows), _PER_CLASS)
    return _png(figure)


def _projection(vectors: dict[str, np.ndarray]) -> bytes:
    n_components = min(2, *vectors["real"].shape)
    components = PCA(n_components, random_state=0).fit(vectors["real"])
    points = [components.transform(_spaced(vectors[n], _MAX_POINTS)) for n in ("real", "synthetic")]
    points = [np.pad(part, ((0, 0), (0, 2 - n_components))) for part in points]
    return _scatter(points, ("first component", "second component"))


def _embedding(vectors: dict[str, np.ndarray]) -> bytes:
    parts = [_spaced(vectors[name], _MAX_POINTS // 2) for name in ("real", "synthetic")]
    both = np.concatenate(parts)
    both = (both - both.mean(axis=0)) / (both.std() + 1e-12)
    if both.shape[1] > _MAX_DIM:
        both = PCA(min(_MAX_DIM, len(both)), random_state=0).fit_transform(both)
    tsne = TSNE(perplexity=min(30, (len(both) - 1) / 3), init="random", random_state=0, n_jobs=1)
    plane = tsne.fit_transform(both.astype(np.float32))
    return _scatter([plane[: len(parts[0])], plane[len(parts[0]) :]], ("", ""))


def _spaced(rows: np.ndarray, n: int) -> np.ndarray:
    """Select at most `n` rows at even spacing."""
    some: np.ndarray = rows[np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(int)]
    return some


def _scatter(points: list[np.ndarray], names: tuple[str, str]) -> bytes:
    figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
    axis = figure.subplots()
    for part, label, colour in zip(points, ("real", "synthetic"), (_REAL, _SYNTHETIC), strict=True):
        x, y = part.T
        axis.scatter(x, y, s=7, alpha=0.5, color=colour, label=label, linewidths=0)
    axis.legend(fontsize=11, markerscale=2)
    axis.set_xlabel(names[0], fontsize=11)
    axis.set_ylabel(names[1], fontsize=11)
    if not any(names):
        axis.set_xticks([])
        axis.set_yticks([])
    return _png(figure)


def _class_bars(data: Comparison) -> bytes:
    figure = Figure(figsize=(_WIDTH, 2.6), layout="constrained")
    axis = figure.subplots()
    where = np.arange(data.real.n_classes)
    for shift, rows, label, colour in (
        (-0.2, data.real, "real", _REAL),
        (0.2, data.synthetic, "synthetic", _SYNTHETIC),
    ):
        shares = 100 * rows.class_counts / len(rows)
        axis.bar(where + shift, shares, 0.4, color=colour, label=label)
    shown = where if len(where) <= 20 else where[:: -(-len(where) // 20)]
    labels = [str(data.real.classes[i]) for i in shown]
    names = [label if len(label) <= 16 else label[:15] + "…" for label in labels]
    axis.set_xticks(shown, names, fontsize=10, parse_math=False, rotation=45, ha="right")
    axis.set_ylabel("rows, %", fontsize=11)
    axis.set_ylim(top=1.3 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize=11, ncols=2, loc="upper right")
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, bbox_inches="tight", pad_inches=0.03)
    return buffer.getvalue()
