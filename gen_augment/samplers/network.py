"""The base of samplers whose network is trained by optimiser steps.

To write one, as in ``examples/models/plot_own_sampler.py``, subclass `NetworkSampler` and write
`latent_shape`, `_build` (the network), `_fit` (one training step, which the loop repeats) and
`_generate` (noise and class to rows). With an encoder, add `_vary`, or `_to_code` and `_from_code`.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from torch import Tensor, nn

from gen_augment.data import Rows
from gen_augment.modalities import DataSpec, Modality
from gen_augment.privacy import Private
from gen_augment.rng import RandomState, resolve_seed
from gen_augment.samplers import fitted_network, generation, persistence, plotting
from gen_augment.samplers.base import Sampler, check_some_labelled
from gen_augment.samplers.fitting import check_training, further_rows, train
from gen_augment.samplers.private_training import check_not_private, prepare
from gen_augment.samplers.several_devices import fit_together, starts_processes
from gen_augment.samplers.unlabelled import completed_codes
from gen_augment.training import Callback, Loop
from gen_augment.training.callbacks import resumed_seed
from gen_augment.training.placement import find_device, place
from gen_augment.types import JSON, History

__all__ = ["NetworkSampler"]


def _has(hook: str, what: str) -> Callable[["NetworkSampler"], bool]:
    """Return a check for `available_if`: samplers that write `hook` have the method."""

    def check(sampler: "NetworkSampler") -> bool:
        if not hasattr(sampler, hook):
            raise NotImplementedError(
                f"{type(sampler).__name__} has no encoder, so it cannot {what}: use "
                "ConditionalVAE or ConditionalFlow, or draw new rows with sample(y=y)."
            )
        return True

    return check


class NetworkSampler(Sampler):
    """Base class of samplers whose network is trained by steps.

    Parameters
    ----------
    max_steps, batch_size : int
        Number of optimiser steps, and rows in each.
    lr : float
        Peak learning rate.
    random_state : int, RandomState or None
        Seeds the weights, the order of rows and the noise of samples.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...
    devices : int or "auto"
        Devices on each machine that share every batch; the result is that of one, up to rounding.
        "auto" is all GPUs, or all processes of ``torchrun``, on one machine or several.
    precision : {"32-true", "bf16-mixed", "16-mixed", "auto"}
        Precision of training, as in Lightning Fabric. Images are sampled in 16 bits too, on a GPU
        and, with "bf16-mixed", on a CPU with instructions for bfloat16 (AMX or AVX512-BF16).
        "auto" is "bf16-mixed" for images if the device has them: a fit depends on the machine.
    torch_compile : bool
        Compile the network with `torch.compile`. The first step and the first sample take half a
        minute or more, later ones less time. Needs a C++ compiler on a CPU.
    modality : str, Modality or None
        How to read the rows, such as ``Table(types={"zip": "category"})``; None if only one
        reading is possible.
    callbacks : list of Callback, optional
    verbose : bool
        Show a progress bar on standard error.

    Attributes
    ----------
    transduction_ : ndarray of shape (n_samples,)
        If some rows had no label: the labels of all rows that training used.
    history_ : dict of str to list of float
        Mean of each loss since the previous reading, and the ``"step"`` of each reading.
    n_steps_ : int
        Number of optimiser steps done.
    network_ : nn.Module
    spec_ : DataSpec
        What the network knows of the data.
    privacy_ : dict or None
        The guarantee of a private fit, and what was spent.
    """

    lr_schedule: Literal["cosine", "trapezoid"] = "cosine"
    #: Whether rows of a stream stay on the disk in training; else they are read into memory.
    _streams: ClassVar[bool] = True
    #: How strongly training balances the classes, see `ConditionalFlow`. Samplers that gain by it
    #: make it a parameter; the VAE does not (``docs/notes/class_balance.md``).
    class_balance: float | Literal["auto"] = 0.0
    _header_keys: ClassVar[frozenset[str]] = frozenset({"history", "n_steps", "privacy"})
    privacy: Private | None = None

    history_: History
    n_steps_: int
    network_: nn.Module
    spec_: DataSpec
    privacy_: JSON | None = None

    def __init__(
        self,
        *,
        max_steps: int = 3000,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: RandomState = None,
        device: str = "auto",
        devices: int | Literal["auto"] = 1,
        precision: str = "32-true",
        torch_compile: bool = False,
        modality: str | Modality | None = None,
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.random_state = random_state
        self.device = device
        self.devices = devices
        self.precision = precision
        self.torch_compile = torch_compile
        self.modality = modality
        self.callbacks = callbacks
        self.verbose = verbose

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the noise of one row."""

    def _training_data(
        self, rows: Rows, seed: int, init: Any, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return rows and class numbers to train on; `init` is the start of `fit`, or None."""
        return rows.encoded, completed_codes(self, rows, seed, device)

    @abstractmethod
    def _build(self, spec: DataSpec) -> nn.Module:
        """Return an untrained network for such data, from the parameters alone."""

    @abstractmethod
    def _fit(self, network: Any, loop: Loop) -> None:
        """Set up the optimisers and call ``loop.run(step)``."""

    @abstractmethod
    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        """Encoded rows (B, *shape) of noise (B, *latent_shape) and class numbers (B,)."""

    if TYPE_CHECKING:  # hooks that a subclass may write

        def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor: ...
        def _to_code(self, x: Tensor, y: Tensor) -> Tensor: ...
        def _from_code(self, code: Tensor, y: Tensor) -> Tensor: ...

    def _check_params(self) -> None:
        """Raise `InputError` for a parameter out of range; subclasses add their own checks."""
        check_training(self)

    @torch.inference_mode(False)
    def fit(self, X: Any, y: Any = None, *, init: Sampler | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X, y
            As in `Sampler.fit`. Rows without a label get the most likely label according to a
            small classifier that is trained on the labelled rows; see `transduction_`.
        init : fitted sampler, optional
            Its weights are the start. It must have the same class, the same size and rows of the
            same shape. New classes start at random, as far apart as the known ones.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Data, labels or parameters cannot be used. The sampler keeps its previous fit.
        ArchiveError
            A `Checkpoint` belongs to another run, or cannot be written.
        DivergedError
            A loss is not finite. The sampler has the last good weights.
        KeyboardInterrupt
            After Ctrl-C. The sampler has the weights of the last step.
        """
        self._check_params()
        if starts_processes(self):
            fit_together(self, "fit", X, y, init=init)
            return self
        rows, counts, noise = prepare(self, X, y, init)
        # Without a random_state, a run that is resumed keeps the seed that it started with.
        seed = resumed_seed(self.callbacks or []) if self.random_state is None else None
        seed = resolve_seed(self.random_state) if seed is None else seed
        train(self, rows, counts, seed, init, (0, {"step": []}), noise)
        return self

    @torch.inference_mode(False)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for `max_steps` more steps, on the same rows or on others; classes may be added.

        Include rows of the known classes: a network forgets what it no longer sees. The schedule
        of the learning rate restarts, and the encoding of the rows stays as it was fitted. The
        first call is the same as `fit`.

        Parameters
        ----------
        X, y
            As in `fit`, in the form that was fitted.

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
        fitted_network.check_network_params(self)
        check_not_private(self)
        self._check_params()
        if starts_processes(self):
            fit_together(self, "partial_fit", X, y)
            return self
        rows = further_rows(self, X, y)
        check_some_labelled(rows)
        counts = rows.class_counts
        counts[rows.labels.encode(self.classes_)] += self.class_count_
        self._check_counts(rows.labels, counts)
        train(self, rows, counts, self.seed_, self, (self.n_steps_, self.history_))
        return self

    @available_if(_has("_vary", "vary a given row"))  # type: ignore[untyped-decorator]
    def vary(
        self, X: Any, y: Any, *, strength: ArrayLike = 0.5, random_state: RandomState = None
    ) -> Any:
        """Return new versions of given rows; only samplers with an encoder have this method.

        Parameters
        ----------
        X : rows, in the form that was fitted
        y : label or array-like of shape (n,)
            Their labels.
        strength : float in [0, 1], or array-like of shape (n,)
            0 returns each row as the model reconstructs it; 1 keeps only its label. An array has
            one strength for each row.
        random_state : int, RandomState or None
            As in `sample`.

        Returns
        -------
        X : n rows, with the type, layout, dtype and value range of the training rows

        Raises
        ------
        InputError
            The rows have another form, or a value that was not in the training rows.
        """
        self._check_fitted()
        return generation.vary_rows(self, self._vary, (X, y), strength, random_state)

    @available_if(_has("_to_code", "encode a given row"))  # type: ignore[untyped-decorator]
    def encode(self, X: Any, y: Any) -> Tensor:
        """Return codes of given rows; only samplers with an encoder have this method.

        `decode` turns them into these rows again, as nearly as the model can.

        Parameters
        ----------
        X : rows, in the form that was fitted
        y : label or array-like of shape (n,)
            Their labels.

        Returns
        -------
        Tensor of shape (n, ...), float32
            Means of the posterior for a `ConditionalVAE`, and the noise at the start of the path
            for a `ConditionalFlow`; nearly standard normal over the training rows.
        """
        self._check_fitted()
        return generation.encode_rows(self, self._to_code, X, y)

    @available_if(_has("_from_code", "decode codes"))  # type: ignore[untyped-decorator]
    def decode(self, codes: Tensor, y: Any) -> Any:
        """Return the rows of codes and labels, without further noise."""
        self._check_fitted()
        return generation.decode_codes(self, self._from_code, codes, y)

    plot_history = plotting.plot_history

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        return generation.make_rows(self, index, codes, seed)

    def _usable_device(self) -> torch.device:
        return generation.usable_device(self)

    def _to_archive(self) -> tuple[JSON, dict[str, Tensor]]:
        fitted_network.check_network_params(self)
        header = persistence.header_of(self)
        training = {"history": self.history_, "n_steps": self.n_steps_, "privacy": self.privacy_}
        return header | training, dict(self.network_.state_dict())

    def _restore(self, header: JSON, tensors: dict[str, Tensor], device: str) -> None:
        self.n_steps_ = persistence.check_int("n_steps", header["n_steps"])
        self.history_ = persistence.check_history(header["history"])
        self.privacy_ = persistence.check_guarantee(header["privacy"])
        self.spec_ = DataSpec.of(self.codec_, len(self.classes_))
        network = persistence.network_like(self, tensors)
        self.device = device
        target = find_device(device)
        self.network_ = place(network, target, compiled=self.torch_compile).eval()
        fitted_network.keep_params(self)

    def __getstate__(self) -> JSON:
        return fitted_network.pack_network(self, super().__getstate__())

    def __setstate__(self, state: JSON) -> None:
        packed = state.pop("_weights", None)
        super().__setstate__(state)
        if packed is not None:
            fitted_network.unpack_network(self, packed)

    def _check_fitted(self) -> None:
        super()._check_fitted()
        fitted_network.check_network_params(self)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
