"""The effect of synthetic rows on groups of rows, such as sexes or regions.

The figures are the share of each label and group among real and synthetic rows, and the
recall of a classifier in each group, trained with and without synthetic rows.

Reference: Hardt, Price and Srebro, "Equality of Opportunity in Supervised Learning", 2016
(arXiv:1610.02413): equal recall in all groups.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.metrics.classifier import fit_classifier
from gen_augment.metrics.utility import N_STEPS, Pair, class_recall
from gen_augment.modalities import Modality
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Bias", "Group", "bias", "bias_of", "check_group"]

MAX_GROUPS = 50
#: A column, by name or position; or the values of training, synthetic and test rows. None
#: instead of the synthetic values means that they are not known.
Group = str | int | tuple[ArrayLike, ArrayLike | None, ArrayLike]


class Bias(NamedTuple):
    """Shares of labels and groups, and recall in each group; see `bias`."""

    labels: pd.DataFrame
    groups: pd.DataFrame
    recall: pd.DataFrame

    @property
    def by_group(self) -> pd.DataFrame:
        """One row per group: its shares, test ``rows``, and balanced accuracy there."""
        grouped = self.recall.groupby(level="group", sort=False)
        scores = pd.DataFrame({"rows": grouped["rows"].sum()}).join(
            grouped[["before", "after"]].mean()
        )
        return self.groups.join(scores)

    @property
    def gaps(self) -> "pd.Series[float]":
        """Balanced accuracy of the best minus the worst group, ``before`` and ``after``."""
        scores = self.by_group[["before", "after"]]
        return scores.max() - scores.min()


def bias(
    train: Pair,
    fake: Pair,
    test: Pair,
    group: Group,
    *,
    modality: str | Modality | None = None,
    model: Any = None,
    n_steps: int = N_STEPS,
    random_state: RandomState = 0,
) -> Bias:
    """Compare groups by their shares, and by a classifier's recall in each of them.

    Parameters
    ----------
    train, fake, test : (X, y)
        Real rows, the synthetic rows to be added, and real rows that nothing was fitted on.
    group : str, int, or (array-like, array-like or None, array-like)
        A column, by name or position; or one value per row of `train`, `fake` and `test`.
        The values of `fake` may be None, as the groups of synthetic images are not known.
        At most 50 different values; missing values form a group.
    modality, model, n_steps, random_state
        As in `utility`.

    Returns
    -------
    labels, groups : DataFrame
        The share in [0, 1] of each label and of each group among ``real`` rows,
        ``synthetic`` rows, and both ``together``.
    recall : DataFrame
        For each group and label of `test`: the number of ``rows``, and their recall
        ``before`` and ``after`` synthetic rows are added. The standard error of a recall
        is at most ``0.5 / sqrt(rows)``.

    Raises
    ------
    InputError
        Rows or labels do not have the form and classes of `train`, or `group` cannot be
        used.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> large = np.where(X[:, 0] > 14, "large", "small")
    >>> parts = [(X[i::3], y[i::3]) for i in range(3)]
    >>> found = bias(*parts, tuple(large[i::3] for i in range(3)), model=LogisticRegression())
    >>> found.recall.index.tolist(), bool((found.gaps < 0.4).all())
    ([('large', 0), ('large', 1), ('small', 0), ('small', 1)], True)
    """
    check_positive_int("n_steps", n_steps)
    real = Rows.read(*train, modality=modality).labelled()
    return bias_of(
        real,
        real.like(*fake),
        real.like(*test),
        group,
        model=model,
        n_steps=n_steps,
        seed=resolve_seed(random_state),
    )


def check_group(group: Any, real: Rows, unseen: Rows) -> None:
    """Raise if `group` cannot be used."""
    _groups(group, (real, real, unseen))


def bias_of(
    real: Rows, synthetic: Rows, unseen: Rows, group: Group, *, model: Any, n_steps: int, seed: int
) -> Bias:
    """Compute `bias` for labelled rows that are already read."""
    values = _groups(group, (real, synthetic, unseen))
    models = [
        fit_classifier(model, rows, n_steps=n_steps, seed=seed)
        for rows in (real, real.joined(synthetic))
    ]
    labels = [pd.Series(rows.classes[rows.codes]) for rows in (real, synthetic)]
    found = {}
    for name in pd.unique(values[2]):
        here = unseen.take(np.flatnonzero(values[2] == name))
        before, after = (class_recall(classifier, here) for classifier in models)
        for code in np.flatnonzero(here.class_counts):
            found[name, here.classes[code]] = {
                "rows": int(here.class_counts[code]),
                "before": before[code],
                "after": after[code],
            }
    recall = pd.DataFrame.from_dict(found, orient="index").sort_index()
    recall.index = recall.index.set_names(["group", "label"])
    return Bias(_shares(labels, "label"), _shares(values[:2], "group"), recall)


def _groups(group: Group, parts: tuple[Rows, ...]) -> list[Any]:
    """Return the group of each row of each part as strings; None where it is not known."""
    if isinstance(group, (str, int)):
        given: list[Any] = [_column(rows, group) for rows in parts]
    else:
        given = list(group)
    if len(given) != len(parts) or given[0] is None or given[2] is None:
        raise InputError(
            "group: give a column, or the values of training, synthetic (or None) and test rows."
        )
    found: list[Any] = []
    for name, values, rows in zip(("training", "synthetic", "test"), given, parts, strict=True):
        if values is None:
            found.append(None)
            continue
        values = pd.Series(np.asarray(values, dtype=object))
        if len(values) != len(rows):
            raise InputError(
                f"group has {len(values)} values for {len(rows)} {name} rows: give one for each."
            )
        found.append(values.map(str).where(values.notna(), "(missing)"))
    different = pd.unique(pd.concat([found[0], found[2]]))
    if len(different) > MAX_GROUPS:
        raise InputError(
            f"group has {len(different)} different values, at most {MAX_GROUPS} are compared: bin "
            "them first."
        )
    return found


def _column(rows: Rows, name: str | int) -> Any:
    table = rows.modality.columns(rows.codec, rows.X)
    if table is None:
        raise InputError(
            f"group={name!r} is not a column, and {rows.modality.name} rows have none: give the "
            "values of all rows."
        )
    if name not in table.columns:
        raise InputError(f"group={name!r} is not a column: choose from {list(table.columns)}.")
    return table[name]


def _shares(values: list[Any], name: str) -> pd.DataFrame:
    real, synthetic = values
    known = {"real": real}
    if synthetic is not None:
        known |= {"synthetic": synthetic, "together": pd.concat([real, synthetic])}
    shares = {word: side.value_counts(normalize=True) for word, side in known.items()}
    table = pd.DataFrame(shares).fillna(0.0)
    return table.sort_index().rename_axis(name).reindex(columns=["real", "synthetic", "together"])
