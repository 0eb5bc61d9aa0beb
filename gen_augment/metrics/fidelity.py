"""Distances between synthetic and real rows in a feature space.

All functions take features of shape (n, d), such as the output of
`gen_augment.metrics.train_features`, and compute in float64. Pairwise distances are
computed in parts: 10,000 rows against 10,000 need well under 200 MB.

Compare each figure with the same figure for unseen real rows. It does not reach its ideal
value there either, and it depends on the numbers of rows and on the features.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gen_augment.metrics.inputs import as_features, check_rows, share
from gen_augment.neighbours import PART_SIZE, distances, members, nearest, radii
from gen_augment.validation import check_positive_int

__all__ = [
    "Memorisation",
    "density_coverage",
    "fidelity",
    "frechet_distance",
    "kernel_distance",
    "memorisation",
    "precision_recall",
]


def frechet_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """Compute the Fréchet distance between normal distributions fitted to both sets.

    With features of an Inception network this is the FID. The distance is
    ``|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))``, with unbiased covariances.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least 2 rows each, and many more than d: the distance is biased upwards, and the
        bias falls with the number of rows.

    Returns
    -------
    float
        At least 0, in squared units of the features. Smaller is closer; 0 means equal means
        and covariances.

    References
    ----------
    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash
    Equilibrium", 2017 (arXiv:1706.08500).

    Examples
    --------
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0
    """
    r, f = as_features(2, real=real, fake=fake)
    root_r, root_f = _covariance_root(r), _covariance_root(f)
    # With S = A A' and S' = B B', the trace of (S S')^(1/2) is the sum of the singular values
    # of A' B, which is real, never negative, and exact for singular covariances.
    cross = torch.linalg.svdvals(root_r.T @ root_f).sum()
    distance = (
        (r.mean(0) - f.mean(0)).square().sum()
        + root_r.square().sum()
        + root_f.square().sum()
        - 2 * cross
    )
    return max(0.0, float(distance))


def kernel_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """Estimate the squared maximum mean discrepancy under the kernel ``(x.y / d + 1)^3``.

    With features of an Inception network this is the KID. The estimate is unbiased and
    uses all pairs of rows instead of random subsets.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least 2 rows each.

    Returns
    -------
    float
        Smaller is closer. For two samples of one distribution the expected value is 0, for
        any number of rows, so negative values occur.

    References
    ----------
    Bińkowski et al., "Demystifying MMD GANs", 2018 (arXiv:1801.01401).

    Examples
    --------
    >>> kernel_distance([[0.0], [0.0]], [[1.0], [1.0]])
    7.0
    """
    r, f = as_features(2, real=real, fake=fake)
    between = _kernel_sum(r, f) / (len(r) * len(f))
    return _kernel_mean_of_others(r) + _kernel_mean_of_others(f) - 2 * between


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Compute the share of each set that lies on the manifold of the other.

    The manifold of a set is the union of balls around its rows. Each ball reaches to the
    row's k-th nearest neighbour in the set.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least ``k + 1`` rows each, preferably the same number.
    k : int
        Number of neighbours; a larger k increases both shares.

    Returns
    -------
    precision : float in [0, 1]
        Share of synthetic rows on the manifold of the real rows; larger is more realistic.
    recall : float in [0, 1]
        Share of real rows on the manifold of the synthetic rows; larger is more varied.

    References
    ----------
    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative
    Models", 2019 (arXiv:1904.06991).

    Examples
    --------
    >>> precision_recall([[0.0], [1.0], [2.0]], [[0.0], [0.5], [9.0]], k=1)
    (0.6666666666666666, 1.0)
    """
    k = check_positive_int("k", k)
    r, f = as_features(k + 1, real=real, fake=fake)
    realistic, covered = members(r, f, k)
    return share(realistic), share(covered)


