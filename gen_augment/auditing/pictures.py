"""Pictures of an audit."""

import io

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from gen_augment.codecs import infer_codec, take
from gen_augment.neighbours import nearest
from gen_augment.study.task import Part

__all__ = ["class_bars", "neighbour_grid", "projection"]

_REAL, _SYNTHETIC = "#52606d", "#b44d12"
_WIDTH = 5.6  # inches, as the pictures of a study
_MAX_CLASSES, _PER_CLASS, _MAX_POINTS = 10, 10, 1000


def neighbour_grid(train: Part, made: Part, features: dict[str, np.ndarray]) -> bytes:
    """PNG: for each of up to 10 classes a row of synthetic images, and under each its nearest training image."""
    codec, _ = infer_codec(train.X)
    _, which = nearest(torch.from_numpy(features["made"]), torch.from_numpy(features["train"]))
    classes = np.unique(made.codes)[:_MAX_CLASSES]
    figure = Figure(figsize=(_WIDTH, 1.15 * len(classes)), layout="constrained")
    for axis, code in zip(np.atleast_1d(figure.subplots(len(classes), 1)), classes, strict=True):
        index = np.flatnonzero(made.codes == code)[:_PER_CLASS]
        rows = (take(made.X, index), take(train.X, which[index, 0].numpy()))
        sheet = np.concatenate(
            [np.concatenate(list(codec.encode(part).permute(0, 2, 3, 1).numpy()), axis=1) for part in rows]
        )
        axis.imshow((sheet.squeeze() + 1) / 2, cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
    return _png(figure)


def projection(features: dict[str, np.ndarray]) -> bytes:
    """PNG: training and synthetic rows on the first two principal components of the training rows."""
    n_components = min(2, *features["train"].shape)
    axes_of_real = PCA(n_components, random_state=0).fit(features["train"])
    figure = Figure(figsize=(_WIDTH, 3.6), layout="constrained")
    axis = figure.subplots()
    for name, label, colour in (("train", "real", _REAL), ("made", "synthetic", _SYNTHETIC)):
        index = np.linspace(0, len(features[name]) - 1, min(_MAX_POINTS, len(features[name]))).astype(int)
        points = axes_of_real.transform(features[name][index])
        second = points[:, 1] if n_components == 2 else np.zeros(len(points))
        axis.scatter(points[:, 0], second, s=7, alpha=0.5, color=colour, label=label, linewidths=0)
    axis.legend(fontsize=11, markerscale=2)
    axis.set_xlabel("first component", fontsize=11)
    axis.set_ylabel("second component", fontsize=11)
    return _png(figure)


def class_bars(classes: np.ndarray, real: np.ndarray, made: np.ndarray) -> bytes:
    """PNG: real and synthetic rows of each class, as shares of all."""
    figure = Figure(figsize=(_WIDTH, 2.6), layout="constrained")
    axis = figure.subplots()
    where = np.arange(len(classes))
    for shift, codes, label, colour in ((-0.2, real, "real", _REAL), (0.2, made, "synthetic", _SYNTHETIC)):
        shares = 100 * np.bincount(codes, minlength=len(classes)) / len(codes)
        axis.bar(where + shift, shares, 0.4, color=colour, label=label)
    shown = where if len(where) <= 20 else where[:: -(-len(where) // 20)]
    names = [str(classes[i])[:12] for i in shown]
    axis.set_xticks(shown, names, fontsize=10, parse_math=False, rotation=45, ha="right")
    axis.set_ylabel("rows, %", fontsize=11)
    axis.legend(fontsize=11)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160, bbox_inches="tight", pad_inches=0.03)
    return buffer.getvalue()
