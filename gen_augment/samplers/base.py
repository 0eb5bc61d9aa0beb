"""The base of every sampler: a fitted generator is a deterministic map ``(z, y) -> x``.

The noise ``z`` of row *i* comes from an endless table addressed by ``(seed, i)``, so row *i* is the same
whatever the batch size, the process or the order of calls.

To write a new sampler, subclass `Sampler` and write `latent_shape`, `_build` (the network), `_fit` (one training
step, handed to the loop) and `_generate` (noise and class to rows), and a constructor where it has parameters of its
own. Data forms, labels, devices, seeding, saving and checks are done here. ``examples/own_sampler.py`` is one.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from gen_augment.codecs import Codec, LabelCodec, infer_codec, read_rows
from gen_augment.errors import DivergedError, InputError
from gen_augment.modalities import DataSpec
from gen_augment.rng import RandomState, derive_seed, fork_rng, resolve_seed
from gen_augment.samplers.generation import Generating
from gen_augment.samplers.persistence import Persistent
from gen_augment.samplers.requests import MAX_DRAWS, sample_by_address
from gen_augment.samplers.transfer import transfer
from gen_augment.samplers.unlabelled import infer_labels
from gen_augment.training import Batches, Callback, Loop
from gen_augment.training.balance import resolve_balance, row_weights
from gen_augment.training.callbacks import Checkpoint, ProgressBar
from gen_augment.training.placement import make_fabric, memory_format, place, tensor_defaults
from gen_augment.types import ColumnTypes, History, Labels
from gen_augment.validation import (
    check_choice,
    check_class_counts,
    check_positive_int,
    check_range,
    check_same_length,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Sampler"]


class Sampler(Generating, Persistent, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Base class of samplers.

    Parameters
    ----------
    max_steps, batch_size : int
        Optimiser steps, and rows in each.
    lr : float
        Peak learning rate.
    random_state : int, RandomState or None
        Seeds the weights, the order of rows and the noise of samples.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...
    precision : str
        Of training, as in Lightning Fabric: "32-true", "bf16-mixed", "16-mixed"; of sampling images too, on a GPU and,
        with "bf16-mixed", on a CPU with matrix units for bfloat16 (AMX).
    torch_compile : bool
        Compile the network with `torch.compile`: a wait of half a minute or more at the first step and at the first
        sample, and faster steps and samples from then on. Needs a C++ compiler on a CPU.
    column_types : {column: {"number", "category"}}, optional
        Of a table's columns, by name or position, that are not what their dtype says: codes in whole numbers, for
        example, are a "category".
    callbacks : list of Callback, optional
    verbose : bool
        Show a progress bar on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    class_count_, class_prior_ : ndarray of shape (n_classes,)
        Fitted rows of each class, and their share of all rows with a label.
    transduction_ : ndarray of shape (n_samples,)
        Where rows had no label: labels of all rows as they were learned from, inferred ones among them.
    n_features_in_ : int
        Values in one row.
    history_ : dict of str to list of float
        Mean of each training loss since the reading before, and the ``"step"`` of each reading.
    n_steps_ : int
        Optimiser steps done.
    seed_ : int
        The integer that `random_state` stood for.
    network_ : nn.Module
    """

    min_rows_per_class = 2
    lr_schedule: Literal["cosine", "trapezoid"] = "cosine"
    #: How often training meets each class, see `ConditionalFlow`; a parameter of samplers that gain by it. The VAE does
    #: not: with 1 a classifier trained on its samples fell from 76.2% to 73.7% in the long tail told of there.
    class_balance: float | Literal["auto"] = 0.0
    #: The word before the dot in `Modality.auto`.
    method: ClassVar[str] = ""

    def __init__(
        self,
        *,
        max_steps: int = 3000,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: RandomState = None,
        device: str = "auto",
        precision: str = "32-true",
        torch_compile: bool = False,
        column_types: ColumnTypes = None,
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.torch_compile = torch_compile
        self.column_types = column_types
        self.callbacks = callbacks
        self.verbose = verbose

    @abstractmethod
    def _build(self, spec: DataSpec) -> nn.Module:
        """Make the network for data of this form, from the constructor's parameters alone."""

    @abstractmethod
    def _fit(self, network: Any, loop: Loop) -> None:
        """Set up optimisers and call ``loop.run(step)``."""

    def _check_params(self) -> None:
        """Raise `InputError` for parameters out of range; subclasses add their own."""
        check_positive_int("max_steps", self.max_steps)
        check_positive_int("batch_size", self.batch_size)
        check_range("lr", self.lr, 0, open_low=True)
        if self.class_balance != "auto":
            check_range("class_balance", self.class_balance, 0, 1)
        check_choice("precision", self.precision, ("32-true", "bf16-mixed", "16-mixed"))
        check_choice("torch_compile", self.torch_compile, (True, False))
        callbacks = [] if self.callbacks is None else self.callbacks
        if not isinstance(callbacks, (list, tuple)) or not all(
            isinstance(each, Callback) for each in callbacks
        ):
            raise InputError(
                f"callbacks={callbacks!r} is no list of gen_augment.training.Callback."
            )

    def fit(self, X: Any, y: Any = None, *, init: "Sampler | None" = None) -> Self:
        """Learn to generate rows of each class.

        Parameters
        ----------
        X : array-like, Tensor, DataFrame, list of PIL images, Dataset of (x, label), or folder of class folders
            Images of shape (n, H, W), (n, H, W, C) or (n, C, H, W), of any dtype and range, 8 to 128 px; or
            a table of shape (n_rows, n_columns) with numbers, categories, strings, booleans, dates, and missing values
            (NaN, None, NA, NaT), which are learned as such.
        y : array-like of shape (n_samples,), optional
            One label a row, of any kind; left out where `X` brings its own. As in scikit-learn's semi-supervised
            estimators, -1 marks a row without a label, where there are two or more classes from 0 up beside it. Such
            rows are given the label that a small classifier of the labelled ones finds most likely; see
            `transduction_`.
        init : fitted sampler, optional
            Start from its weights. It must be of the same class and size, and have seen rows of the same shape.
            Classes known to both keep what was learned of them; new ones start at random, as far apart as the known.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used; what was fitted before stays.
        ArchiveError
            A `Checkpoint` is of another run, or cannot be written; before the first step, what was fitted stays.
        DivergedError
            A loss is no longer finite; the sampler has the last good weights.
        KeyboardInterrupt
            After Ctrl-C; the sampler has the weights of the last step.
        """
        self._check_params()
        X, y = read_rows(X, y)
        codec, rows = infer_codec(X, self.column_types)
        labels, codes = LabelCodec.fit(y, partial=True)
        counts = self._check_rows(rows, codes, labels)
        seed = self._resumed_seed() if self.random_state is None else None
        seed = resolve_seed(self.random_state) if seed is None else seed
        return self._start(codec, rows, labels, codes, counts, seed, init, before=(0, {"step": []}))

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for `max_steps` more steps, on the same rows or on others; classes that are new are added.

        Rows of the classes already known should be among them: a network forgets what it no longer sees. The learning
        rate starts anew, and the form of the data stays as it was fitted. Without a fit before, this is `fit`.

        Parameters
        ----------
        X, y
            As in `fit`, and in the form that was fitted.

        Returns
        -------
        self

        Raises
        ------
        InputError, DivergedError, KeyboardInterrupt
            As in `fit`.
        """
        if not self.__sklearn_is_fitted__():
            return self.fit(X, y)
        self._check_params()
        X, y = read_rows(X, y)
        rows = self._encode_known(X)
        labels, codes = self.label_codec_.extend(y)
        known = np.zeros(len(labels.classes), dtype=np.int64)
        known[labels.encode(self.classes_)] = self.class_count_
        counts = self._check_rows(rows, codes, labels, known)
        before = (self.n_steps_, self.history_)
        return self._start(self.codec_, rows, labels, codes, counts, self.seed_, self, before)

    def sample(
        self,
        n_samples: int | None = None,
        *,
        y: Labels = None,
        where: Mapping[Any, Any] | None = None,
        max_draws: int = MAX_DRAWS,
        random_state: RandomState = None,
    ) -> tuple[Any, Any]:
        """Draw new rows and their labels.

        Parameters
        ----------
        n_samples : int, optional
            How many; 1 where neither this nor `y` says.
        y : label, array-like of labels, {label: count}, or None
            None draws labels from the class prior. One label is given to all rows. An array gives one label to
            each row. A dict gives exactly those counts, in its order.
        where : {column: condition}, optional
            Of a table: a value, a list of values, a tuple ``(low, high)`` with None for an open end, or None for a
            missing value. Rows are drawn until enough meet all conditions; labels that `y` leaves free are those that
            go with them.
        max_draws : int
            With `where`: rows to make for each row that is wanted, at most and on average.
        random_state : int, RandomState or None
            An int gives rows 0 to n - 1 of the table that it names, so it replays. None goes on along the
            sampler's own table, from where the last such call ended; a freshly fitted or loaded sampler starts
            at row 0.

        Returns
        -------
        X : same type, layout, dtype and value range as was fitted
        y : same type as was fitted

        Raises
        ------
        InputError
            There is no such label, column or category.
        ExhaustedError
            Too few rows meet `where`.
        """
        self._check_fitted()
        return sample_by_address(self, n_samples, y, random_state, where, max_draws)

    def _resumed_seed(self) -> int | None:
        """That of the run to go on with, if a checkpoint is of one: drawn anew, it could never be gone on with."""
        seeds = (
            callback.seed for callback in self.callbacks or [] if isinstance(callback, Checkpoint)
        )
        return next((seed for seed in seeds if seed is not None), None)

    def _check_rows(
        self, rows: Tensor, codes: np.ndarray, labels: LabelCodec, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Rows of each class, those `known` from before among them; too few of one raise."""
        check_same_length(len(rows), len(codes))
        counts = np.bincount(codes[codes >= 0], minlength=len(labels.classes))
        if not counts.any():
            raise InputError(
                "no row of y has a label: labels of the others are inferred from rows that have one."
            )
        counts = counts if known is None else counts + known
        check_class_counts(labels.classes, counts, self.min_rows_per_class, type(self).__name__)
        return counts

    def _start(
        self,
        codec: Codec,
        rows: Tensor,
        labels: LabelCodec,
        codes: np.ndarray,
        counts: np.ndarray,
        seed: int,
        init: "Sampler | None",
        before: tuple[int, History],
    ) -> Self:
        """Build the network, take over what `init` knows, and train on from the steps and history `before`."""
        fabric = make_fabric(self.device, self.precision)
        # Steps that come later have an order of rows and a noise of their own.
        run_seed = derive_seed(seed, "steps", before[0]) if before[0] else seed
        spec, y = DataSpec.of(codec, len(labels.classes)), torch.from_numpy(codes)
        if is_partial := bool((y < 0).any()):
            y = infer_labels(rows, y, spec, seed=run_seed, device=fabric.device)
        seeded = fork_rng(derive_seed(run_seed, "fit"), fabric.device)
        with self._kept_if_refused(before[0]), seeded, tensor_defaults():
            self.n_steps_, self.history_ = before
            network = self._build(spec)
            if init is not None:
                transfer(type(self).__name__, network, init, labels)
            self._set_data(codec, labels, counts, seed)
            self.__dict__.pop("transduction_", None)
            if is_partial:
                self.transduction_ = self.classes_[y.numpy()]
            self.network_ = place(network, fabric.device, compiled=self.torch_compile)
            self._train(rows, y, fabric, run_seed, before)
        return self

    @contextmanager
    def _kept_if_refused(self, n_steps: int) -> Iterator[None]:
        """Put back what was fitted before where input is refused, or anything fails before a step was done."""
        fitted = self.__dict__.copy()
        try:
            yield
        except DivergedError:
            raise
        except Exception as error:
            if isinstance(error, InputError) or self.n_steps_ == n_steps:
                self.__dict__.clear()
                self.__dict__.update(fitted)
            raise

    def _set_data(self, codec: Codec, labels: LabelCodec, counts: np.ndarray, seed: int) -> None:
        self.codec_ = codec
        self.label_codec_ = labels
        self.classes_ = labels.classes
        self.class_count_ = counts
        self.class_prior_ = counts / counts.sum()
        self.spec_ = DataSpec.of(codec, len(labels.classes))
        self.n_features_in_ = codec.n_features
        if codec.feature_names is not None:
            self.feature_names_in_ = np.array(codec.feature_names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.seed_ = seed
        self._next_row = 0

    def _train(
        self,
        rows: Tensor,
        codes: Tensor,
        fabric: "Fabric",
        seed: int,
        before: tuple[int, History],
    ) -> None:
        balance = resolve_balance(
            self.class_balance,
            codes,
            self.spec_.modality.auto.get(f"{self.method}.class_balance", 0.0),
        )
        batches = Batches(
            rows.to(fabric.device, memory_format=memory_format(rows.ndim)),
            codes.to(fabric.device),
            batch_size=self.batch_size,
            seed=derive_seed(seed, "order"),
            weights=row_weights(codes, balance) if balance else None,
        )
        callbacks = [*(self.callbacks or []), *([ProgressBar()] if self.verbose else [])]
        loop = Loop(
            batches,
            self.network_,
            sampler=self,
            fabric=fabric,
            max_steps=self.max_steps,
            callbacks=callbacks,
            schedule=self.lr_schedule,
            before=before,
        )
        try:
            self._fit(self.network_, loop)
        finally:
            self.network_.eval()
            self.n_steps_, self.history_ = loop.record()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags
