"""Privacy budgets as the command line names them."""

from typing import Any

import pandas as pd

from gen_augment.cli.terminal import out, tell
from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.privacy import Private

__all__ = ["make_private", "private_budget", "show_guarantee"]


def private_budget(
    rows: Rows,
    epsilon: float,
    delta: float,
    bounds: list[str],
    classes: str | None,
    *,
    paid: bool,
) -> Private:
    """Return the budget that the options describe.

    Parameters
    ----------
    rows : Rows
        Their dtypes say how the texts of options are read.
    epsilon, delta : float
    bounds : list of str
        Such as ``"age=0..120"``, ``"city=a,b?"``, ``"pay=paid"``, or ``"0..1"`` for images.
    classes : str, optional
        Labels with commas between them.
    paid : bool
        Whether to pay for everything that is not given.
    """
    known = _bounds(rows, bounds)
    if paid and isinstance(rows.X, pd.DataFrame) and isinstance(known, dict):
        free = [c for c in rows.X if c not in known and rows.X[c].dtype.kind != "b"]
        known |= dict.fromkeys(free, "paid")
    labels: Any = "paid" if paid and classes is None else None
    if classes is not None:
        dtype = rows.classes.dtype
        labels = [_value(word, dtype, option="--classes") for word in classes.split(",")]
    return Private(epsilon, delta, bounds=known or None, classes=labels)


def make_private(model: Any, budget: Private, *, resume: bool) -> None:
    """Set the budget of a sampler, which then keeps no checkpoint.

    Raises
    ------
    InputError
        The sampler has no private training, or is to be resumed.
    """
    known = model.get_params(deep=False)
    if "privacy" not in known:
        raise InputError(
            f"{type(model).__name__} has no private training: leave --epsilon out, or take "
            "--sampler flow, vae, gan or marginal."
        )
    if resume:
        raise InputError("--resume is not possible with --epsilon: a checkpoint is not private.")
    model.set_params(privacy=budget)
    if "callbacks" in known:
        model.set_params(callbacks=[c for c in model.callbacks if c.sees_samples_only])


def show_guarantee(model: Any) -> None:
    """Print the guarantee of a sampler, if it has one."""
    guarantee = getattr(model, "privacy_", None)
    if guarantee is not None:
        tell(out, f"private: epsilon={guarantee['epsilon']:.4g}, delta={guarantee['delta']:.4g}")


def _bounds(rows: Rows, bounds: list[str]) -> Any:
    """Return bounds by column, or those of all values."""
    known: dict[Any, Any] = {}
    for text in bounds:
        name, equals, words = text.rpartition("=")
        if not equals:
            if len(bounds) > 1:
                raise InputError(
                    f"--bound {text} is for all values of images, and {len(bounds)} bounds are "
                    "given: name a column in each, COLUMN=LOW..HIGH."
                )
            return _range(words, text)
        column = _column(rows, name)
        if column in known:
            raise InputError(f"--bound names the column {name!r} twice: give one of the bounds.")
        known[column] = _bound(rows, name, words, text)
    return known


def _column(rows: Rows, name: str) -> Any:
    if isinstance(rows.X, pd.DataFrame):
        return name
    return int(name) if name.isdecimal() else name


def _bound(rows: Rows, name: str, words: str, text: str) -> Any:
    if words == "paid":
        return words
    missing = words.endswith("?")
    words = words.removesuffix("?")
    is_column = isinstance(rows.X, pd.DataFrame) and name in rows.X
    dtype = rows.X[name].dtype if is_column else None
    if ".." in words:
        low, _, high = words.partition("..")
        may_be_dates = dtype is not None and dtype.kind in "MO"
        ends = (low, high) if may_be_dates else _range(words, text)
        return (*ends, None) if missing else ends
    values = [_value(word, dtype, option=f"--bound {text}") for word in words.split(",")]
    return [*values, None] if missing else values


def _range(words: str, text: str) -> tuple[float, float]:
    low, _, high = words.partition("..")
    try:
        return float(low), float(high)
    except ValueError:
        raise InputError(f"--bound {text!r} is not COLUMN=LOW..HIGH or COLUMN=a,b,c.") from None


def _value(word: str, dtype: Any, *, option: str) -> Any:
    """Return a word as a value of `dtype`, which is None for a column without a name."""
    if dtype is None or dtype.kind not in "biuf":
        return word
    if dtype.kind == "b":
        return {"true": True, "false": False}.get(word.lower(), word)
    try:
        return int(word) if word.lstrip("-").isdecimal() else float(word)
    except ValueError:
        raise InputError(
            f"{option}: {word!r} is not a number, and the data holds numbers."
        ) from None
