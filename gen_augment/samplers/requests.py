"""Which labels a call of `sample` asks for."""

from collections.abc import Mapping

import numpy as np

from gen_augment.codecs import LabelCodec
from gen_augment.counts import check_counts
from gen_augment.errors import InputError
from gen_augment.rng import categorical
from gen_augment.types import Labels
from gen_augment.validation import check_positive_int

__all__ = ["requested_codes"]


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
