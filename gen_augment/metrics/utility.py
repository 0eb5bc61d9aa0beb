"""What synthetic rows are worth to a classifier: trained on them and tested on real rows, and the other way round.

These are figures of one training each. Whether synthetic rows help beside real ones, a study decides.

Reference: Esteban, Hyland and Rätsch, "Real-valued (Medical) Time Series Generation with Recurrent Conditional GANs",
2017 (arXiv:1706.02633): train on synthetic, test on real (TSTR), and train on real, test on synthetic (TRTS).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gen_augment.codecs import LabelCodec
from gen_augment.errors import InputError
from gen_augment.metrics.classifier import Classifier, fit_classifier
from gen_augment.metrics.rows import LabelledRows
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Utility", "class_recall", "hardest", "utility", "utility_of"]

N_STEPS = 500
Pair = tuple[Any, Any]


class Utility(NamedTuple):
    """Balanced accuracy of three pairs of training and test rows; see `utility`."""

    real_on_real: float
    synthetic_on_real: float
    real_on_synthetic: float
    per_class: pd.DataFrame


def utility(
    train: Pair,
    fake: Pair,
    test: Pair,
    *,
    model: Any = None,
    n_steps: int = N_STEPS,
    random_state: RandomState = 0,
) -> Utility:
    """Train a classifier on synthetic rows and test it on real ones, and the other way round.

    Parameters
    ----------
    train, fake, test : (X, y)
        Real rows, synthetic ones, best as many, and real rows that neither the generator nor the classifier has seen;
        labels of `train` are all that are known.
    model : scikit-learn classifier with predict_proba, optional
        Cloned, and given scaled columns or pixels; a small network otherwise.
    n_steps : int
        Optimiser steps of that network.
    random_state : int, RandomState or None
        Seeds the classifiers.

    Returns
    -------
    real_on_real : float in [0, 1]
        Balanced accuracy on `test` after training on `train`: what the others are read against.
    synthetic_on_real : float in [0, 1]
        On `test`, after training on `fake` (TSTR): low where rows are wrong, or too much alike.
    real_on_synthetic : float in [0, 1]
        On `fake`, after training on `train` (TRTS): low where rows are wrong, whatever their variety; higher than
        `real_on_real` where rows are easier than real ones.
    per_class : DataFrame
        The same as recall of each class; NaN where none was to be found.

    Raises
    ------
    InputError
        Rows or labels are not of the form and classes of `train`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_wine(return_X_y=True)
    >>> real, other = (X[::2], y[::2]), (X[1::2], y[1::2])
    >>> found = utility(real, fake=(X[::2], 2 - y[::2]), test=other, model=LogisticRegression())
    >>> [round(value, 1) for value in found[:3]]
    [1.0, 0.3, 0.3]
    """
    check_positive_int("n_steps", n_steps)
    real = LabelledRows.read(*train)
    return utility_of(
        real,
        real.like(*fake),
        real.like(*test),
        model=model,
        n_steps=n_steps,
        seed=resolve_seed(random_state),
    )


def utility_of(
    real: LabelledRows,
    made: LabelledRows,
    unseen: LabelledRows,
    *,
    model: Any,
    n_steps: int,
    seed: int,
) -> Utility:
    """What `utility` does, for rows that are read."""
    on_real, on_fake = (
        fit_classifier(model, rows, n_steps=n_steps, seed=seed) for rows in (real, made)
    )
    recalls = {
        "real_on_real": class_recall(on_real, unseen),
        "synthetic_on_real": class_recall(on_fake, unseen),
        "real_on_synthetic": class_recall(on_real, made),
    }
    per_class = pd.DataFrame(recalls, index=pd.Index(real.labels.classes, name="class"))
    real_on_real, synthetic_on_real, real_on_synthetic = (
        float(np.nanmean(values)) for values in recalls.values()
    )
    return Utility(real_on_real, synthetic_on_real, real_on_synthetic, per_class)


def class_recall(classifier: Classifier, rows: LabelledRows) -> np.ndarray:
    """Share of each class's rows that are found: of shape (n_classes,), NaN where there are none."""
    found = classifier.predict_proba(rows.X).argmax(axis=1) == rows.codes
    counts = np.bincount(rows.codes, minlength=rows.n_classes)
    with np.errstate(invalid="ignore"):
        recall: np.ndarray = np.bincount(rows.codes, found, minlength=rows.n_classes) / counts
    return recall


def hardest(y: ArrayLike, probabilities: ArrayLike, classes: ArrayLike, n: int = 10) -> np.ndarray:
    """The rows that a classifier finds hardest: those whose own label it gives the lowest probability.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of the rows.
    probabilities : array-like of shape (n_rows, n_classes)
        What ``classifier.predict_proba(X)`` gives for them.
    classes : array-like of shape (n_classes,)
        Labels of the columns, in any order: ``classifier.classes_``.
    n : int
        How many rows; fewer where there are fewer.

    Returns
    -------
    ndarray of shape (n,), int64
        Row numbers, the hardest first. Look at them: such rows are either wrong, or what is worth learning.

    Raises
    ------
    InputError
        Probabilities are not of that shape, or a label is not among the classes.

    Examples
    --------
    >>> hardest(["a", "b", "a"], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], ["a", "b"], n=2).tolist()
    [2, 1]
    """
    labels, columns = LabelCodec.fit(classes, unlabeled=None)
    codes, p = labels.encode(y), np.asarray(probabilities, dtype=float)
    if codes.ndim != 1 or p.shape != (len(codes), len(labels.classes)):
        raise InputError(
            f"probabilities have shape {p.shape}: ({codes.size}, {len(labels.classes)}) is needed, a row for each "
            "label and a column for each class."
        )
    order: np.ndarray = p[np.arange(len(codes)), columns.argsort()[codes]].argsort(kind="stable")
    return order[: check_positive_int("n", n)]
