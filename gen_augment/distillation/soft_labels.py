"""A teacher's labels: out of fold on the rows it learns from, and learned by any student.

References
----------
Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015 (arXiv:1503.02531).
Bucila, Caruana and Niculescu-Mizil, "Model Compression", KDD 2006.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, PredefinedSplit, StratifiedKFold
from sklearn.utils.validation import has_fit_parameter

from gen_augment.containers import take
from gen_augment.data.folds import grouped_folds
from gen_augment.errors import InputError
from gen_augment.modalities import Codec

__all__ = [
    "aligned_proba",
    "check_forms",
    "check_student",
    "check_teachers",
    "fit_student",
    "fit_weighted",
    "hard_labels",
    "mean_prediction",
    "out_of_fold",
]

#: Probabilities below this do not become a weighted row of their own.
LEAST_WEIGHT = 1e-3


def aligned_proba(model: Any, X: Any, n_classes: int) -> np.ndarray:
    """Return probabilities of all classes, 0 for those that `model` has not seen.

    Parameters
    ----------
    model : fitted classifier whose `classes_` are class codes
    X : n rows
    n_classes : int

    Returns
    -------
    ndarray of shape (n, n_classes)
    """
    out = np.zeros((len(X), n_classes))
    out[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(X)
    return out


def mean_prediction(models: Sequence[Any], X: Any, n_classes: int | None) -> np.ndarray:
    """Average what teachers predict: probabilities of shape (n, n_classes), or values (n, 1)."""
    if n_classes is None:
        values = np.stack([np.asarray(model.predict(X)).reshape(len(X), -1) for model in models])
    else:
        values = np.stack([aligned_proba(model, X, n_classes) for model in models])
    mean: np.ndarray = values.mean(axis=0)
    return mean


def out_of_fold(
    models: Sequence[Any],
    X: Any,
    y: np.ndarray,
    n_classes: int | None,
    n_folds: int,
    seed: int,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Predict each row by teachers that have not seen it.

    Labels that a teacher gives to its own training rows are overconfident: they are the hard
    labels again.

    Parameters
    ----------
    models : unfitted estimators
    X : array-like of shape (n, n_features)
    y : ndarray of shape (n,)
        Class codes, or values for regression.
    n_classes : int or None
        None for regression.
    n_folds : int
        At most; there are no more folds than groups, nor than rows of a class that has 2 or more
        rows and no groups.
    seed : int
    groups : ndarray of shape (n,), optional
        Rows of a group are in the same fold.

    Returns
    -------
    ndarray of shape (n, n_classes), or (n, 1) for regression

    Raises
    ------
    InputError
        All rows are of one group.
    """
    width = 1 if n_classes is None else n_classes
    out = np.empty((len(y), width))
    for train, held_out in _folds(y, n_classes, n_folds, seed, groups):
        fitted = [clone(model).fit(_part(X, train), y[train]) for model in models]
        out[held_out] = mean_prediction(fitted, _part(X, held_out), n_classes)
    return out


