"""Synthetic rows as an over-sampler of imbalanced-learn, for its pipelines and for grid searches."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.preprocessing import label_binarize
from sklearn.utils.validation import validate_data
from torch import Tensor

from gen_augment.codecs import LabelCodec
from gen_augment.containers import stack_rows
from gen_augment.data import Rows
from gen_augment.errors import ExhaustedError, InputError, MissingDependencyError
from gen_augment.inject.regression import TargetBins, as_floats, joined, parted, read_target
from gen_augment.inject.strategy import SamplingStrategy
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.samplers.rejection import Filter, check_filters, draw, fit_filter
from gen_augment.types import SupportsSample
from gen_augment.validation import (
    check_all_labelled,
    check_choice,
    check_positive_int,
    check_range,
    check_same_length,
)

try:
    from imblearn.over_sampling.base import BaseOverSampler
    from imblearn.utils import check_target_type
except ImportError as error:
    raise MissingDependencyError(
        "GenerativeOverSampler needs imbalanced-learn: pip install 'gen_augment[imbalanced]'."
    ) from error

__all__ = ["GenerativeOverSampler"]


class GenerativeOverSampler(BaseOverSampler):  # type: ignore[misc] # imbalanced-learn has no types
    """Over-sample with rows that a generator makes, as imbalanced-learn's over-samplers do.

    The generator is fitted on the rows at hand whenever rows have to be made, so in a pipeline of imbalanced-learn it
    sees the training part of each split alone.

    Parameters
    ----------
    sampler : sampler
        Cloned, and fitted by `fit_resample`; its parameters are reached as ``sampler__max_steps`` and the like.
    sampling_strategy : {"auto", "minority", "not minority", "not majority", "all"}, float, dict or callable
        How many rows of each class there are to be, as in imbalanced-learn.
    filters : list of callable, optional
        ``filter(X, y)`` says of each synthetic row whether to keep it; others are drawn in place of those refused.
        Those that have a `fit` are cloned, and fitted with the sampler.
    max_draws : int
        With `filters`: rows to generate for each row that is wanted, at most and on average.
    synthetic_weight : float
        Weight of a synthetic row in `sample_weight_`, at least 0; an original row has 1.
    task : {"classification", "regression"}
        For "regression", `y` holds numbers. They are binned; the bins, numbered from 0, are the classes of
        `sampling_strategy`, `filters` and `sampler`; and the target is the last column of the rows that those see. So
        each synthetic row comes with a target of its own, which lies in the bin that it was made for. `X` is a table.
    n_bins : int
        For "regression": how many, or fewer where one would have less than 6 rows and is joined with the next.
    binning : {"uniform", "quantile"}
        Bins of equal width, or of equally many rows, of which none is rare: for a `sampling_strategy` of counts.
    random_state : int, RandomState, Generator or None
        Seeds the clone of `sampler`; None leaves it the `random_state` that it has.

    Attributes
    ----------
    sampling_strategy_ : dict of label to int
        Rows to make of each class.
    bin_edges_ : ndarray of shape (n_bins + 1,)
        For "regression": where the bins begin, each with its lower edge, and the upper edge of the last.
    sampler_ : sampler or None
        Fitted; None where no row had to be made.
    is_synthetic_ : ndarray of shape (n_samples_new,), bool
        Which of the rows returned are synthetic.
    sample_weight_ : ndarray of shape (n_samples_new,), float64
        For the ``sample_weight`` of a classifier's ``fit``.
    n_features_in_ : int
        Values in one row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` is a DataFrame whose names are all strings.

    Examples
    --------
    >>> from imblearn.datasets import make_imbalance
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> X, y = make_imbalance(*load_wine(return_X_y=True), sampling_strategy={0: 50, 1: 40, 2: 10}, random_state=0)
    >>> over = GenerativeOverSampler(ConditionalVAE(max_steps=20, device="cpu"), random_state=0)
    >>> X_new, y_new = over.fit_resample(X, y)
    >>> np.bincount(y_new).tolist(), int(over.is_synthetic_.sum())
    ([50, 50, 50], 50)

    A target of numbers, of which high ones are rare:

    >>> from gen_augment import SMOTESampler
    >>> X = np.arange(100.0)[:, None]
    >>> y = np.exp(X[:, 0] / 20)
    >>> over = GenerativeOverSampler(SMOTESampler(), task="regression", n_bins=3, random_state=0)
    >>> X_new, y_new = over.fit_resample(X, y)
    >>> [np.histogram(values, over.bin_edges_)[0].tolist() for values in (y, y_new)]
    [[78, 13, 9], [78, 78, 78]]
    """

    # What imbalanced-learn does not know is checked by `_validate_params`, which raises InputError.
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        "random_state": ["random_state", np.random.Generator],
        "sampler": "no_validation",
        "filters": "no_validation",
        "max_draws": "no_validation",
        "synthetic_weight": "no_validation",
        "task": "no_validation",
        "n_bins": "no_validation",
        "binning": "no_validation",
    }

    def __init__(
        self,
        sampler: SupportsSample,
        *,
        sampling_strategy: SamplingStrategy = "auto",
        filters: Sequence[Filter] | None = None,
        max_draws: int = 20,
        synthetic_weight: float = 1.0,
        task: Literal["classification", "regression"] = "classification",
        n_bins: int = 5,
        binning: Literal["uniform", "quantile"] = "uniform",
        random_state: RandomState = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.sampler: Any = sampler  # an estimator besides, which `_check_sampler` sees to
        self.filters = filters
        self.max_draws = max_draws
        self.synthetic_weight = synthetic_weight
        self.task = task
        self.n_bins = n_bins
        self.binning = binning
        self.random_state = random_state

    def fit_resample(self, X: Any, y: Any, **params: Any) -> tuple[Any, Any]:
        """Return the rows and labels given, followed by synthetic ones, class by class.

        Parameters
        ----------
        X : ndarray, Tensor, DataFrame or list of rows
            A table of shape (n_samples, n_columns), of numbers or mixed columns; images of shape (n_samples, H, W),
            (n_samples, H, W, C) or (n_samples, C, H, W); or a list of PIL images.
        y : array-like of shape (n_samples,), or one-hot of shape (n_samples, n_classes)
            Labels, or, for "regression", numbers.
        **params : dict
            None are known; imbalanced-learn's signature.

        Returns
        -------
        X_new : (n_samples_new, ...), of the type and dtypes of `X`
            A DataFrame gets a new index, as everywhere in imbalanced-learn.
        y_new : (n_samples_new,) or (n_samples_new, n_classes), of the type and dtype of `y`

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used.
        ValueError
            `sampling_strategy` does not go with `y`.
        ExhaustedError
            `filters` refuse too many rows, or too few targets lie in their bins.
        """
        if self.task == "regression":
            return self._resample_regression(X, y)
        _check_given(X, y)
        X_new, y_new = super().fit_resample(X, _on_cpu(y), **params)
        if isinstance(y, Tensor):
            return X_new, torch.from_numpy(y_new).to(y.device, y.dtype)
        return X_new, y_new.astype(y.dtype, copy=False) if isinstance(y, np.ndarray) else y_new

    def fit(self, X: Any, y: Any, **params: Any) -> "GenerativeOverSampler":
        """Check `X` and `y`, and find out how many rows to make; `fit_resample` makes them."""
        if self.task == "regression":
            within, rows, bins = self._as_classes(X, y)
            self._take_over(super(GenerativeOverSampler, within).fit(rows, bins))
            return self
        return super().fit(X, y, **params)  # type: ignore[no-any-return]

    def _resample_regression(self, X: Any, y: Any) -> tuple[Any, Any]:
        X = _check_rows(X)
        y = y if isinstance(y, (Tensor, pd.Series, np.ndarray, list)) else np.asarray(y)
        within, rows, bins = self._as_classes(X, y)
        try:
            new, _ = within.fit_resample(rows, bins)
        except ExhaustedError as error:
            text = f"targets have to lie in the bins that they are made for ({len(self.bin_edges_) - 1} bins): {error}"
            raise ExhaustedError(text, kept=error.kept, drawn=error.drawn) from error
        self._take_over(within)
        made = (None, None) if len(new) == len(rows) else parted(new.iloc[len(rows) :], X, y)
        X_new, y_new = _join(X, made[0]), _join(y, made[1])
        return X_new.tolist() if isinstance(X, list) else X_new, y_new.tolist() if isinstance(
            y, list
        ) else y_new

    def _as_classes(
        self, X: Any, y: Any
    ) -> "tuple[GenerativeOverSampler, pd.DataFrame, np.ndarray]":
        """An over-sampler of classes like this one, and what to give it: rows with their target, and its bins."""
        target = read_target(y)
        rows = joined(_check_rows(X), target)
        values = as_floats(target)
        bins = TargetBins.fit(values, self.n_bins, self.binning)
        validate_data(self, X=X, y=values, reset=True, skip_check_array=True)
        self.bin_edges_ = bins.edges

        def in_its_bin(made: pd.DataFrame, number: np.ndarray) -> np.ndarray:
            return np.asarray(bins.number(as_floats(made.iloc[:, -1])) == number)

        within = copy.copy(self)
        within.task, within.filters = "classification", [in_its_bin, *check_filters(self.filters)]
        return within, rows, bins.number(values)

    def _take_over(self, fitted: "GenerativeOverSampler") -> None:
        for name in ("sampling_strategy_", "sampler_", "is_synthetic_", "sample_weight_"):
            if hasattr(fitted, name):
                setattr(self, name, getattr(fitted, name))

    def _validate_params(self) -> None:
        super()._validate_params()
        check_choice("task", self.task, ("classification", "regression"))
        if isinstance(self.sampling_strategy, Mapping) and not isinstance(
            self.sampling_strategy, dict
        ):
            # imbalanced-learn lets it pass, and then makes nothing of it.
            raise InputError(
                f"sampling_strategy={self.sampling_strategy!r} is no dict: give dict(sampling_strategy)."
            )
        _check_sampler(self.sampler)
        if self.random_state is not None and "random_state" not in self.sampler.get_params(
            deep=False
        ):
            raise InputError(
                f"random_state={self.random_state!r}, but {self.sampler!r} takes none: leave it out."
            )
        check_filters(self.filters)
        check_positive_int("max_draws", self.max_draws)
        check_range("synthetic_weight", self.synthetic_weight, 0, np.finfo(np.float64).max)

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, np.ndarray, bool]:
        """X as the sampler is to be fitted on it, labels of shape (n_samples,), and whether `y` is one-hot."""
        labels, one_hot = _check_labels(_on_cpu(y))
        X = _check_rows(X)
        shape = _shape(X)
        check_same_length(shape[0], len(labels))
        # No conversion to an array, which would give all columns of a DataFrame one dtype.
        validate_data(self, X=X, y=labels, reset=True, skip_check_array=True)
        self.n_features_in_ = int(np.prod(shape[1:]))  # scikit-learn counts the rows of an image
        return X, labels, one_hot

    def _fit_resample(self, X: Any, y: np.ndarray) -> tuple[Any, np.ndarray]:
        labels = _labels_to_make(self.sampling_strategy_, y.dtype)
        sampler, rows = None, None
        if len(labels):
            check_all_labelled(LabelCodec.fit(y, partial=True)[1])
            dense = _densify(X)
            sampler = self._make_sampler().fit(dense, y)
            known = Rows.read(dense, y)
            filters = [
                fit_filter(clone(keep) if hasattr(keep, "fit") else keep, known, sampler)
                for keep in check_filters(self.filters)
            ]
            rows, _ = draw(sampler, labels, filters=filters, max_draws=self.max_draws)
        self.sampler_ = sampler
        self.is_synthetic_ = np.arange(len(y) + len(labels)) >= len(y)
        self.sample_weight_ = np.where(self.is_synthetic_, float(self.synthetic_weight), 1.0)
        return _join(X, rows), np.concatenate([y, labels])

    def _make_sampler(self) -> Any:
        sampler = clone(self.sampler)
        if self.random_state is not None:
            seed = derive_seed(resolve_seed(self.random_state), "sampler") % 2**31
            sampler.set_params(random_state=seed)
        return sampler

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.three_d_array = True
        return tags


def _check_sampler(sampler: Any) -> None:
    if isinstance(sampler, type):
        raise InputError(
            f"sampler={sampler.__name__} is a class: give an instance, {sampler.__name__}()."
        )
    missing = [
        name
        for name in ("fit", "generate", "get_params", "set_params")
        if not hasattr(sampler, name)
    ]
    if missing:
        raise InputError(
            f"sampler={sampler!r} has no {', '.join(missing)}: give a sampler such as ConditionalVAE()."
        )


def _check_given(X: Any, y: Any) -> None:
    """What imbalanced-learn would stumble over before it asks for checks."""
    if isinstance(X, pd.DataFrame) and X.columns.has_duplicates:
        raise InputError(
            f"column names occur twice: {X.columns[X.columns.duplicated()].tolist()}. Rename them."
        )
    if isinstance(y, (pd.Series, np.ndarray, list)) and np.ndim(y) == 1:
        missing = np.asarray(pd.isna(np.asarray(y, dtype=object) if isinstance(y, list) else y))
        if missing.any():
            raise InputError(
                f"y has no label in row {int(np.argmax(missing))}: label that row, or leave it out."
            )


def _check_labels(y: Any) -> tuple[np.ndarray, bool]:
    """One label a row, and whether `y` was one-hot."""
    if issparse(y):
        raise InputError("y is a sparse matrix: give one label for each row.")
    # imbalanced-learn sums the rows of a one-hot y, which lists and DataFrames do not do its way.
    labels, one_hot = check_target_type(
        np.asarray(y) if np.ndim(y) > 1 else y, indicate_one_vs_all=True
    )
    if one_hot and not np.array_equal(label_binarize(labels, classes=np.unique(labels)), y):
        raise InputError(
            f"y of shape {np.shape(y)} is not one-hot over three or more classes with rows in each, and would not come "
            "back as it is: give one label for each row, for example y.argmax(axis=1)."
        )
    return labels, one_hot


def _check_rows(X: Any) -> Any:
    """X, in its container if it is one that synthetic rows come in, and as an array if not."""
    if issparse(X):
        raise InputError(
            f"X is a sparse matrix of shape {X.shape}, and synthetic rows are dense: give X.toarray()."
        )
    if isinstance(X, tuple):
        X = stack_rows(X)
    return X if isinstance(X, (np.ndarray, pd.DataFrame, Tensor, list)) else np.asarray(X)


def _shape(X: Any) -> tuple[int, ...]:
    rows = stack_rows(X)
    shape = (
        (len(rows), *np.shape(rows[0])) if isinstance(rows, list) else tuple(rows.shape)
    )  # a list of PIL images
    if len(shape) < 2:
        raise InputError(
            f"X has shape {shape}: give a table of shape (n_samples, n_columns), or images of shape (n_samples, H, W), "
            "(n_samples, H, W, C) or (n_samples, C, H, W)."
        )
    return shape


def _labels_to_make(strategy: Mapping[Any, int], dtype: np.dtype[Any]) -> np.ndarray:
    """One label for each row to make, class by class."""
    for label, count in strategy.items():
        if not isinstance(count, (int, np.integer)):
            raise InputError(
                f"sampling_strategy asks for {count} more rows of {label!r}: give whole numbers of rows."
            )
    counts = np.array(list(strategy.values()), dtype=np.int64)
    return np.repeat(np.array(list(strategy), dtype=dtype), counts)


def _densify(X: Any) -> Any:
    """A DataFrame without sparse columns: samplers refuse them, and `_join` makes the new rows sparse again."""
    if not isinstance(X, pd.DataFrame):
        return X
    return X.astype(
        {name: d.subtype for name, d in X.dtypes.items() if isinstance(d, pd.SparseDtype)}
    )


def _join(X: Any, rows: Any | None) -> Any:
    """A copy of `X` followed by `rows`, in the container of `X`; rows of a list as an array of objects."""
    if isinstance(X, list):
        return _objects(X, rows)
    new = [] if rows is None else [rows]
    if isinstance(X, (pd.DataFrame, pd.Series)):
        return pd.concat([X, *(part.astype(X.dtypes) for part in new)], ignore_index=True)
    if isinstance(X, Tensor):
        return torch.cat([X, *(part.to(X.device) for part in new)])
    return np.concatenate([X, *new], dtype=X.dtype)  # which keeps a foreign byte order


def _objects(X: list[Any], rows: Any | None) -> np.ndarray:
    """The rows of a list as they are: imbalanced-learn calls ``tolist``, which would take real arrays apart."""
    plain = isinstance(rows, np.ndarray) and isinstance(X[0], (list, tuple))
    new = [] if rows is None else rows.tolist() if plain else list(rows)
    joined = np.empty(len(X) + len(new), dtype=object)
    for i, row in enumerate([*X, *new]):
        joined[i] = row
    return joined


def _on_cpu(y: Any) -> Any:
    return y.detach().cpu().numpy() if isinstance(y, Tensor) else y
