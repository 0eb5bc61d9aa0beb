"""Plots of the rows of a sampler or a bank, and of the history of training.

They draw on the Axes that they are given, or on new ones, and return them.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities.base import storage_of
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_positive_int

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_history", "plot_rows", "plot_samples"]

#: Classes that are shown, and characters of a text.
MAX_CLASSES, MAX_CHARACTERS = 20, 90
#: Rows of each class that a sampler has for a plot.
MAX_ROWS = 10_000
_COLOURS = {"real": "#52606d", "synthetic": "#b44d12"}


def plot_samples(
    sampler: Any,
    X: Any = None,
    y: Any = None,
    *,
    n_per_class: int | None = None,
    random_state: RandomState = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw new rows of each class, next to real rows if they are given.

    Images and series are drawn in lines, one line for each of up to 20 classes. Texts are written,
    and rows of tables are points on two principal components.

    Parameters
    ----------
    X, y : as in `fit`, optional
        Real rows to compare with.
    n_per_class : int, optional
        Number of synthetic rows of each class, and the maximum number of real ones. By default 8
        pictures, 3 texts or 50 points.
    random_state : int, RandomState or None
        As in `sample`: an int draws the same rows in each call. None takes the sampler's own seed.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure of pyplot.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NotFittedError
        The sampler is not fitted.
    InputError
        The real rows have another form than the training rows, `y` is given without `X`, or `ax`
        is no Axes.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from gen_augment import BootstrapSampler
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> sampler = BootstrapSampler(modality="image").fit(X, y)
    >>> axes = sampler.plot_samples(X, y, ax=Figure().subplots())
    >>> [label.get_text() for label in axes.get_xticklabels()]
    ['real', 'synthetic']
    """
    sampler._check_fitted()
    if X is None and y is not None:
        raise InputError("y has the labels of real rows: give plot_samples(X, y), or leave it out.")
    counts = dict.fromkeys(sampler.classes_.tolist()[:MAX_CLASSES], MAX_ROWS)
    seed = None if random_state is None else resolve_seed(random_state)
    return plot_rows(sampler, counts, n_per_class, X, y, seed=seed, ax=ax)


def plot_history(sampler: Any, *, ax: "Axes | None" = None) -> "Axes":
    """Draw each training loss against the steps.

    Parameters
    ----------
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure of pyplot.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NotFittedError
        The sampler is not fitted.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> sampler = ConditionalVAE(max_steps=20).fit(*load_wine(return_X_y=True))
    >>> sampler.plot_history(ax=Figure().subplots()).get_xlabel()
    'step'
    """
    sampler._check_fitted()
    steps = sampler.history_["step"]
    axis = _axes(ax, (5.6, 3.2))
    for name, values in sampler.history_.items():
        if name != "step":
            axis.plot(steps[-len(values) :], values, marker="." * (len(steps) < 20), label=name)
    axis.set_xlabel("step")
    axis.set_ylabel("mean since the last point")
    axis.legend(frameon=False)
    return axis