def density_coverage(real: ArrayLike, fake: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Compute density and coverage, which are robust to outliers among synthetic rows.

    Unlike `precision_recall`, both use balls around real rows only.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least ``k + 1`` real rows, and one synthetic row.
    k : int
        Number of neighbours.

    Returns
    -------
    density : float
        Mean number of balls that a synthetic row lies in, divided by k. At least 0, and
        about 1 for unseen real rows; larger if synthetic rows concentrate in dense regions.
    coverage : float in [0, 1]
        Share of balls that contain a synthetic row; larger is more varied. About
        ``1 - 0.5^k`` for the same number of unseen real rows.

    Notes
    -----
    Balls are closed, as in `precision_recall`, so equal rows count. The authors' code uses
    open balls; the results differ for ties only.

    References
    ----------
    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020
    (arXiv:2002.09797).

    Examples
    --------
    >>> density_coverage([[0.0], [1.0], [2.0]], [[0.5], [9.0], [9.5]], k=1)
    (0.6666666666666666, 0.6666666666666666)
    """
    k = check_positive_int("k", k)
    r, f = as_features(1, real=real, fake=fake)
    check_rows("real", r, k + 1)
    radius = radii(r, k)
    inside, covered = 0, torch.zeros(len(r), dtype=torch.bool, device="cpu")
    for _, distance in distances(f, r):
        hits = distance <= radius
        inside += int(hits.sum())
        covered |= hits.any(dim=0)
    return inside / (k * len(f)), share(covered)


class Memorisation(NamedTuple):
    """Share of memorised synthetic rows, and the same share of unseen real rows."""

    share: float
    reference: float | None


def memorisation(
    train: ArrayLike, fake: ArrayLike, reference: ArrayLike | None = None
) -> Memorisation:
    """Count synthetic rows that are nearer to a training row than its own neighbour is.

    A row counts if its distance to the nearest training row is less than that row's
    distance to its nearest other training row.

    Parameters
    ----------
    train : array-like of shape (n, d)
        The rows that the generator was fitted on; at least 2.
    fake : array-like of shape (m, d)
        Synthetic rows.
    reference : array-like of shape (r, d), optional
        Real rows that the generator was not fitted on.

    Returns
    -------
    share : float in [0, 1]
        Share of synthetic rows that count; 1 if all are copies.
    reference : float in [0, 1] or None
        The same share of the reference rows. It is not small: for new samples of the
        training distribution it is the probability that neighbours are each other's
        nearest, which is 2/3 on a line, 0.62 in a plane and less in more dimensions. A
        larger `share` indicates copies; a smaller one, rows between or apart from the
        training rows.

    Notes
    -----
    A training row that occurs twice is at distance 0 from its neighbour, so a copy of it
    does not count.

    References
    ----------
    Cox, "Reflexive nearest neighbours", Biometrics 37, 1981.

    Examples
    --------
    >>> memorisation(train=[[0.0], [1.0], [3.0]], fake=[[0.1], [5.5]])
    Memorisation(share=0.5, reference=None)
    """
    t, f = as_features(1, train=train, fake=fake)
    check_rows("train", t, 2)
    if reference is None:
        return Memorisation(_share_near(t, f), None)
    _, unseen = as_features(1, train=t, reference=reference)
    return Memorisation(_share_near(t, f), _share_near(t, unseen))


def fidelity(
    real: Any, fake: Any, extractor: Callable[[Any], np.ndarray], train: Any = None
) -> dict[str, float]:
    """Compute all figures of this module for rows in the user's form.

    Parameters
    ----------
    real : rows
        At least 6 real rows, preferably rows that the generator was not fitted on.
    fake : rows
        Synthetic rows, preferably the same number.
    extractor : callable
        Maps rows to features, such as the result of `train_features`.
    train : rows, optional
        The rows that the generator was fitted on; adds ``memorisation`` and, for `real`,
        ``memorisation_of_real``.

    Returns
    -------
    dict of str to float
        ``frechet_distance``, ``kernel_distance``, ``precision``, ``recall``, ``density``,
        ``coverage``, and with `train` the two shares above.

    Raises
    ------
    InputError
        The extractor returns arrays that are not features.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = fidelity(rng.normal(size=(99, 2)), rng.normal(9, 1, (99, 2)), np.asarray)
    >>> found["precision"], found["coverage"]
    (0.0, 0.0)
    """
    r, f = extractor(real), extractor(fake)
    precision, recall = precision_recall(r, f)
    density, coverage = density_coverage(r, f)
    found = {
        "frechet_distance": frechet_distance(r, f),
        "kernel_distance": kernel_distance(r, f),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
    }
    if train is not None:
        t = extractor(train)
        found |= {
            "memorisation": memorisation(t, f).share,
            "memorisation_of_real": memorisation(t, r).share,
        }
    return found


def _covariance_root(x: Tensor) -> Tensor:
    """Return a matrix ``A`` such that ``A A'`` is the covariance of the rows."""
    centred = x - x.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / (len(x) - 1))
    root: Tensor = vectors * values.clamp(min=0).sqrt()
    return root


def _kernel(products: Tensor, dim: int) -> Tensor:
    base = products / dim + 1
    return (base * base).mul_(base)  # ten times as fast as a power


def _kernel_mean_of_others(x: Tensor) -> float:
    """Return the mean of the kernel over all pairs of different rows."""
    with_itself = float(_kernel(x.square().sum(dim=1), x.shape[1]).sum())
    return (_kernel_sum(x, x) - with_itself) / (len(x) * (len(x) - 1))


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    parts = torch.split(a, max(1, PART_SIZE // len(b)))
    return sum(float(_kernel(part @ b.T, a.shape[1]).sum()) for part in parts)


def _share_near(train: Tensor, rows: Tensor) -> float:
    """Return the share of `rows` that count in `memorisation`."""
    distance, which = nearest(rows, train)
    some, place = torch.unique(which[:, 0], return_inverse=True)
    return share(distance[:, 0] < nearest(train[some], train, 2)[0][place, 1])
