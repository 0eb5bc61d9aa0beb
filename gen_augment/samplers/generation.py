"""Rows out of a fitted sampler: by address, or as new versions of given rows."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.utils.data import get_worker_info

from gen_augment.counts import consecutive
from gen_augment.data import LabelCodec
from gen_augment.errors import NotFittedError, WorkerDeviceError
from gen_augment.modalities import Codec, DataSpec
from gen_augment.rng import RandomState, derive_seed, normal, resolve_seed
from gen_augment.training.placement import evaluating, has_bfloat16_tiles, keep_heap
from gen_augment.validation import check_index, check_range

__all__ = ["Generating"]

#: A GPU takes so many times more rows in one forward pass than a CPU.
GPU_FACTOR = 8


class Generating:
    """`generate` and `vary` for a sampler."""

    codec_: Codec
    label_codec_: LabelCodec
    spec_: DataSpec
    seed_: int
    network_: nn.Module
    _next_row: int

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the noise behind one row."""

    @abstractmethod
    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        """Encoded rows ``(B, *shape)`` from noise ``(B, *latent_shape)`` and class numbers ``(B,)``."""

    def next_addresses(self, codes: np.ndarray, n_before: np.ndarray) -> np.ndarray:
        """Addresses of the next rows of these classes, given how many of each came before."""
        return consecutive(codes, n_before)

    def generate(
        self,
        index: ArrayLike,
        y: ArrayLike,
        *,
        seed: int | None = None,
        device: str | torch.device = "cpu",
    ) -> Any:
        """Rows by address: the same index, label and seed give the same row, always and everywhere.

        Numbers of a table are the same but for rounding in their last digits, which differs with the rows beside them.

        Parameters
        ----------
        index : array-like of int of shape (n,)
            Row numbers from 0 up, in any order.
        y : label or array-like of shape (n,)
            Labels of those rows.
        seed : int, optional
            Names the table; the sampler's own `seed_` by default.
        device : str or torch.device
            Where Tensors are put: on the sampler's own device nothing is copied. Other rows are in memory always.

        Returns
        -------
        X : n rows, of the type, layout, dtype and value range that was fitted
        """
        self._check_fitted()
        where = check_index(index)
        codes = self.label_codec_.encode_rows(y, len(where))
        return self._rows(where, codes, self.seed_ if seed is None else resolve_seed(seed), device)

    def vary(
        self, X: Any, y: Any, *, strength: float = 0.5, random_state: RandomState = None
    ) -> Any:
        """New versions of given rows.

        Parameters
        ----------
        X : rows, in the form that was fitted
        y : label or array-like of shape (n,)
            Their labels.
        strength : float in [0, 1]
            0 gives each row back as the model sees it; at 1 nothing but its label is left.
        random_state : int, RandomState or None
            As in `sample`.

        Returns
        -------
        X : n rows, of the type, layout, dtype and value range that was fitted

        Raises
        ------
        NotImplementedError
            This kind of sampler has no encoder.
        """
        self._check_fitted()
        check_range("strength", strength, 0, 1)
        encoded = self._encode_known(X)
        codes = self.label_codec_.encode_rows(y, len(encoded))
        seed, start = (
            (self.seed_, self._next_row)
            if random_state is None
            else (resolve_seed(random_state), 0)
        )
        table, index = derive_seed(seed, "vary"), np.arange(start, start + len(codes))
        device = self._usable_device()

        def make(part: slice) -> Tensor:
            z = normal(index[part], self.latent_shape, table).to(device)
            labels = torch.from_numpy(codes[part]).to(device)
            return self._vary(encoded[part].to(device), labels, z, float(strength))

        varied = self._decode_parts(make, len(codes))
        if random_state is None:
            self._next_row = start + len(codes)
        return varied.cpu() if isinstance(varied, Tensor) else varied

    @torch.no_grad()
    def encode(self, X: Any, y: Any) -> Tensor:
        """Codes that `decode` makes these rows of again, as nearly as the model can.

        Parameters
        ----------
        X : rows, in the form that was fitted
        y : label or array-like of shape (n,)
            Their labels.

        Returns
        -------
        Tensor of shape (n, ...), float32
            Means of the posterior for a `ConditionalVAE`, and the noise at the start of the path for a
            `ConditionalFlow`; standard normal, nearly, over the training rows.

        Raises
        ------
        NotImplementedError
            This kind of sampler has no encoder.
        """
        self._check_fitted()
        rows, device = self.codec_.encode(X), self._usable_device()
        codes = torch.from_numpy(self.label_codec_.encode_rows(y, len(rows)))
        size = self.spec_.modality.sample_batch_size
        with evaluating(self.network_):
            parts = zip(torch.split(rows, size), torch.split(codes, size), strict=True)
            return torch.cat([self._to_code(x.to(device), c.to(device)).cpu() for x, c in parts])

    def decode(self, codes: Tensor, y: Any) -> Any:
        """Rows of these codes and labels, as `encode` gives them; without noise of their own."""
        self._check_fitted()
        labels = torch.from_numpy(self.label_codec_.encode_rows(y, len(codes)))
        device = self._usable_device()
        rows = self._decode_parts(
            lambda p: self._from_code(codes[p].to(device), labels[p].to(device)), len(codes)
        )
        return rows.cpu() if isinstance(rows, Tensor) else rows

    def _to_code(self, x: Tensor, y: Tensor) -> Tensor:
        """Codes of encoded rows; written, with `_from_code`, by samplers that have an encoder."""
        raise NotImplementedError(
            f"{type(self).__name__} has no encoder, so it has no code of a given row: use ConditionalVAE or "
            "ConditionalFlow."
        )

    def _from_code(self, code: Tensor, y: Tensor) -> Tensor:
        """Encoded rows of codes."""
        raise NotImplementedError(
            f"{type(self).__name__} has no codes: use ConditionalVAE or ConditionalFlow."
        )

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        """Encoded rows like `x`; written by samplers that have an encoder."""
        raise NotImplementedError(
            f"{type(self).__name__} has no encoder, so it cannot vary a given row: use ConditionalVAE, or draw new "
            "rows of the same label with sample(y=y)."
        )

    def _encode_known(self, X: Any) -> Tensor:
        """Rows of the user's, all of whose values were fitted."""
        encoded = self.codec_.encode(X)
        self.codec_.check_known(X)
        return encoded

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet: call fit(X, y) first."
            )

    def _usable_device(self) -> torch.device:
        """Where the network is; raises inside a worker if that is no CPU."""
        device = next(self.network_.parameters()).device
        if device.type != "cpu" and get_worker_info() is not None:
            raise WorkerDeviceError(
                f"{type(self).__name__} lives on {device} and cannot be used inside a DataLoader worker. Put rows into "
                "a SampleBank, which workers can read, or generate whole batches in the main process with "
                "augment_loader(loader, sampler)."
            )
        return device

    def _autocast(self) -> torch.autocast:
        """The precision that was trained in where it saves time, but for tables: numbers need all their digits."""
        dtype = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(
            getattr(self, "precision", "")
        )
        on_cuda = next(self.network_.parameters()).device.type == "cuda"
        pays = dtype is not None and (on_cuda or (dtype is torch.bfloat16 and has_bfloat16_tiles()))
        return torch.autocast(
            "cuda" if on_cuda else "cpu", dtype, enabled=pays and self.spec_.modality.low_precision
        )

    def _rows(
        self, index: np.ndarray, codes: np.ndarray, seed: int, target: str | torch.device = "cpu"
    ) -> Any:
        """Rows by address in the user's form, whatever state training is in."""
        device = self._usable_device()
        table = derive_seed(seed, "noise")

        def make(part: slice) -> Tensor:
            z = normal(index[part], self.latent_shape, table)
            if device.type == "cuda":  # copies out of other memory hold the process up
                z = z.pin_memory()
            z = z.to(device, non_blocking=True)
            return self._generate(z, torch.from_numpy(codes[part]).to(device, non_blocking=True))

        rows = self._decode_parts(make, len(index))
        return rows.to(target) if isinstance(rows, Tensor) else rows

    def _decode_parts(self, make: Callable[[slice], Tensor], n: int) -> Any:
        """Rows that `make` computes part by part, decoded while they are in the cache."""
        on_cpu = next(self.network_.parameters()).device.type == "cpu"
        if on_cpu:
            keep_heap()
        size = self.spec_.modality.sample_batch_size * (1 if on_cpu else GPU_FACTOR)
        with evaluating(self.network_), torch.no_grad(), self._autocast():
            encoded = (make(slice(start, start + size)) for start in range(0, n, size))
            return self.codec_.decode_parts(encoded)
