"""Scores of given rows: encoded, in batches, as arrays on the CPU.

Log-densities are in nats and those of encoded rows (see `Codec`): the density of the user's own
values differs by a factor that depends on the row alone, which cancels between classes and between
samplers with one encoding. A category is a density too where a sampler treats it as numbers.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from gen_augment.data import LabelCodec
from gen_augment.errors import InputError
from gen_augment.modalities import Codec
from gen_augment.user_warnings import warn

__all__ = ["HasDensity", "by_class", "encode_scored", "log_prob", "score_batches"]

#: Encoded rows and class numbers to log-densities (B,).
LogDensity = Callable[[Tensor, Tensor], Tensor]


class HasDensity(Protocol):
    """A fitted sampler whose rows have a density."""

    codec_: Codec
    label_codec_: LabelCodec
    class_prior_: np.ndarray

    def _check_fitted(self) -> None:
        """Raise before `fit`."""


def log_prob(
    sampler: HasDensity,
    density: LogDensity,
    X: Any,
    y: Any,
    device: str | torch.device = "cpu",
    batch: int = 256,
) -> np.ndarray:
    """Return the log-density of each row given its label; without labels, of the mixture.

    Parameters
    ----------
    sampler : sampler
    density : callable
        Encoded rows (B, ...) and class numbers (B,) to log-densities (B,).
    X : n rows, in the form that was fitted
    y : label, array-like of shape (n,), or None
    device : str or torch.device
    batch : int
        Rows of one call of `density`.

    Returns
    -------
    ndarray of shape (n,)

    Warns
    -----
    UserWarning
        A row has a value that was not seen in fit, such as an unknown category.
    """
    sampler._check_fitted()
    x = encode_scored(sampler.codec_, X)

    def of(codes: np.ndarray) -> np.ndarray:
        y_codes = torch.from_numpy(codes)

        def part(here: slice) -> Tensor:
            return density(x[here].to(device), y_codes[here].to(device))

        return score_batches(part, len(x), batch)

    if y is not None:
        return of(sampler.label_codec_.encode_rows(y, len(x)))
    each = np.stack([of(np.full(len(x), c)) for c in range(len(sampler.class_prior_))], axis=1)
    found: np.ndarray = logsumexp(each + np.log(sampler.class_prior_), axis=1)
    return found


def encode_scored(codec: Codec, X: Any) -> Tensor:
    """Encode rows that are scored; warn of values that were not seen in fit."""
    encoded = codec.encode(X)
    try:
        codec.check_known(X)
    except InputError as error:
        warn(str(error))
    return encoded


def by_class(class_log_prob: Callable[[Tensor, int], Tensor]) -> LogDensity:
    """Return a log-density, in 64 bits, from one of rows (B, ...) that are all of one class."""

    def density(x: Tensor, codes: Tensor) -> Tensor:
        out = torch.empty(len(x), dtype=torch.float64)
        for code in sorted(set(codes.tolist())):
            out[codes == code] = class_log_prob(x[codes == code].double(), code)
        return out

    return density


def score_batches(score: Callable[[slice], Tensor], n: int, batch: int) -> np.ndarray:
    """Return the scores of rows 0 to n - 1, which `score` gives slice by slice."""
    parts = [score(slice(start, start + batch)).double().cpu() for start in range(0, n, batch)]
    return np.concatenate([part.numpy() for part in parts]) if parts else np.empty(0)
