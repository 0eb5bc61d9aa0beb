"""Whom synthetic rows add: shares of labels and groups, and how a classifier does by each group without and with them.

Reference: Hardt, Price and Srebro, "Equality of Opportunity in Supervised Learning", 2016 (arXiv:1610.02413): recall
that is the same in all groups.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gen_augment.errors import InputError
from gen_augment.metrics.classifier import fit_classifier
from gen_augment.metrics.rows import LabelledRows
from gen_augment.metrics.utility import N_STEPS, Pair, class_recall
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Bias", "Group", "bias", "bias_of"]

MAX_GROUPS = 50
#: A column of a table, by name or number; or the values of training, synthetic (None: unknown) and test rows.
Group = str | int | tuple[ArrayLike, ArrayLike | None, ArrayLike]


class Bias(NamedTuple):
    """What synthetic rows do to labels and groups; see `bias`.

    Its `by_group` puts all that is known of a group into one row, and `gaps` are those between the best and the worst.
    """

    labels: pd.DataFrame
    groups: pd.DataFrame
    recall: pd.DataFrame

    @property
    def by_group(self) -> pd.DataFrame:
        """A row for each group: its shares, its ``rows`` in the test part, and balanced accuracy there."""
        grouped = self.recall.groupby(level="group", sort=False)
        scores = pd.DataFrame({"rows": grouped["rows"].sum()}).join(
            grouped[["before", "after"]].mean()
        )
        return self.groups.join(scores)

    @property
    def gaps(self) -> "pd.Series[float]":
        """Balanced accuracy in the best group less that in the worst: ``before`` and ``after``."""
        scores = self.by_group[["before", "after"]]
        return scores.max() - scores.min()


def bias(
    train: Pair,
    fake: Pair,
    test: Pair,
    group: Group,
    *,
    model: Any = None,
    n_steps: int = N_STEPS,
    random_state: RandomState = 0,
) -> Bias:
    """Shares of labels and groups, and recall in each group of a classifier trained without and with synthetic rows.

    Parameters
    ----------
    train, fake, test : (X, y)
        Real rows, the synthetic ones that are to be added, and real rows that nothing was fitted on.
    group : str, int, or (array-like, array-like or None, array-like)
        Column of a table, by name or number; or a value for each row of `train`, `fake` and `test`, where that of
        synthetic rows may be unknown, as of images. Up to 50 different ones; a missing value is one of them.
    model, n_steps, random_state
        As in `utility`.

    Returns
    -------
    labels, groups : DataFrame
        Shares in [0, 1] of each label and of each group among ``real`` and ``synthetic`` rows, and ``together``.
    recall : DataFrame
        For each group and label of `test` its ``rows`` there, and their recall ``before`` and ``after`` synthetic rows
        are added. Few rows tell little: the standard error of a recall is at most ``0.5 / sqrt(rows)``.

    Raises
    ------
    InputError
        Rows or labels are not of the form and classes of `train`, or `group` cannot be used.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> large = np.where(X[:, 0] > 14, "large", "small")
    >>> parts = [slice(part, None, 3) for part in range(3)]
    >>> found = bias(*((X[s], y[s]) for s in parts), tuple(large[s] for s in parts), model=LogisticRegression())
    >>> found.recall.index.tolist(), bool((found.gaps < 0.4).all())
    ([('large', 0), ('large', 1), ('small', 0), ('small', 1)], True)
    """
    check_positive_int("n_steps", n_steps)
    real = LabelledRows.read(*train)
    return bias_of(
        real,
        real.like(*fake),
        real.like(*test),
        group,
        model=model,
        n_steps=n_steps,
        seed=resolve_seed(random_state),
    )


def bias_of(
    real: LabelledRows,
    made: LabelledRows,
    unseen: LabelledRows,
    group: Group,
    *,
    model: Any,
    n_steps: int,
    seed: int,
) -> Bias:
    """What `bias` does, for rows that are read."""
    values = _groups(group, (real, made, unseen))
    models = [
        fit_classifier(model, rows, n_steps=n_steps, seed=seed)
        for rows in (real, real.joined(made))
    ]
    labels = [pd.Series(rows.labels.classes[rows.codes]) for rows in (real, made)]
    found = {}
    for name in pd.unique(values[2]):
        here = unseen.part(np.flatnonzero(values[2] == name))
        before, after = (class_recall(classifier, here) for classifier in models)
        for code in np.unique(here.codes):
            rows = int((here.codes == code).sum())
            found[name, here.labels.classes[code]] = {
                "rows": rows,
                "before": before[code],
                "after": after[code],
            }
    recall = pd.DataFrame.from_dict(found, orient="index").sort_index()
    recall.index = recall.index.set_names(["group", "label"])
    return Bias(_shares(labels, "label"), _shares(values[:2], "group"), recall)


def _groups(group: Group, parts: tuple[LabelledRows, ...]) -> list[Any]:
    """The group of each row of each part, as strings; None where it is not known."""
    given = (
        [_column(rows.X, group) for rows in parts] if isinstance(group, (str, int)) else list(group)
    )
    if len(given) != len(parts) or given[0] is None or given[2] is None:
        raise InputError(
            "group: give a column of a table, or the values of training, synthetic (or None) and test rows."
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
    several = pd.unique(pd.concat([found[0], found[2]]))
    if len(several) > MAX_GROUPS:
        raise InputError(
            f"group has {len(several)} different values, at most {MAX_GROUPS} are compared: bin them first."
        )
    return found


def _column(X: Any, name: str | int) -> Any:
    if isinstance(X, pd.DataFrame):
        if name not in X.columns:
            raise InputError(f"group={name!r} is no column; there are {list(X.columns)}.")
        return X[name]
    if isinstance(name, str) or getattr(X, "ndim", 0) != 2 or not 0 <= name < X.shape[1]:
        raise InputError(
            f"group={name!r} is no column of X: name one, or give the values of all rows."
        )
    return X[:, name]


def _shares(values: list[Any], name: str) -> pd.DataFrame:
    real, made = values
    known = (
        {"real": real}
        if made is None
        else {"real": real, "synthetic": made, "together": pd.concat([real, made])}
    )
    table = pd.DataFrame(
        {word: side.value_counts(normalize=True) for word, side in known.items()}
    ).fillna(0.0)
    return table.sort_index().rename_axis(name).reindex(columns=["real", "synthetic", "together"])