def _folds(
    y: np.ndarray, n_classes: int | None, n_folds: int, seed: int, groups: np.ndarray | None
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Return positions of the rows to fit on and of those held out, for each fold."""
    if len(y) < 2 or (groups is not None and len(np.unique(groups)) < 2):
        raise InputError(
            f"all {len(y)} rows are equal or of one group, so no teacher can label rows that it "
            "has not seen: give rows of 2 or more groups."
        )
    if groups is not None:
        folds: Any = PredefinedSplit(grouped_folds(y, n_classes, n_folds, seed, groups))
    elif n_classes is None:
        folds = KFold(min(n_folds, len(y)), shuffle=True, random_state=seed)
    else:
        counts = np.bincount(y)
        n_folds = max(2, min(n_folds, int(counts[counts > 1].min(initial=n_folds))))
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    split: Iterable[tuple[np.ndarray, np.ndarray]] = folds.split(np.zeros(len(y)), y)
    return split


def check_student(student: Any, *, classifies: bool) -> None:
    """Raise `InputError` unless `student` can learn soft labels."""
    if not hasattr(student, "fit") or isinstance(student, type):
        raise InputError(f"student={student!r} is not an instance of a scikit-learn estimator.")
    if classifies and is_classifier(student) and not has_fit_parameter(student, "sample_weight"):
        raise InputError(
            f"student={student!r} takes no sample_weight, so it cannot learn probabilities: give a "
            "classifier that does, or a regressor, which learns the probabilities themselves."
        )
    if classifies and is_classifier(student) and not hasattr(student, "predict_proba"):
        raise InputError(
            f"student={student!r} has no predict_proba: give a classifier that has, such as "
            "CalibratedClassifierCV(student), or a regressor."
        )
    if not classifies and hasattr(student, "shape"):
        raise InputError("a network learns probabilities: give an estimator that is a regressor.")
    if not classifies and is_classifier(student):
        raise InputError(f"student={student!r} is a classifier: give a regressor.")


def check_teachers(teachers: Sequence[Any], *, classifies: bool) -> None:
    """Raise `InputError` for a teacher that cannot be asked."""
    needed = "predict_proba" if classifies else "predict"
    for model in teachers:
        if isinstance(model, type) or not hasattr(model, "fit") or not hasattr(model, needed):
            raise InputError(f"teacher={model!r} is not an instance of an estimator with {needed}.")


def check_forms(codec: Codec, unlabelled: Sequence[Any]) -> None:
    """Raise `InputError` for unlabelled rows of another form than those that were fitted."""
    for rows in unlabelled:
        try:
            codec.encode(take(rows, np.arange(min(1, len(rows)))))
        except (InputError, TypeError, ValueError) as error:
            raise InputError(f"unlabelled= has not the form of X: {error}") from error


def fit_student(student: Any, X: Any, soft: np.ndarray) -> Any:
    """Fit a clone of a student to soft labels.

    A classifier gets each row once for each class, weighted by the probability; a regressor gets
    the probabilities as targets. For a tree with Gini impurity both are the same.

    Parameters
    ----------
    student : estimator
    X : array-like of shape (n, n_features)
    soft : ndarray of shape (n, n_classes), or (n, 1) for regression

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, soft = np.array([[0.0], [1.0]]), np.array([[0.75, 0.25], [0.5, 0.5]])
    >>> fit_student(DecisionTreeClassifier(), X, soft).predict_proba(X).tolist()
    [[0.75, 0.25], [0.5, 0.5]]
    """
    model = clone(student)
    if not is_classifier(model):
        return model.fit(X, soft.ravel() if soft.shape[1] == 1 else soft)
    return fit_weighted(model, X, soft)


def fit_weighted(
    classifier: Any,
    X: Any,
    soft: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    key: str = "sample_weight",
) -> Any:
    """Fit a classifier to each row once for each class, weighted by the probability.

    Parameters
    ----------
    classifier : estimator
        Fitted in place.
    X : n rows
    soft : ndarray of shape (n, n_classes)
    weights : ndarray of shape (n,), optional
        Weights of the rows.
    key : str
        Name of the weights as an argument of `fit`.
    """
    row, code = np.nonzero(soft >= LEAST_WEIGHT)
    weight = soft[row, code] * (1 if weights is None else weights[row])
    return classifier.fit(_part(X, row), code, **{key: weight})


def hard_labels(student: Any, targets: np.ndarray, n_classes: int | None) -> np.ndarray:
    """Return the targets as the student would be given them without a teacher."""
    if n_classes is None or is_classifier(student):
        return targets
    hot: np.ndarray = np.eye(n_classes)[targets]
    return hot


def _part(X: Any, index: np.ndarray) -> Any:
    return X.iloc[index] if hasattr(X, "iloc") else X[index]
