"""Missing cells of tables, filled from the distribution that a sampler has learned."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import LabelCodec
from gen_augment.modalities import Codec
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Complete", "Draw", "impute"]

#: Seed of a draw, and the numbers of the rows.
Draw = tuple[int, np.ndarray]
#: Encoded rows, what is missing of them, class numbers or None, and a draw, or None for the most
#: likely values: completed rows of the same shape.
Complete = Callable[[Tensor, Tensor, np.ndarray | None, Draw | None], Tensor]


class HasRows(Protocol):
    """A fitted sampler."""

    codec_: Codec
    label_codec_: LabelCodec
    seed_: int

    def _check_fitted(self) -> None:
        """Raise before `fit`."""


def impute(
    sampler: HasRows,
    complete: Complete,
    X: Any,
    y: Any,
    n_draws: int | None,
    random_state: RandomState,
    choose: Callable[[Tensor, np.ndarray], Tensor] | None = None,
) -> Any:
    """Fill the missing cells of `X`; a list of `n_draws` tables if that is not None.

    Parameters
    ----------
    sampler : sampler
    complete : callable
        See `Complete`.
    X : table in the form that was fitted
    y : label, array-like of shape (n,), or None
    n_draws : int or None
    random_state : int, RandomState or None
    choose : callable, optional
        From encoded rows and their class numbers to rows with categories that their class has.
    """
    sampler._check_fitted()
    gaps = sampler.codec_.gaps(X)
    codes = None if y is None else sampler.label_codec_.encode_rows(y, len(gaps.x))
    here = gaps.missing.any(dim=1)
    rows = np.flatnonzero(here.numpy())
    mine = None if codes is None else codes[rows]

    def exclude_missing(x: Tensor) -> None:  # "missing" is no value of a cell that is being filled
        for place in gaps.excluded:
            x[gaps.missing[:, place], place] = -torch.inf

    def table(seed: int | None) -> Any:
        x, draw = gaps.x.clone(), None if seed is None else (seed, rows)
        if len(rows):
            x[here] = complete(gaps.x[here], gaps.missing[here], mine, draw).to(x.dtype)
        exclude_missing(x)
        if choose is not None and mine is not None:
            x[here] = torch.where(gaps.missing[here], choose(x[here], mine), x[here])
            exclude_missing(x)
        return sampler.codec_.filled(X, x)

    if n_draws is None:
        return table(None)
    check_positive_int("n_draws", n_draws)
    seed = sampler.seed_ if random_state is None else resolve_seed(random_state)
    return [table(derive_seed(seed, "impute", number)) for number in range(n_draws)]
