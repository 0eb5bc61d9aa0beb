"""Missing cells of tables, filled from the distribution that a sampler has learned."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from gen_augment.data import LabelCodec
from gen_augment.modalities import Codec
from gen_augment.modalities.blocks import choose_category
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_positive_int

__all__ = ["Choose", "Complete", "Draw", "impute"]

#: Seed of a draw, and the numbers of the rows.
Draw = tuple[int, np.ndarray]
#: Encoded rows, what is missing of them, class numbers or None, and a draw, or None for the most
#: likely values: completed rows of the same shape.
Complete = Callable[[Tensor, Tensor, np.ndarray | None, Draw | None], Tensor]
#: Encoded rows, their class numbers, and the known categories (see `Gaps`): rows with the likeliest
#: of the categories that their class has.
Choose = Callable[[Tensor, np.ndarray, Mapping[int, int]], Tensor]


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
    choose: Choose,
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
    choose : callable
        See `Choose`.
    """
    sampler._check_fitted()
    gaps = sampler.codec_.gaps(X)
    codes = None if y is None else sampler.label_codec_.encode_rows(y, len(gaps.x))
    here = gaps.missing.any(dim=1)
    rows = np.flatnonzero(here.numpy())
    mine = None if codes is None else codes[rows]

    groups = {group.starts[0]: group for group in sampler.codec_.block_groups()}

    def table(seed: int | None) -> Any:
        x, draw = gaps.x.clone(), None if seed is None else (seed, rows)
        if len(rows):
            x[here] = complete(gaps.x[here], gaps.missing[here], mine, draw).to(x.dtype)
        if mine is not None:
            x[here] = torch.where(gaps.missing[here], choose(x[here], mine, gaps.known), x[here])
        else:
            for start, n_known in gaps.known.items():
                gap = torch.nonzero(gaps.missing[:, start])[:, 0]
                choose_category(x, gap, groups[start], torch.arange(n_known))
        return sampler.codec_.filled(X, x)

    if n_draws is None:
        return table(None)
    check_positive_int("n_draws", n_draws)
    seed = sampler.seed_ if random_state is None else resolve_seed(random_state)
    return [table(derive_seed(seed, "impute", number)) for number in range(n_draws)]
