"""A small model as good as a slow one: it learns the slow one's labels on synthetic rows.

A teacher can be asked anywhere, and a sampler proposes where. What a student gains by this grows
with its distance to the teacher and with its own flexibility: deep trees gain most.
"""

import time
from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from gen_augment.containers import concatenate, take
from gen_augment.data import Rows
from gen_augment.data.folds import check_n_folds, equal_rows
from gen_augment.data.frames import read_frames
from gen_augment.distillation.network import NetworkStudent, model_bytes
from gen_augment.distillation.soft_labels import (
    aligned_proba,
    check_forms,
    check_student,
    check_teachers,
    fit_student,
    hard_labels,
    mean_prediction,
    out_of_fold,
)
from gen_augment.errors import InputError
from gen_augment.rng import RandomState, derive_seed, resolve_seed, seeded_clone
from gen_augment.validation import check_range

__all__ = ["Distilled", "DistilledRegressor"]

#: A model to what it is given of some rows.
Inputs = Callable[[Any], Any]
#: Quantiles of a target that a conditional sampler takes for classes.
N_BINS = 8


class _Distilling(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """What classifiers and regressors share."""

    def __init__(
        self,
        student: Any,
        teacher: Any,
        sampler: Any = None,
        *,
        ratio: float = 10.0,
        n_folds: int = 5,
        modality: Any = None,
        random_state: RandomState = None,
    ) -> None:
        self.student = student
        self.teacher = teacher
        self.sampler = sampler
        self.ratio = ratio
        self.n_folds = n_folds
        self.modality = modality
        self.random_state = random_state

    @abstractmethod
    def _read(self, X: Any, y: Any) -> tuple[Rows, np.ndarray, int | None]:
        """Return rows with class codes, targets of the teacher, and the number of classes."""

    def fit(self, X: Any, y: Any = None, *, unlabelled: Any = None) -> Self:
        """Fit the teacher, draw synthetic rows, and fit the student on the teacher's labels.

        Parameters
        ----------
        X : n rows, as samplers take them
        y : array-like of shape (n,)
        unlabelled : rows, optional
            More real rows of the same form; the teacher labels them too.

        Returns
        -------
        self

        Raises
        ------
        InputError
            A parameter or the data cannot be used.
        """
        check_range("ratio", self.ratio, 0)
        check_n_folds(self.n_folds)
        rows, targets, n_classes = self._read(X, y)
        self._codec, self._modality, self._n_classes = rows.codec, rows.modality, n_classes
        asked = [] if unlabelled is None else [self._gathered(unlabelled)]
        check_forms(rows.codec, asked)
        given = self.student
        if callable(given) and not hasattr(given, "get_params"):
            given = NetworkStudent(given)
        check_student(given, classifies=n_classes is not None)
        several = self.teacher if isinstance(self.teacher, (list, tuple)) else [self.teacher]
        check_teachers(several, classifies=n_classes is not None)
        seed = resolve_seed(self.random_state)
        of = [derive_seed(seed, "teacher", number) for number in range(len(several))]
        teachers = list(map(seeded_clone, several, of))
        student = seeded_clone(given, derive_seed(seed, "student"))
        self._encode = rows.modality.classifier_inputs(rows.codec, rows.X)
        if isinstance(student, NetworkStudent):
            student.set_params(shape=tuple(self._encode(take(rows.X, np.arange(1))).shape[1:]))
        inputs = self._inputs(rows.X)
        self.teacher_ = [clone(model).fit(inputs(model), targets) for model in teachers]
        # A teacher that has seen an equal row knows its label.
        how = n_classes, self.n_folds, derive_seed(seed, "folds") % 2**32, equal_rows(rows)
        folds = [out_of_fold([model], inputs(model), targets, *how) for model in teachers]
        self.n_synthetic_ = round(self.ratio * len(rows)) if self.sampler is not None else 0
        if self.n_synthetic_:
            self.sampler_ = seeded_clone(self.sampler, derive_seed(seed, "sampler")).fit(rows)
            made = self.sampler_.sample(self.n_synthetic_, random_state=0)[0]
            asked.append(self._gathered(made))
        soft = [np.mean(folds, axis=0), *(self._ask(self._inputs(part)) for part in asked)]
        every = self._inputs(concatenate([rows.X, *asked]))
        self.student_ = fit_student(student, every(student), np.concatenate(soft))
        hard = hard_labels(student, targets, n_classes)
        self.baseline_ = clone(student).fit(inputs(student), hard)
        return self

    def _inputs(self, X: Any) -> Inputs:
        """Return what gives each model its inputs: rows as they are to pipelines, else encoded.

        Rows are encoded once, when a model first needs it. Unknown categories and missing values
        that `fit` did not see are errors, since they would be encoded as nothing.
        """
        X = self._gathered(X)

        @cache
        def encoded() -> np.ndarray:
            self._codec.check_known(X)
            return np.asarray(self._encode(X).flatten(1).numpy())

        return lambda model: X if isinstance(model, Pipeline) else encoded()

    def _gathered(self, X: Any) -> Any:
        """Return rows as `fit` keeps them, such as in a DataFrame for polars."""
        return self._modality.gather(read_frames(X, None)[0])

    def _ask(self, inputs: Inputs) -> np.ndarray:
        """Return what the teachers say, averaged."""
        found = [mean_prediction([m], inputs(m), self._n_classes) for m in self.teacher_]
        return np.asarray(np.mean(found, axis=0))

    def cost(self, X: Any) -> dict[str, float]:
        """Measure student and teacher: size in bytes, and microseconds for each row of `X`."""
        check_is_fitted(self, "student_")
        found, inputs = {}, self._inputs(X)
        for name, models in (("student", [self.student_]), ("teacher", self.teacher_)):
            seconds = 0.0
            for model in models:
                given = inputs(model)
                start = time.perf_counter()
                model.predict(given)
                seconds += time.perf_counter() - start
            found[f"{name}_us_per_row"] = 1e6 * seconds / len(X)
            found[f"{name}_bytes"] = sum(map(model_bytes, models))
        return found

    def recovered(self, X: Any, y: Any, *, scoring: Any = None) -> float:
        """Return the share of the teacher's advantage over hard labels that the student has.

        0 is the same student trained on the labels of `y`, 1 is the teacher.

        Parameters
        ----------
        X, y : test rows and their labels
        scoring : callable ``(y_true, prediction) -> float``, optional
            Prediction is what `predict` returns; accuracy or R squared by default.
        """
        check_is_fitted(self, "student_")
        scorer = self._default_score if scoring is None else scoring
        found = self.predictions(X).values()
        student, teacher, baseline = (scorer(y, self._decided(values)) for values in found)
        return float((student - baseline) / (teacher - baseline)) if teacher != baseline else np.nan

    def predictions(self, X: Any) -> dict[str, np.ndarray]:
        """Return what student, teacher and the student on hard labels say of rows.

        Returns
        -------
        dict of str to ndarray
            "student", "teacher" and "hard labels": probabilities of shape (n, n_classes), or
            values (n, 1).
        """
        check_is_fitted(self, "student_")
        inputs = self._inputs(X)
        return {
            "student": self._soft(self.student_, inputs),
            "teacher": self._ask(inputs),
            "hard labels": self._soft(self.baseline_, inputs),
        }

    @staticmethod
    @abstractmethod
    def _default_score(y: Any, prediction: Any) -> float:
        """Score predictions where the user names no score."""

    @abstractmethod
    def _decided(self, soft: np.ndarray) -> Any:
        """Turn soft labels into what `predict` returns."""

    def _soft(self, model: Any, inputs: Inputs) -> np.ndarray:
        """Return what a student says, as the teacher would: probabilities, or values (n, 1)."""
        given = inputs(model)
        if self._n_classes is None or not is_classifier(model):
            values: np.ndarray = np.asarray(model.predict(given)).reshape(len(given), -1)
            if self._n_classes is None:
                return values
            values = values.clip(1e-12, None)
            return np.asarray(values / values.sum(axis=1, keepdims=True))
        return aligned_proba(model, given, self._n_classes)


class Distilled(ClassifierMixin, _Distilling):  # type: ignore[misc]
    """A small classifier that learns the probabilities of a slow one.

    Real rows get the teacher's out-of-fold probabilities. Synthetic rows from `sampler` get those
    of the teacher that has seen all real rows. The student learns both.

    Parameters
    ----------
    student : classifier that takes sample_weight, regressor, or callable returning an nn.Module
        A regressor learns the probabilities themselves. A network gets the inputs of the modality,
        returns logits, and learns by cross-entropy; `NetworkStudent` has settings of training.
    teacher : classifier with predict_proba, or list of them
        Several are averaged.
    sampler : sampler, optional
        Cloned and fitted; without one, only real rows are learned from.
    ratio : float
        Synthetic rows for each real one, in [0, inf).
    n_folds : int
        Folds of the out-of-fold probabilities, 2 or more. Rows of a group, and equal rows, are in
        one fold.
    modality : str, Modality or None
        How the rows are read; None if only one reading is possible.
    random_state : int, RandomState or None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    student_, baseline_ : estimators
        The distilled student, and the same student trained on hard labels.
    teacher_ : list of estimators
    sampler_ : fitted sampler
    n_synthetic_ : int

    Notes
    -----
    Tables of numbers are standardised, other rows encoded, before an estimator sees them. A
    Pipeline gets the rows as they are.

    References
    ----------
    .. [1] Bucila, Caruana and Niculescu-Mizil. "Model Compression." KDD 2006.
    .. [2] Hinton, Vinyals and Dean. "Distilling the Knowledge in a Neural Network." 2015
       (arXiv:1503.02531).

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from gen_augment import KDESampler
    >>> X, y = load_wine(return_X_y=True)
    >>> model = Distilled(
    ...     DecisionTreeClassifier(max_depth=4),
    ...     ExtraTreesClassifier(20),
    ...     KDESampler(),
    ...     random_state=0,
    ... ).fit(X, y)
    >>> model.n_synthetic_, model.predict_proba(X[:2]).shape
    (1780, (2, 3))
    """

    def _read(self, X: Any, y: Any) -> tuple[Rows, np.ndarray, int | None]:
        rows = Rows.read(X, y, modality=self.modality)
        if (rows.codes < 0).any():
            raise InputError("y marks rows without a label: pass them as unlabelled=.")
        self.classes_, self._labels = rows.classes, rows.labels
        return rows, rows.codes, rows.n_classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the student's probabilities: ndarray of shape (n, n_classes)."""
        check_is_fitted(self, "student_")
        return self._soft(self.student_, self._inputs(X))

    def predict(self, X: Any) -> Any:
        """Return the most likely label of each row, in the container that `y` had."""
        return self._decided(self.predict_proba(X))

    def agreement(self, X: Any) -> float:
        """Return the share of rows for which student and teacher name the same class."""
        check_is_fitted(self, "student_")
        inputs = self._inputs(X)
        student, teacher = self._soft(self.student_, inputs), self._ask(inputs)
        return float((student.argmax(axis=1) == teacher.argmax(axis=1)).mean())

    def _decided(self, soft: np.ndarray) -> Any:
        return self._labels.decode(soft.argmax(axis=1))

    @staticmethod
    def _default_score(y: Any, prediction: Any) -> float:
        return float((np.asarray(y) == np.asarray(prediction)).mean())


class DistilledRegressor(RegressorMixin, _Distilling):  # type: ignore[misc]
    """A small regressor that learns the values of a slow one.

    The sampler is conditioned on quantiles of the target, as it needs classes. Parameters and
    attributes are those of `Distilled`.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> from gen_augment import KDESampler
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = DistilledRegressor(
    ...     DecisionTreeRegressor(), RandomForestRegressor(20), KDESampler(), random_state=0
    ... ).fit(X, X[:, 0] * X[:, 1])
    >>> model.predict(X[:2]).shape
    (2,)
    """

    def _read(self, X: Any, y: Any) -> tuple[Rows, np.ndarray, int | None]:
        targets = np.asarray(y, dtype=np.float64)
        if targets.ndim != 1 or not np.isfinite(targets).all():
            raise InputError(f"y of shape {targets.shape} must be one finite number for each row.")
        edges = np.unique(np.quantile(targets, np.linspace(0, 1, N_BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, targets, side="right")
        return Rows.read(X, bins, modality=self.modality), targets, None

    def predict(self, X: Any) -> np.ndarray:
        """Return the student's values: ndarray of shape (n,)."""
        check_is_fitted(self, "student_")
        return self._soft(self.student_, self._inputs(X)).ravel()

    def _decided(self, soft: np.ndarray) -> np.ndarray:
        return soft.ravel()

    @staticmethod
    def _default_score(y: Any, prediction: Any) -> float:
        y = np.asarray(y, dtype=np.float64)
        return float(1 - np.square(y - prediction).sum() / np.square(y - y.mean()).sum())