def plot_rows(
    source: Any,
    available: Mapping[Any, int],
    n_per_class: int | None,
    X: Any = None,
    y: Any = None,
    *,
    seed: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw rows of each class of a sampler or a bank; the modality decides how.

    Parameters
    ----------
    source : fitted sampler or SampleBank
    available : dict of label to int
        The classes to show, and how many rows of each there are.
    n_per_class, X, y, seed, ax
        As in `plot_samples`.

    Raises
    ------
    InputError
        `X` has another form than the rows of the source, or `n_per_class` is no positive int.
    """
    codec, labels = storage_of(source.codec_), list(available)
    draw, usual = _way(codec, source.generate([0], labels[0], seed=seed))
    n = usual if n_per_class is None else check_positive_int("n_per_class", n_per_class)
    counts = [min(n, count) for count in available.values()]
    codes = np.repeat(source.label_codec_.encode(np.array(labels)), counts)
    index = source.next_addresses(codes, np.zeros(len(source.label_codec_.classes), np.int64))
    ends = np.cumsum(counts)
    real = {} if X is None else {"real": Rows.read(X, y, modality=codec.modality)}
    parts = {name: _of_real(rows, labels, n) for name, rows in real.items()}
    parts["synthetic"] = [
        source.generate(index[end - count : end], label, seed=seed)
        for label, count, end in zip(labels, counts, ends, strict=True)
    ]
    return draw(parts, [str(label) for label in labels], n, codec, ax)


def _way(codec: Any, row: Any) -> tuple[Callable[..., "Axes"], int]:
    """Return the function that draws such rows, and the usual number of rows of each class."""
    if codec.modality.views.lines(row) is not None:
        return _texts, 3
    if codec.modality.sheet(codec, codec.encode(row), 1) is not None:
        return _pictures, 8
    return _points, 50


def _of_real(rows: Rows, labels: list[Any], n: int) -> list[Any]:
    """Return up to `n` rows of each class; None for a class without rows."""
    code = {label: i for i, label in enumerate(rows.classes.tolist())}
    found = [np.flatnonzero(rows.codes == code.get(label, -2))[:n] for label in labels]
    return [rows.part(index).X if len(index) else None for index in found]


def _axes(ax: "Axes | None", size: tuple[float, float]) -> "Axes":
    if ax is not None:
        if not hasattr(ax, "scatter"):
            raise InputError(
                f"ax={ax!r} is no Axes of matplotlib: give one, as from Figure().subplots()."
            )
        return ax
    from matplotlib import pyplot as plt  # chooses a backend, which only this needs

    axis: Axes = plt.subplots(figsize=size, layout="constrained")[1]
    return axis


def _texts(
    parts: Mapping[str, list[Any]], names: list[str], n: int, codec: Any, ax: "Axes | None"
) -> "Axes":
    """Write texts below the name of their class, in the colours of real and synthetic rows."""
    shown = []
    for i, name in enumerate(names):
        shown.append((name, "black", "bold"))
        for part, each in parts.items():
            texts = [] if each[i] is None else codec.modality.views.lines(each[i])
            shown += [(f"{part}:  {text}", _COLOURS[part], "normal") for text in texts]
    axis = _axes(ax, (9, 0.22 * len(shown) + 0.2))
    axis.axis("off")
    axis.set_ylim(len(shown), 0)
    for height, (text, colour, weight) in enumerate(shown):
        short = text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
        axis.text(
            0, height + 0.5, short, color=colour, weight=weight, fontsize=9, va="center",
            parse_math=False,
        )  # fmt: skip
    return axis


def _pictures(
    parts: Mapping[str, list[Any]], names: list[str], n: int, codec: Any, ax: "Axes | None"
) -> "Axes":
    """Draw a line for each class: real rows on the left, synthetic rows on the right."""
    one = codec.modality.sheet(codec, codec.encode(parts["synthetic"][0])[:1], 1)
    height, width = one.shape[:2]
    gap, empty = max(1, height // 8), np.full(one.shape, np.nan)

    def line_of(rows: Any) -> np.ndarray:
        """Draw up to n rows from left to right."""
        encoded = [] if rows is None else codec.encode(rows)
        drawn = [codec.modality.sheet(codec, row[None], 1) for row in encoded]
        return _beside([*drawn, *[empty] * (n - len(drawn))], gap)

    sheets = {name: [line_of(rows) for rows in each] for name, each in parts.items()}
    width = n * (width + gap) - gap
    lines = [_beside(list(line), 4 * gap) for line in zip(*sheets.values(), strict=True)]
    whole = _beside([line.swapaxes(0, 1) for line in lines], gap).swapaxes(0, 1)
    first = np.stack(next(iter(sheets.values())))  # faint rows are stretched, all alike
    low, high = float(np.nanmin(first)), float(np.nanmax(first))
    share = whole.shape[0] / whole.shape[1]
    axis = _axes(ax, (7, min(12.0, 6.2 * share + 0.4)))
    stretched = np.nan_to_num((whole - low) / max(high - low, 1e-6), nan=1.0).clip(0, 1)
    axis.imshow(stretched, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_yticks(np.arange(len(names)) * (height + gap) + height / 2, names, parse_math=False)
    axis.set_xticks([i * (width + 4 * gap) + width / 2 for i in range(len(sheets))], list(sheets))
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.set_frame_on(False)
    return axis


def _beside(sheets: list[np.ndarray], gap: int) -> np.ndarray:
    """Join sheets from left to right, with white between them."""
    white = np.full((sheets[0].shape[0], gap, *sheets[0].shape[2:]), np.nan)
    parts = [part for sheet in sheets for part in (white, sheet)][1:]
    return np.concatenate(parts, axis=1)


def _points(
    parts: Mapping[str, list[Any]], names: list[str], n: int, codec: Any, ax: "Axes | None"
) -> "Axes":
    """Draw rows as points on the two principal components of the rows of the first part."""
    vectors = {
        name: torch.cat([
            codec.modality.views.vectors(codec, rows).flatten(1).double()
            for rows in each if rows is not None
        ]).numpy()
        for name, each in parts.items()
    }  # fmt: skip
    first = next(iter(vectors.values()))
    centre, scale = first.mean(axis=0), first.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1)
    axes = np.linalg.svd((first - centre) / scale, full_matrices=False)[2][:2]
    axis = _axes(ax, (5.6, 4))
    for name, rows in vectors.items():
        x = (rows - centre) / scale @ axes.T
        second = x[:, 1] if x.shape[1] > 1 else np.zeros(len(x))
        axis.scatter(x[:, 0], second, s=12, alpha=0.6, color=_COLOURS[name], label=name, lw=0)
    axis.set_xlabel("first principal component")
    axis.set_ylabel("second principal component")
    axis.legend(frameon=False)
    return axis
