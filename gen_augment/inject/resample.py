"""`GenerativeOverSampler`: synthetic rows in imbalanced-learn's pipelines and grid searches."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import torch
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.utils.validation import validate_data
from torch import Tensor

from gen_augment.containers import (
    check_no_records,
    holds_objects,
    library_of,
    pandas_only,
    to_library,
)
from gen_augment.data import LabelCodec, Rows
from gen_augment.errors import ExhaustedError, InputError, MissingDependencyError
from gen_augment.inject.class_counts import SamplingStrategy
from gen_augment.inject.target_bins import TargetBins, as_floats, joined, parted, read_target
from gen_augment.modalities import Modality
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.samplers import Sampler
from gen_augment.samplers.rejection import Filter, check_filters, draw
from gen_augment.types import SupportsSample
from gen_augment.validation import (
    check_choice,
    check_positive_int,
    check_range,
    check_same_length,
)

try:
    from imblearn.over_sampling.base import BaseOverSampler

    from gen_augment.inject.resampled_data import (
        check_given,
        check_labels,
        check_rows,
        check_sampler,
        check_weights,
        densify,
        fitted_filter,
        join,
        join_sparse,
        labels_to_make,
        on_cpu,
        shape_of,
        with_names,
    )
except ImportError as error:
    raise MissingDependencyError(
        "GenerativeOverSampler needs imbalanced-learn: pip install 'gen_augment[imbalanced]'."
    ) from error

__all__ = ["GenerativeOverSampler"]

_OWN_PARAMETERS = (
    "sampler", "filters", "max_draws", "synthetic_weight", "task", "n_bins", "binning",
    "modality",
)  # fmt: skip


class GenerativeOverSampler(BaseOverSampler):  # type: ignore[misc] # imbalanced-learn has no types
    """Over-sample with synthetic rows, as imbalanced-learn's over-samplers do.

    The generator is fitted whenever rows have to be made. In a pipeline of imbalanced-learn,
    it therefore sees only the training part of each split. Such a pipeline passes weights of rows
    past its over-sampler; `gen_augment.inject.resampled_estimator.ResampledEstimator` does not.

    Parameters
    ----------
    sampler : sampler
        Cloned, and fitted by `fit_resample`. Its parameters are available as
        ``sampler__max_steps`` and the like.
    sampling_strategy : {"auto", "minority", "not minority", "not majority", "all"}, float, \
            dict or callable
        How many rows each class shall have, as in imbalanced-learn.
    filters : list of callable, optional
        ``filter(X, y)`` returns for each synthetic row whether to keep it; refused rows are
        drawn again. Filters that have a `fit` are cloned, and fitted with the sampler.
    max_draws : int
        With `filters`: how many rows to generate on average per row, at most.
    synthetic_weight : float
        Weight of a synthetic row in `sample_weight_`, relative to the mean weight of the
        original rows of its class; at least 0.
    task : {"classification", "regression"}
        For "regression", `y` holds numbers, which are binned. The bins, numbered from 0, are
        the classes of `sampling_strategy`, `filters` and `sampler`, and the target is the
        last column of the rows that those receive. Each synthetic row therefore has its own
        target, in the bin that it was made for. `X` is a table.
    n_bins : int
        For "regression": number of bins. Bins of less than 6 rows are joined with the next.
    binning : {"uniform", "quantile"}
        Bins of equal width, or of equally many rows. With "quantile" no bin is rare, so use
        a `sampling_strategy` of counts.
    modality : str, Modality or None
        How `sampler` and `filters` read the rows; None leaves the sampler's own.
    random_state : int, RandomState, Generator or None
        Seeds the clone of `sampler`; for None it keeps its own `random_state`.

    Attributes
    ----------
    sampling_strategy_ : dict of label to int
        Rows to make of each class.
    bin_edges_ : ndarray of shape (n_bins + 1,)
        For "regression": lower edges of the bins, and the upper edge of the last.
    sampler_ : sampler or None
        Fitted; None if no row had to be made.
    is_synthetic_ : ndarray of shape (n_samples_new,), bool
        Which of the rows returned are synthetic.
    sample_weight_ : ndarray of shape (n_samples_new,), float64
        For the ``sample_weight`` of a classifier's ``fit``: weights of the original rows,
        then of the synthetic ones.
    n_features_in_ : int
        Values in one row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where `X` is a DataFrame whose names are all strings.

    Examples
    --------
    >>> from imblearn.datasets import make_imbalance
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalVAE
    >>> counts = {0: 50, 1: 40, 2: 10}
    >>> X, y = make_imbalance(
    ...     *load_wine(return_X_y=True), sampling_strategy=counts, random_state=0
    ... )
    >>> over = GenerativeOverSampler(ConditionalVAE(max_steps=20, device="cpu"), random_state=0)
    >>> X_new, y_new = over.fit_resample(X, y)
    >>> np.bincount(y_new).tolist(), int(over.is_synthetic_.sum())
    ([50, 50, 50], 50)
    """

    # Our own parameters are checked by `_validate_params`, which raises InputError.
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        "random_state": ["random_state", np.random.Generator],
        **dict.fromkeys(_OWN_PARAMETERS, "no_validation"),
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
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.sampler: Any = sampler  # also an estimator, see `check_sampler`
        self.filters = filters
        self.max_draws = max_draws
        self.synthetic_weight = synthetic_weight
        self.task = task
        self.n_bins = n_bins
        self.binning = binning
        self.modality = modality
        self.random_state = random_state

    def fit_resample(
        self, X: Any, y: Any, sample_weight: Any = None, **params: Any
    ) -> tuple[Any, Any]:
        """Return the rows and labels given, followed by synthetic ones, class by class.

        Parameters
        ----------
        X : ndarray, sparse matrix, Tensor, DataFrame or list of rows
            A table of shape (n_samples, n_columns), of numbers or mixed columns; images of
            shape (n_samples, H, W), (n_samples, H, W, C) or (n_samples, C, H, W); a list of
            PIL images; or what else the sampler's modality reads, such as a Series of texts. A
            sparse matrix is made dense to fit the sampler.
        y : array-like of shape (n_samples,), or one-hot of shape (n_samples, n_classes)
            Labels, or, for "regression", numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows given, at least 0. `sample_weight_` continues them.
        **params : dict
            Not used; part of imbalanced-learn's signature.

        Returns
        -------
        X_new : (n_samples_new, ...), of the type and dtypes of `X`
            A DataFrame gets a new index, as in all of imbalanced-learn.
        y_new : (n_samples_new,) or (n_samples_new, n_classes), of the type and dtype of `y`

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used.
        ValueError
            `sampling_strategy` does not match `y`.
        ExhaustedError
            `filters` refuse too many rows, or too few targets lie in their bins.
        """
        if issparse(X):
            X_new, y_new = self.fit_resample(X.toarray(), y, sample_weight, **params)
            return join_sparse(X, X_new[X.shape[0] :]), y_new
        check_no_records(X)
        if (library := library_of(X)) in ("polars", "pyarrow") or holds_objects(X):
            X_new, y_new = self.fit_resample(pandas_only(X), y, sample_weight, **params)
            return to_library(X_new, library), y_new
        if sample_weight is not None:
            params["sample_weight"] = check_weights(sample_weight, len(X))
        if self.task == "regression":
            return self._resample_regression(X, y, params)
        check_given(X, y)
        if np.ndim(y) == 1:
            # imbalanced-learn rewrites some labels, such as Enum members and categories.
            labels, codes = LabelCodec.fit(y, unlabeled=None)
            X_new, y_new = super().fit_resample(X, labels.classes[codes], **params)
            y_new = labels.decode(labels.encode(y_new))
            return X_new, y_new.to(y.device) if isinstance(y, Tensor) else y_new
        X_new, y_new = super().fit_resample(X, on_cpu(y), **params)
        if isinstance(y, Tensor):
            return X_new, torch.from_numpy(y_new).to(y.device, y.dtype)
        return X_new, y_new.astype(y.dtype, copy=False) if isinstance(y, np.ndarray) else y_new

    def fit(self, X: Any, y: Any, **params: Any) -> "GenerativeOverSampler":
        """Check `X` and `y`, and count the rows to make; `fit_resample` makes them."""
        X = X.toarray() if issparse(X) else X
        if self.task == "regression":
            within, rows, bins = self._as_classes(X, y)
            self._take_over(super(GenerativeOverSampler, within).fit(rows, bins))
            return self
        return super().fit(X, y, **params)  # type: ignore[no-any-return]

    def _resample_regression(self, X: Any, y: Any, params: dict[str, Any]) -> tuple[Any, Any]:
        X = check_rows(X)
        y = y if isinstance(y, (Tensor, pd.Series, np.ndarray, list)) else np.asarray(y)
        within, rows, bins = self._as_classes(X, y)
        try:
            new, _ = within.fit_resample(rows, bins, **params)
        except ExhaustedError as error:
            n_bins = len(self.bin_edges_) - 1
            text = f"targets must lie in the bins that they are made for ({n_bins} bins): {error}"
            raise ExhaustedError(text, kept=error.kept, drawn=error.drawn) from error
        self._take_over(within)
        made = (None, None) if len(new) == len(rows) else parted(new.iloc[len(rows) :], X, y)
        X_new, y_new = join(X, made[0]), join(y, made[1])
        X_new = X_new.tolist() if isinstance(X, list) else X_new
        return X_new, y_new.tolist() if isinstance(y, list) else y_new

    def _as_classes(
        self, X: Any, y: Any
    ) -> "tuple[GenerativeOverSampler, pd.DataFrame, np.ndarray]":
        """Return an over-sampler of classes like this one, rows with their target, and its bins."""
        target = read_target(y)
        rows = joined(check_rows(X), target)
        values = as_floats(target)
        bins = TargetBins.fit(values, self.n_bins, self.binning)
        validate_data(self, X=with_names(X), y=values, reset=True, skip_check_array=True)
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
            # imbalanced-learn accepts it, and then makes no rows.
            raise InputError(
                f"sampling_strategy={self.sampling_strategy!r} is not a dict: give "
                "dict(sampling_strategy)."
            )
        check_sampler(self.sampler, self.random_state)
        check_filters(self.filters)
        check_positive_int("max_draws", self.max_draws)
        check_range("synthetic_weight", self.synthetic_weight, 0, np.finfo(np.float64).max)

    def _check_X_y(self, X: Any, y: Any) -> tuple[Any, np.ndarray, bool]:
        """Return X for the sampler, labels of shape (n_samples,), and whether `y` is one-hot."""
        labels, one_hot = check_labels(on_cpu(y))
        X = check_rows(X)
        shape = shape_of(X, self.modality or getattr(self.sampler, "modality", None))
        check_same_length(shape[0], len(labels))
        # A conversion to an array would give all columns of a DataFrame one dtype.
        validate_data(self, X=with_names(X), y=labels, reset=True, skip_check_array=True)
        self.n_features_in_ = int(np.prod(shape[1:]))  # scikit-learn counts the rows of an image
        return X, labels, one_hot

    def _fit_resample(
        self, X: Any, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tuple[Any, np.ndarray]:
        labels = labels_to_make(self.sampling_strategy_, y.dtype)
        sampler, rows = None, None
        if len(labels):
            sampler = self._make_sampler()
            modality = getattr(sampler, "modality", None)
            known = Rows.read(densify(X), y, modality=modality, unlabeled=None)
            # A sampler of the user's own may know nothing of Rows.
            given = (known,) if isinstance(sampler, Sampler) else (known.X, y)
            sampler = sampler.fit(*given)
            filters = [
                fitted_filter(keep, known, sampler) if hasattr(keep, "fit") else keep
                for keep in check_filters(self.filters)
            ]
            rows, _ = draw(sampler, labels, filters=filters, max_draws=self.max_draws)
        self.sampler_ = sampler
        self.is_synthetic_ = np.arange(len(y) + len(labels)) >= len(y)
        weights, synthetic = np.ones(len(y)), np.ones(len(labels))
        if sample_weight is not None:
            classes, codes = np.unique(y, return_inverse=True)
            means = np.bincount(codes, sample_weight) / np.bincount(codes)
            weights, synthetic = sample_weight, means[np.searchsorted(classes, labels)]
        self.sample_weight_ = np.concatenate([weights, synthetic * self.synthetic_weight])
        return join(X, rows), np.concatenate([y, labels])

    def _make_sampler(self) -> Any:
        sampler = clone(self.sampler)
        if self.modality is not None:
            sampler.set_params(modality=self.modality)
        if self.random_state is not None:
            seed = derive_seed(resolve_seed(self.random_state), "sampler") % 2**31
            sampler.set_params(random_state=seed)
        return sampler

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags
