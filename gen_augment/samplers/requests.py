"""Which labels a call of `sample` asks for, and at which addresses."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gen_augment.codecs import LabelCodec
from gen_augment.counts import check_counts
from gen_augment.errors import InputError
from gen_augment.rng import RandomState, categorical, derive_seed, resolve_seed
from gen_augment.types import Labels
from gen_augment.validation import check_positive_int

__all__ = ["requested_codes", "sample_by_address"]


def requested_codes(
    n_samples: int | None, y: Labels, labels: LabelCodec, prior: np.ndarray, start: int, seed: int
) -> np.ndarray:
    """Class numbers of the rows to draw: ndarray of shape (n,), int64.

    Parameters
    ----------
    n_samples, y
        As `Sampler.sample` takes them.
    labels : LabelCodec
    prior : ndarray of shape (n_classes,)
    start, seed : int
        Address of the first row, for labels drawn from the prior.
    """
    if n_samples is not None:
        n_samples = check_positive_int("n_samples", n_samples)
    if y is None:
        return categorical(np.arange(start, start + (n_samples or 1)), prior, seed)
    if isinstance(y, Mapping):
        counts = check_counts("y", y)
        codes = np.repeat(labels.encode(list(y)) if y else np.empty(0, int), counts)
    else:
        codes = labels.encode(y)
        if codes.ndim == 0:
            return np.full(n_samples or 1, codes)
    if codes.ndim != 1 or len(codes) == 0:
        raise InputError(f"y={y!r} asks for no rows: give a label, one label a row, or {{label: count}}.")
    if n_samples not in (None, len(codes)):
        raise InputError(
            f"n_samples={n_samples}, but y asks for {len(codes)} rows: leave n_samples out, or make them agree."
        )
    return codes


def sample_by_address(sampler: Any, n_samples: int | None, y: Labels, random_state: RandomState) -> tuple[Any, Any]:
    """What `Sampler.sample` gives, of anything that generates by address and counts on in ``_next_row``."""
    goes_on = random_state is None
    seed, start = (sampler.seed_, getattr(sampler, "_next_row", 0)) if goes_on else (resolve_seed(random_state), 0)
    labels: LabelCodec = sampler.label_codec_
    codes = requested_codes(n_samples, y, labels, sampler.class_prior_, start, derive_seed(seed, "label"))
    X = sampler.generate(np.arange(start, start + len(codes)), labels.classes[codes], seed=seed)
    if goes_on:
        sampler._next_row = start + len(codes)
    return X, labels.decode(codes)
