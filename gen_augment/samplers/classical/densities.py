"""Densities of each class over encoded rows: kernels around the rows, or a Gaussian mixture.

References
----------
Silverman, "Density Estimation for Statistics and Data Analysis", 1986, section 6.4.1: the smoothed
bootstrap that keeps the variance.
Scott, "Multivariate Density Estimation", 1992: the width of its kernels.
Hastie and Tibshirani, "Discriminant Analysis by Gaussian Mixtures", JRSS B 58, 1996.
"""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.rng import RandomState, derive_seed, normal, uniform
from gen_augment.samplers import imputation, scoring
from gen_augment.samplers.classical.base import ClassicalSampler, check_flat, check_tensor
from gen_augment.samplers.classical.categories import SeenCategories
from gen_augment.samplers.classical.conditional import fill_from_mixture
from gen_augment.samplers.classical.log_density import kernel_log_prob, mixture_log_prob
from gen_augment.validation import check_positive_int, check_range

__all__ = ["KDESampler", "MixtureSampler"]

#: Maximum number of rows of a class that a mixture is fitted to.
MAX_ROWS = 10_000
#: Added to the diagonal of covariances that may be singular.
JITTER = 1e-6


class KDESampler(ClassicalSampler):
    """Rows of the class plus normal noise with the covariance of the class.

    The rows are shrunk towards the class mean, so that the covariance of the class is kept.
    Categories and missing values are those of the row.

    Parameters
    ----------
    bandwidth : float or "scott"
        Standard deviation of the noise, relative to that of the class; "scott" is
        ``n ** (-1 / (d + 4))`` for n rows of d numbers.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Names the table of rows.

    Examples
    --------
    >>> X = np.arange(40.0)[:, None]
    >>> rows, _ = KDESampler(random_state=0).fit(X, X[:, 0] > 19).sample(y={True: 3})
    >>> bool((rows > 0).all())
    True
    """

    method = "kde"

    def __init__(
        self,
        *,
        bandwidth: float | Literal["scott"] = "scott",
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.bandwidth = bandwidth

    def _check_params(self) -> None:
        if self.bandwidth != "scott":
            check_range("bandwidth", self.bandwidth, 0)

    def _prepare(self) -> None:
        n = self._points.shape[1] - sum(self.codec_.blocks)
        ends = np.cumsum(self.class_count_)
        groups = [self._points[a:b, :n].double() for a, b in zip(self._first, ends, strict=True)]
        self._mean = torch.stack([group.mean(dim=0) for group in groups])
        self._root = torch.stack([_root(_covariance(group)) for group in groups])
        scott = self.class_count_ ** (-1 / (n + 4))
        self._width = torch.from_numpy(
            scott if self.bandwidth == "scott" else np.full(len(ends), self.bandwidth)
        )

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        rows = self._points[
            torch.from_numpy(self._pick(codes, uniform(index, derive_seed(seed, "row"))))
        ]
        n, y = self._mean.shape[1], torch.from_numpy(codes)
        noise = normal(index, (n,), derive_seed(seed, "noise")).double()
        width, mean = self._width[y][:, None], self._mean[y]
        for code in np.unique(codes).tolist():
            here = y == code
            noise[here] = noise[here] @ self._root[code].T
        moved = mean + (rows[:, :n] - mean + width * noise) / (1 + width.square()).sqrt()
        rows[:, :n] = moved.to(rows.dtype)
        return self.codec_.decode(rows)

    def log_prob(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the exact log-density of encoded rows, in nats.

        Categories have probabilities: the density is 0 where no row of the class has them all.

        Parameters
        ----------
        X : n rows, in the form that was fitted
        y : label, array-like of shape (n,), or None
            None averages the densities of the classes, weighted by their priors.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        InputError
            The bandwidth is 0, so there is no density.
        """
        self._check_fitted()
        if self.bandwidth == 0:
            raise InputError("bandwidth=0 repeats rows, which have no density: fit a larger one.")
        return scoring.log_prob(self, scoring.by_class(self._class_log_prob), X, y)

    def _class_log_prob(self, x: Tensor, code: int) -> Tensor:
        first, n = self._first[code], self._mean.shape[1]
        centres = self._points[first : first + self.class_count_[code]].double()
        width, mean = self._width[code], self._mean[code]
        shrink = (1 + width.square()).sqrt()
        centres[:, :n] = mean + (centres[:, :n] - mean) / shrink
        return kernel_log_prob(x, centres, self._root[code] * width / shrink, n)


class MixtureSampler(ClassicalSampler):
    """A Gaussian mixture of each class.

    A category is the one with the largest value in its block, among those that the class has in
    training.

    Parameters
    ----------
    n_components : int
        Maximum number of components of a class, and at most one for each 10 rows and for each
        ``2 * d`` rows of d encoded values; the number with the lowest BIC is used.
    modality : str, Modality or None
        How to read the rows; None if only one reading is possible.
    random_state : int, RandomState or None
        Seeds the fit and names the table of rows.

    Examples
    --------
    >>> X = np.arange(40.0)[:, None]
    >>> MixtureSampler(random_state=0).fit(X, X[:, 0] > 19).sample(y={True: 3})[0].shape
    (3, 1)
    """

    method, _holds_rows = "mixture", False

    def __init__(
        self,
        *,
        n_components: int = 5,
        modality: str | Modality | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(modality=modality, random_state=random_state)
        self.n_components = n_components

    def _check_params(self) -> None:
        check_positive_int("n_components", self.n_components)

    def _learn(self, rows: Rows) -> None:
        check_flat(rows.codec, type(self).__name__)
        self._set_codec(rows.codec)
        points = rows.encoded.double().numpy()
        self._seen = SeenCategories.learn(rows.codec, rows.encoded, self.class_count_)
        shape = (len(self.classes_), self.n_components)
        self._shares = torch.zeros(shape, dtype=torch.float64)
        self._means = torch.zeros(*shape, points.shape[1], dtype=torch.float64)
        self._roots = torch.zeros(*shape, points.shape[1], points.shape[1], dtype=torch.float64)
        for code, (first, n) in enumerate(zip(self._first, self.class_count_, strict=True)):
            seed = derive_seed(self.seed_, "mixture", code) % 2**32
            mine = points[first : first + n]
            if n > MAX_ROWS:
                mine = mine[np.random.default_rng(seed).choice(n, MAX_ROWS, replace=False)]
            mixture = _best_mixture(mine, self.n_components, seed)
            k = mixture.n_components
            self._shares[code, :k] = torch.from_numpy(mixture.weights_)
            self._means[code, :k] = torch.from_numpy(mixture.means_)
            self._roots[code, :k] = torch.stack(
                [_root(torch.from_numpy(c)) for c in mixture.covariances_]
            )

    def _make(self, index: np.ndarray, codes: np.ndarray, seed: int) -> Any:
        u = torch.from_numpy(uniform(index, derive_seed(seed, "component")))
        ends = self._shares.cumsum(dim=1)[torch.from_numpy(codes)]
        component = (u[:, None] * ends[:, -1:] >= ends).sum(dim=1).clamp(max=self.n_components - 1)
        rows = normal(index, self.codec_.shape, derive_seed(seed, "noise")).double()
        key = torch.from_numpy(codes) * self.n_components + component
        for number in sorted(set(key.tolist())):
            here, where = key == number, divmod(number, self.n_components)
            rows[here] = self._means[where] + rows[here] @ self._roots[where].T
        return self.codec_.decode(self._seen.choose(rows.float(), codes))

    def log_prob(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the exact log-density of encoded rows, in nats; categories count as numbers.

        Parameters
        ----------
        X : n rows, in the form that was fitted
        y : label, array-like of shape (n,), or None
            None averages the densities of the classes, weighted by their priors.

        Returns
        -------
        ndarray of shape (n,)
        """
        return scoring.log_prob(self, scoring.by_class(self._class_log_prob), X, y)

    def _class_log_prob(self, x: Tensor, code: int) -> Tensor:
        law = self._shares[code], self._means[code], self._roots[code]
        return mixture_log_prob(x, *law).logsumexp(1)

    def impute(
        self,
        X: Any,
        y: Any = None,
        *,
        n_draws: int | None = None,
        random_state: RandomState = None,
    ) -> Any:
        """Fill the missing cells of a table from their exact conditional distribution.

        Parameters
        ----------
        X : table of n rows, in the form that was fitted
        y : label, array-like of shape (n,), or None
            None averages over the classes. A class gets only categories that it has.
        n_draws : int, optional
            Number of tables with random draws; by default one table with the conditional means of
            encoded numbers and the most likely categories.
        random_state : int, RandomState or None
            Names the draws.

        Returns
        -------
        X : table like the one given, or list of `n_draws` such tables
            Cells that were not missing are unchanged.
        """

        def choose(rows: Tensor, codes: np.ndarray, known: Mapping[int, int]) -> Tensor:
            return self._seen.choose(rows, codes, known)

        return imputation.impute(self, self._complete, X, y, n_draws, random_state, choose)

    def _complete(
        self, x: Tensor, missing: Tensor, y: np.ndarray | None, draw: imputation.Draw | None
    ) -> Tensor:
        prior = torch.from_numpy(self.class_prior_).expand(len(x), -1)
        if y is not None:
            prior = torch.nn.functional.one_hot(torch.from_numpy(y), prior.shape[1]).double()
        used = self._shares.flatten() > 0
        shares = (prior[:, :, None] * self._shares).flatten(1)[:, used]
        means, roots = self._means.flatten(0, 1)[used], self._roots.flatten(0, 1)[used]
        noise = None
        if draw is not None:
            seed, index = draw
            z = normal(index, tuple(x.shape[1:]), derive_seed(seed, "noise")).double()
            noise = torch.from_numpy(uniform(index, seed)), z
        return fill_from_mixture(x.double(), missing, shares, means, roots, noise)

    def _to_tensors(self) -> dict[str, Tensor]:
        law = {"weights": self._shares, "means": self._means, "roots": self._roots}
        return {**law, "seen": self._seen.seen}

    def _from_tensors(self, tensors: dict[str, Tensor]) -> None:
        shape, width = (len(self.classes_), self.n_components), self.codec_.shape[0]
        for name, expected in {
            "weights": shape,
            "means": (*shape, width),
            "roots": (*shape, width, width),
        }.items():
            check_tensor(name, tensors[name], expected)
        self._shares, self._means, self._roots = (
            tensors[name] for name in ("weights", "means", "roots")
        )
        self._seen = SeenCategories.restore(self.codec_, tensors["seen"], len(self.classes_))
        if (self._shares < 0).any() or not (self._shares.sum(dim=1) > 0).all():
            raise InputError("the weights of the mixture are not positive.")


def _best_mixture(points: np.ndarray, n_components: int, seed: int) -> GaussianMixture:
    """Return the mixture with the lowest BIC."""
    # The likelihood of a component with few rows has no bound, and no penalty of BIC can stop it.
    most = max(1, min(n_components, len(points) // max(10, 2 * points.shape[1])))
    best: tuple[float, Any] = (np.inf, None)
    for k in range(1, most + 1):
        mixture = GaussianMixture(k, reg_covar=1e-4, random_state=seed)
        with warnings.catch_warnings():  # equal rows give fewer components
            warnings.simplefilter("ignore", ConvergenceWarning)
            bic = mixture.fit(points).bic(points)
        if best[1] is None or bic < best[0]:
            best = (bic, mixture)
    return best[1]


def _covariance(points: Tensor) -> Tensor:
    centred = points - points.mean(dim=0)
    return centred.T @ centred / max(1, len(points) - 1)


def _root(covariance: Tensor) -> Tensor:
    """Return the Cholesky factor of a covariance that may be singular."""
    root: Tensor = torch.linalg.cholesky(
        covariance + JITTER * torch.eye(len(covariance), dtype=covariance.dtype)
    )
    return root
