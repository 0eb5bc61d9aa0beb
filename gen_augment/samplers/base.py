"""The base of every sampler: a fitted generator is a deterministic map ``(z, y) -> x``.

The noise ``z`` of row *i* comes from an endless table addressed by ``(seed, i)``, so row *i* is the same
whatever the batch size, the process or the order of calls.

To write a new sampler, subclass `Sampler` and write `latent_shape`, `_build` (the network), `_fit` (one training
step, handed to the loop) and `_generate` (noise and class to rows), and a constructor where it has parameters of its
own. Data forms, labels, devices, seeding, saving and checks are done here. ``examples/own_sampler.py`` is one.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn

from gen_augment.codecs import Codec, LabelCodec, infer_codec, read_rows
from gen_augment.rng import RandomState, derive_seed, fork_rng, resolve_seed
from gen_augment.samplers.generation import Generating
from gen_augment.samplers.persistence import Persistent
from gen_augment.samplers.requests import requested_codes
from gen_augment.training import Batches, Callback, Loop
from gen_augment.training.callbacks import ProgressBar
from gen_augment.training.placement import make_fabric, memory_format, place
from gen_augment.types import DataSpec, Labels
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
        As in Lightning Fabric: "32-true", "bf16-mixed", "16-mixed".
    callbacks : list of Callback, optional
    verbose : bool
        Show a progress bar on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    class_prior_ : ndarray of shape (n_classes,)
        Share of each class among the fitted rows.
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

    def __init__(
        self,
        *,
        max_steps: int = 3000,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: RandomState = None,
        device: str = "auto",
        precision: str = "32-true",
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state
        self.device = device
        self.precision = precision
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
        check_choice("precision", self.precision, ("32-true", "bf16-mixed", "16-mixed"))

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn to generate rows of each class.

        Parameters
        ----------
        X : array-like, Tensor, DataFrame, list of PIL images, Dataset of (x, label), or folder of class folders
            Images of shape (n, H, W), (n, H, W, C) or (n, C, H, W), of any dtype and range, 8 to 128 px; or
            a numeric table of shape (n_rows, n_columns).
        y : array-like of shape (n_samples,), optional
            One label a row, of any kind; left out where `X` brings its own.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used; what was fitted before stays.
        DivergedError
            A loss is no longer finite; the sampler has the last good weights.
        KeyboardInterrupt
            After Ctrl-C; the sampler has the weights of the last step.
        """
        self._check_params()
        seed = resolve_seed(self.random_state)
        fabric = make_fabric(self.device, self.precision)
        X, y = read_rows(X, y)
        codec, rows = infer_codec(X)
        labels, codes = LabelCodec.fit(y)
        check_same_length(len(rows), len(codes))
        counts = np.bincount(codes, minlength=len(labels.classes))
        check_class_counts(labels.classes, counts, self.min_rows_per_class, type(self).__name__)
        self._set_data(codec, labels, counts / counts.sum(), seed)
        with fork_rng(derive_seed(seed, "fit"), fabric.device):
            self.network_ = place(self._build(self.spec_), fabric.device, self.spec_.kind)
            self._train(rows, torch.from_numpy(codes), fabric)
        return self

    def sample(
        self, n_samples: int | None = None, *, y: Labels = None, random_state: RandomState = None
    ) -> tuple[Any, Any]:
        """Draw new rows and their labels.

        Parameters
        ----------
        n_samples : int, optional
            How many; 1 where neither this nor `y` says.
        y : label, array-like of labels, {label: count}, or None
            None draws labels from the class prior. One label is given to all rows. An array gives one label to
            each row. A dict gives exactly those counts, in its order.
        random_state : int, RandomState or None
            An int gives rows 0 to n - 1 of the table that it names, so it replays. None goes on along the
            sampler's own table, from where the last such call ended; a freshly fitted or loaded sampler starts
            at row 0.

        Returns
        -------
        X : same type, layout, dtype and value range as was fitted
        y : same type as was fitted
        """
        self._check_fitted()
        if random_state is None:
            seed, start = self.seed_, self._next_row
        else:
            seed, start = resolve_seed(random_state), 0
        codes = requested_codes(n_samples, y, self.label_codec_, self.class_prior_, start, derive_seed(seed, "label"))
        X = self._rows(np.arange(start, start + len(codes)), codes, seed)
        if random_state is None:
            self._next_row = start + len(codes)
        return X, self.label_codec_.decode(codes)

    def _set_data(self, codec: Codec, labels: LabelCodec, prior: np.ndarray, seed: int) -> None:
        self.codec_ = codec
        self.label_codec_ = labels
        self.classes_ = labels.classes
        self.class_prior_ = prior
        self.spec_ = DataSpec(codec.kind, codec.shape, len(labels.classes), getattr(codec, "dtype", None) == "bool")
        self.n_features_in_ = int(np.prod(codec.shape))
        names = getattr(codec, "columns", None)
        if getattr(codec, "container", None) == "dataframe" and all(isinstance(name, str) for name in names or [0]):
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.seed_ = seed
        self._next_row = 0

    def _train(self, rows: Tensor, codes: Tensor, fabric: "Fabric") -> None:
        batches = Batches(
            rows.to(fabric.device, memory_format=memory_format(self.spec_.kind)),
            codes.to(fabric.device),
            batch_size=self.batch_size,
            seed=derive_seed(self.seed_, "order"),
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
        )
        self.history_, self.n_steps_ = loop.history, 0
        try:
            self._fit(self.network_, loop)
        finally:
            self.network_.eval()
            self.history_, self.n_steps_ = loop.history, loop.step

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        return tags
