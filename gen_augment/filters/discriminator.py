"""Discriminator rejection sampling: rows that a generator overproduces are thinned out.

With the log-odds ``L(x)`` that a row is real, ``exp(L)`` is the density ratio of real and
generated rows. Rows accepted with probability ``exp(L - M)``, where ``M`` is the maximum
of ``L``, have the distribution of real rows. Equation 8 of the paper writes this
probability as ``sigmoid(F)``, which can be shifted to accept more rows::

    F(x) = L(x) - M - log(1 - exp(L(x) - M - epsilon)) - gamma

References
----------
Azadi et al., "Discriminator Rejection Sampling", 2019 (arXiv:1810.06758).
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from gen_augment.data.rows import Rows
from gen_augment.errors import InputError
from gen_augment.filters.base import SamplerFilter
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.validation import check_positive_int, check_range

__all__ = ["DiscriminatorRejection"]

EPSILON = 1e-6
PERCENTILE = 80
#: Factor by which a projection of the row is stretched before its fraction is taken. It is
#: large enough for uniform fractions, and small enough for rounding errors not to matter.
_STRETCH = 64


class DiscriminatorRejection(SamplerFilter):
    """Accept rows with the probability that rejection sampling with a discriminator gives.

    Parameters
    ----------
    discriminator : callable ``(X, y) -> log-odds of shape (n,)``, optional
        Log-odds that rows are real rows of their class. By default the discriminator of
        the `ConditionalGAN` whose rows are judged.
    gamma : float or "auto"
        A larger value refuses more rows. 0 is exact rejection sampling for an optimal
        discriminator; other discriminators are overconfident and accept hardly any row.
        "auto" is the paper's choice, the 80th percentile of ``F`` among generated rows of
        each class: a fifth of them are then accepted with probability above 0.5.
    n_reference : int
        Generated rows per class from which the maximum and that percentile are estimated.
    threshold : float
        Lowest score that passes. Like `gamma`, a smaller value accepts more rows.
    random_state : int, RandomState or None
        Seeds those rows, and the uniform number of each row.

    Notes
    -----
    The score is ``F`` minus the log-odds of a uniform number that is computed from the row
    itself. A decision therefore does not depend on other rows, and equal rows share one
    decision. Where few different rows exist, as in tables of a few categories, this is not
    rejection sampling.

    The paper updates ``M`` while sampling. Here it is fixed by `fit`, so that a row does
    not depend on the rows before it.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from gen_augment import ConditionalGAN
    >>> from gen_augment.filters import FilteredSampler
    >>> X, y = load_wine(return_X_y=True)
    >>> gan = ConditionalGAN(max_steps=50, random_state=0, device="cpu")
    >>> sampler = FilteredSampler(gan, DiscriminatorRejection(n_reference=100)).fit(X, y)
    >>> X_new, y_new = sampler.sample(5, y=1)
    >>> X_new.shape
    (5, 13)
    """

    def __init__(
        self,
        *,
        discriminator: Callable[[Any, np.ndarray], ArrayLike] | None = None,
        gamma: float | Literal["auto"] = "auto",
        n_reference: int = 1000,
        threshold: float = 0.0,
        random_state: RandomState = 0,
    ) -> None:
        self.discriminator = discriminator
        self.gamma = gamma
        self.n_reference = n_reference
        self.threshold = threshold
        self.random_state = random_state

    def _fit(self, real: Rows) -> None:
        n = check_positive_int("n_reference", self.n_reference)
        seed = resolve_seed(self.random_state)
        if self.gamma != "auto":
            check_range("gamma", self.gamma, -np.inf)
        self._judge: Any = self.discriminator or getattr(self._sampler, "discriminate", None)
        if not callable(self._judge):
            raise InputError(
                f"{type(self._sampler).__name__} has no discriminator: use ConditionalGAN, or give "
                "discriminator=, a callable (X, y) -> log-odds that rows are real."
            )
        self._codec = real.codec
        size = real.encoded[0].numel()
        self._direction = np.random.default_rng(derive_seed(seed, "lots")).normal(size=size)
        rows, codes = self._reference(real, n, seed)
        log_odds = self._log_odds(rows, codes).reshape(real.n_classes, n)
        self._max, self._gamma = log_odds.max(axis=1), np.zeros(real.n_classes)
        F = self._F(log_odds.ravel(), codes).reshape(log_odds.shape)
        if self.gamma == "auto":
            self._gamma = np.percentile(F, PERCENTILE, axis=1)
        else:
            self._gamma += self.gamma

    def _score(self, X: Any, codes: np.ndarray) -> np.ndarray:
        values = self._codec.encode(X).flatten(1).double().numpy()
        uniform = values @ self._direction * _STRETCH % 1
        with np.errstate(divide="ignore"):  # a uniform number of 0 accepts every row
            logit = np.log(uniform) - np.log1p(-uniform)
        scores: np.ndarray = self._F(self._log_odds(X, codes), codes) - logit
        return scores

    def _log_odds(self, X: Any, codes: np.ndarray) -> np.ndarray:
        found = np.asarray(self._judge(X, self.classes_[codes]), dtype=np.float64)
        if found.shape != codes.shape or not np.isfinite(found).all():
            raise InputError(
                f"the discriminator gave an array of shape {found.shape} for {len(codes)} rows: "
                "return one finite number for each row."
            )
        return found

    def _F(self, log_odds: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Compute ``F`` of the module's docstring."""
        below = np.minimum(log_odds - self._max[codes], 0)
        F: np.ndarray = below - np.log(-np.expm1(below - EPSILON)) - self._gamma[codes]
        return F
