"""Scores of predicted probabilities: the metrics of this package, and scorers of scikit-learn."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer

from gen_augment.errors import InputError

__all__ = [
    "METRICS",
    "Metric",
    "MetricLike",
    "expected_calibration_error",
    "find_metrics",
    "geometric_mean",
    "score",
    "scores",
]

#: A metric of `METRICS`, the name of a scikit-learn scorer, or a scorer
#: ``scorer(estimator, X, y) -> float``.
MetricLike = str | Callable[..., float]


@dataclass(frozen=True)
class Metric:
    """A score of class probabilities.

    Attributes
    ----------
    name : str
        As `Study` takes it, and as columns of results end.
    label : str
        The name in words.
    higher_is_better : bool
    percent : bool
        Whether values and differences are shown in hundredths.
    is_area : bool
        Whether it is an area under a curve, which needs rows of two classes.
    scorer : callable, optional
        ``scorer(estimator, X, y) -> float`` of scikit-learn or of the user; larger is better.
    labels : tuple, optional
        The user's labels, if the scorer gets them instead of class codes.
    """

    name: str
    label: str
    higher_is_better: bool = True
    percent: bool = True
    is_area: bool = False
    scorer: Any = None
    labels: tuple[Any, ...] | None = None

    @property
    def can_score(self) -> bool:
        """Whether it can score; a callable of the user is not saved with a result."""
        return self.scorer is not None or self.name in METRICS

    @property
    def sign(self) -> int:
        """1 or -1, such that a positive difference is better."""
        return 1 if self.higher_is_better else -1

    @property
    def scale(self) -> float:
        """Factor from a score to the number that is shown."""
        return 100 if self.percent else 1

    @property
    def unit(self) -> str:
        """Unit of shown differences, after a space."""
        return " points" if self.percent else ""


#: The metrics that every trial has, by name.
METRICS = {
    metric.name: metric
    for metric in (
        Metric("balanced_accuracy", "balanced accuracy"),
        Metric("accuracy", "accuracy"),
        Metric("macro_f1", "macro F1"),
        Metric("worst_class_recall", "worst-class recall"),
        Metric("geometric_mean", "geometric mean of recalls"),
        Metric("roc_auc", "area under the ROC curve", is_area=True),
        Metric("average_precision", "average precision", is_area=True),
        Metric("nll", "negative log-likelihood", higher_is_better=False, percent=False),
        Metric("brier", "Brier score", higher_is_better=False, percent=False),
        Metric("ece", "expected calibration error", higher_is_better=False),
    )
}


def find_metrics(
    metric: MetricLike | Sequence[MetricLike],
    classes: np.ndarray,
    tested: np.ndarray | None = None,
) -> tuple[Metric, ...]:
    """Return the metric that decides, followed by others that are reported too.

    Parameters
    ----------
    metric : str, callable, or sequence of them
        A name in `METRICS`, the name of a scikit-learn scorer, which gets class codes as labels,
        a scorer ``scorer(estimator, X, y)``, which gets the user's labels, or a function
        ``function(y_true, y_pred)`` of labels, of which more is better. The first decides.
    classes : ndarray of shape (n_classes,)
        The user's labels.
    tested : ndarray of int, optional
        Codes of the classes that a test part has; all by default.

    Raises
    ------
    InputError
        A metric is not known, cannot score probabilities of these classes, or is given twice.
    """
    given = [metric] if isinstance(metric, str) or callable(metric) else list(metric)
    found = tuple(_find_metric(each, classes) for each in given)
    if not found or len({each.name for each in found}) < len(found):
        names = [each.name for each in found]
        raise InputError(f"metric={names}: give at least one, and each name once.")
    for each in found:
        if each.scorer is not None:
            _check_scorer(each, classes, np.arange(len(classes)) if tested is None else tested)
    return found


def _find_metric(metric: MetricLike, classes: np.ndarray) -> Metric:
    if isinstance(metric, str):
        if metric in METRICS:
            return METRICS[metric]
        if metric in get_scorer_names():
            lowered = metric.startswith("neg_")
            label = metric.removeprefix("neg_").replace("_", " ")
            label = f"negative {label}" if lowered else label
            return Metric(metric, label, percent=not lowered, scorer=get_scorer(metric))
    elif callable(metric):
        function = getattr(metric, "_score_func", metric)
        name = getattr(function, "__name__", type(metric).__name__)
        label = name.replace("_", " ")
        if getattr(metric, "_sign", 1) < 0:  # a scorer of a loss returns the negative loss
            label = f"negative {label}"
        labels = tuple(classes.tolist())
        scorer = _scorer_of(metric, name) if _takes_predictions(metric) else metric
        return Metric(name, label, percent=False, scorer=scorer, labels=labels)
    raise InputError(
        f"metric={metric!r} is not one of {', '.join(METRICS)}, the name of a scikit-learn scorer, "
        "a scorer(estimator, X, y), or a function(y_true, y_pred)."
    )


def _takes_predictions(metric: Any) -> bool:
    """Whether a callable takes true and predicted labels, and not an estimator and rows."""
    try:
        signature(metric).bind(None, None)
    except (TypeError, ValueError):  # it needs other arguments, or its signature is not known
        return False
    return True


def _scorer_of(metric: Any, name: str) -> Any:
    if name.endswith(("_loss", "_error")):
        raise InputError(
            f"metric={name!r} may be better where it is lower: give "
            f"make_scorer({name}, greater_is_better=False)."
        )
    return make_scorer(metric)


def _check_scorer(metric: Metric, classes: np.ndarray, tested: np.ndarray) -> None:
    """Score made-up predictions, so that a metric that cannot be used fails before training."""
    n_classes = len(classes)
    codes = np.tile(tested, 2)
    probabilities = np.full((len(codes), n_classes), 0.5 / n_classes)
    probabilities[np.arange(len(codes)), codes] += 0.5
    try:
        score(metric, codes, probabilities)
    except Exception as error:  # scikit-learn raises several kinds
        where = ""
        if len(tested) < n_classes:
            lacking = np.delete(classes, tested).tolist()
            where = f" in a test part without rows of {lacking}"
        raise InputError(
            f"metric={metric.name!r} cannot score probabilities of {n_classes} classes{where}: "
            f"{error}"
        ) from error


class _Predicted(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """A fitted classifier that returns known probabilities, as scorers expect one."""

    def __init__(self, classes: np.ndarray, probabilities: np.ndarray) -> None:
        self.classes_ = classes
        self.probabilities = probabilities

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the known probabilities."""
        return self.probabilities

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable labels."""
        return np.asarray(self.classes_[self.probabilities.argmax(axis=1)])

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the probability of the second of two classes, or all probabilities."""
        p = self.probabilities
        return p[:, 1] if p.shape[1] == 2 else p


