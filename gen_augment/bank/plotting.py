"""A plot of the rows of a bank, and its form in notebooks."""

from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from gen_augment.samplers.plotting import MAX_CLASSES, plot_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot", "to_html"]


def plot(
    bank: Any,
    X: Any = None,
    y: Any = None,
    *,
    n_per_class: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the first rows of each label, next to real rows if they are given.

    Parameters
    ----------
    X, y : as `Sampler.fit` takes them, optional
        Real rows to compare with.
    n_per_class : int, optional
        Maximum number of rows of each label, by default as in `Sampler.plot_samples`.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure of pyplot.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import KDESampler, SampleBank
    >>> sampler = KDESampler(random_state=0).fit(*load_wine(return_X_y=True))
    >>> bank = SampleBank.build(sampler, 30, tempfile.mkdtemp() + "/wine")
    >>> bank.plot(ax=Figure().subplots()).get_xlabel()
    'first principal component'
    """
    available = dict(list(bank.counts.items())[:MAX_CLASSES])
    return plot_rows(bank, available, n_per_class, X, y, ax=ax)


def to_html(bank: Any) -> str:
    """Return the counts of the labels as a table, which notebooks show."""
    counts = pd.Series(bank.counts, name="rows").rename_axis("label").to_frame()
    what = f"{len(bank)} rows of {bank.generator.name} in {bank.path}"
    return f"<p>{escape(what)}</p>{counts.to_html()}"
