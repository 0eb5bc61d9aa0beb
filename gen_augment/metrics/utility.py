"""Usefulness of synthetic rows to a classifier: train on synthetic, test on real rows.

Each figure comes from a single training run. Whether synthetic rows help when they are
added to real ones is measured by a `Study`.

Reference: Esteban, Hyland and Rätsch, "Real-valued (Medical) Time Series Generation with
Recurrent Conditional GANs", 2017 (arXiv:1706.02633): train on synthetic, test on real
(TSTR), and train on real, test on synthetic (TRTS).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gen_augment.data.labels import LabelCodec
from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.metrics.classifier import Classifier, fit_classifier
from gen_augment.modalities import Modality
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
    modality: str | Modality | None = None,
    model: Any = None,
    n_steps: int = N_STEPS,
    random_state: RandomState = 0,
) -> Utility:
    """Train a classifier on synthetic rows and test it on real ones, and the reverse.

    Parameters
    ----------
    train : (X, y)
        Real rows. Their labels are all the labels that are known.
    fake : (X, y)
        Synthetic rows, preferably as many.
    test : (X, y)
        Real rows that neither the generator nor the classifier was trained on.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    model : scikit-learn classifier with predict_proba, optional
        Cloned, and fitted on the modality's inputs for classifiers, such as standardised
        columns. By default a small network is trained.
    n_steps : int
        Optimiser steps of that network.
    random_state : int, RandomState or None
        Seeds the classifiers.

    Returns
    -------
    real_on_real : float in [0, 1]
        Balanced accuracy on `test` after training on `train`; the reference for the others.
    synthetic_on_real : float in [0, 1]
        Balanced accuracy on `test` after training on `fake` (TSTR). It is low if rows are
        wrong or too similar to each other.
    real_on_synthetic : float in [0, 1]
        Balanced accuracy on `fake` after training on `train` (TRTS). It is low if rows are
        wrong, however varied, and above `real_on_real` if they are easier than real ones.
    per_class : DataFrame
        The recall of each class for the same three pairs; NaN for a class without test rows.

    Raises
    ------
    InputError
        Rows or labels do not have the form and classes of `train`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_wine(return_X_y=True)
    >>> real, other = (X[::2], y[::2]), (X[1::2], y[1::2])
    >>> fake = X[::2], 2 - y[::2]  # the labels of two classes are swapped
    >>> found = utility(real, fake, other, model=LogisticRegression())
    >>> [round(value, 1) for value in found[:3]]
    [1.0, 0.3, 0.3]
    """
    check_positive_int("n_steps", n_steps)
    real = Rows.read(*train, modality=modality).labelled()
    return utility_of(
        real,
        real.like(*fake),
        real.like(*test),
        model=model,
        n_steps=n_steps,
        seed=resolve_seed(random_state),
    )


def utility_of(
    real: Rows, synthetic: Rows, unseen: Rows, *, model: Any, n_steps: int, seed: int
) -> Utility:
    """Compute `utility` for labelled rows that are already read."""
    on_real, on_synthetic = (
        fit_classifier(model, rows, n_steps=n_steps, seed=seed) for rows in (real, synthetic)
    )
    recalls = {
        "real_on_real": class_recall(on_real, unseen),
        "synthetic_on_real": class_recall(on_synthetic, unseen),
        "real_on_synthetic": class_recall(on_real, synthetic),
    }
    per_class = pd.DataFrame(recalls, index=pd.Index(real.classes, name="class"))
    real_on_real, synthetic_on_real, real_on_synthetic = (
        float(np.nanmean(values)) for values in recalls.values()
    )
    return Utility(real_on_real, synthetic_on_real, real_on_synthetic, per_class)


def class_recall(classifier: Classifier, rows: Rows) -> np.ndarray:
    """Return the recall of each class: shape (n_classes,), NaN for a class without rows."""
    found = classifier.predict_proba(rows.X).argmax(axis=1) == rows.codes
    with np.errstate(invalid="ignore"):
        hits = np.bincount(rows.codes, found, minlength=rows.n_classes)
        recall: np.ndarray = hits / rows.class_counts
    return recall


def hardest(y: ArrayLike, probabilities: ArrayLike, classes: ArrayLike, n: int = 10) -> np.ndarray:
    """Find the rows whose own label gets the lowest probability from a classifier.

    Such rows have a wrong label, or they are the ones from which there is most to learn.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
        Labels of the rows.
    probabilities : array-like of shape (n_rows, n_classes)
        The result of ``classifier.predict_proba(X)``.
    classes : array-like of shape (n_classes,)
        Labels of the columns in any order, such as ``classifier.classes_``.
    n : int
        Maximum number of rows to return.

    Returns
    -------
    ndarray of shape (n,), int64
        Row numbers, the hardest row first.

    Raises
    ------
    InputError
        `probabilities` has another shape, or a label is not among the classes.

    Examples
    --------
    >>> hardest(["a", "b", "a"], [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]], ["a", "b"], n=2).tolist()
    [2, 1]
    """
    labels, columns = LabelCodec.fit(classes, unlabeled=None)
    codes, p = labels.encode(y), np.asarray(probabilities, dtype=float)
    if codes.ndim != 1 or p.shape != (len(codes), len(labels.classes)):
        raise InputError(
            f"probabilities have shape {p.shape}: ({codes.size}, {len(labels.classes)}) is needed, "
            "a row for each label and a column for each class."
        )
    order: np.ndarray = p[np.arange(len(codes)), columns.argsort()[codes]].argsort(kind="stable")
    return order[: check_positive_int("n", n)]