def score(metric: Metric, codes: np.ndarray, probabilities: np.ndarray) -> float:
    """Return one score.

    Parameters
    ----------
    metric : Metric
    codes : ndarray of shape (n,)
        True class codes.
    probabilities : ndarray of shape (n, n_classes)
    """
    if metric.scorer is None:
        return scores(codes, probabilities, areas=metric.is_area)[metric.name]
    n_classes = probabilities.shape[1]
    labels = np.array(range(n_classes) if metric.labels is None else metric.labels)
    rows = np.zeros((len(codes), 1))
    return float(metric.scorer(_Predicted(labels, probabilities), rows, labels[codes]))


def scores(codes: np.ndarray, probabilities: np.ndarray, *, areas: bool = True) -> dict[str, float]:
    """Return all of `METRICS`.

    ROC AUC and average precision are means over classes, each against the rest; for two classes,
    they are those of the second. The Brier score is the squared distance between probabilities
    and the one-hot label, in [0, 2]. Classes without rows are left out; if only one class has
    rows, the two areas are NaN.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        True class codes.
    probabilities : ndarray of shape (n, n_classes)
    areas : bool
        Whether to include the two areas, which take most of the time.
    """
    predicted, n_classes = probabilities.argmax(axis=1), probabilities.shape[1]
    true, claimed = (np.bincount(given, minlength=n_classes) for given in (codes, predicted))
    right = np.bincount(codes[predicted == codes], minlength=n_classes)
    present = np.flatnonzero(true)
    recall = right[present] / true[present]
    likelihood = np.clip(probabilities[np.arange(len(codes)), codes], 1e-12, 1)
    truth = np.eye(n_classes)[codes]
    return {
        "balanced_accuracy": float(recall.mean()),
        "accuracy": float((predicted == codes).mean()),
        "macro_f1": float((2 * right[present] / (true + claimed)[present]).mean()),
        "worst_class_recall": float(recall.min()),
        "geometric_mean": geometric_mean(recall),
        **(_areas(truth, probabilities, present) if areas else {}),
        "nll": float(-np.log(likelihood).mean()),
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()),
        "ece": expected_calibration_error(codes, probabilities),
    }


def all_scores(codes: np.ndarray, p: np.ndarray, more: Iterable[Metric]) -> dict[str, float]:
    """Return all of `METRICS` and `more` metrics of the user, by name."""
    return scores(codes, p) | {metric.name: score(metric, codes, p) for metric in more}


def geometric_mean(recall: np.ndarray) -> float:
    """Geometric mean of recalls; 0 if a class is never found (Kubat and Matwin 1997).

    Examples
    --------
    >>> round(geometric_mean(np.array([0.9, 0.4])), 6)
    0.6
    """
    return float(np.exp(np.log(recall).mean())) if (recall > 0).all() else 0.0


def _areas(truth: np.ndarray, probabilities: np.ndarray, present: np.ndarray) -> dict[str, float]:
    if len(present) < 2:
        return {"roc_auc": float("nan"), "average_precision": float("nan")}
    columns = [1] if truth.shape[1] == 2 else present
    found = [_areas_of_one(truth[:, c] > 0, probabilities[:, c]) for c in columns]
    roc, precision = np.mean(found, axis=0).tolist()
    return {"roc_auc": roc, "average_precision": precision}


def _areas_of_one(positive: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """ROC AUC, with ties counted half, and average precision, from one sort.

    Scikit-learn's functions spend more time on checks than on the sums.
    """
    order = np.argsort(-values, kind="stable")
    steps = np.flatnonzero(np.diff(values[order]))
    last = np.append(steps, len(values) - 1)  # the end of each run of equal values
    hits = np.cumsum(positive[order])[last]
    misses = last + 1 - hits
    recall, precision = hits / hits[-1], hits / (last + 1)
    gained = np.diff(recall, prepend=0)
    roc = np.diff(misses, prepend=0) @ (recall - gained / 2) / misses[-1]
    return float(roc), float(gained @ precision)


def expected_calibration_error(
    codes: np.ndarray, probabilities: np.ndarray, n_bins: int = 15
) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by rows.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", 2017 (arXiv:1706.04599), equation 3.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == codes
    which = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(which, correct - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(codes))
