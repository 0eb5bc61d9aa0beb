"""How close synthetic rows are to real ones, measured between their feature vectors.

All functions take features of shape (n, d), as `gen_augment.metrics.train_features` gives them, and work in float64.
Pairwise distances are taken in parts: 10,000 rows against 10,000 need well under 200 MB.

A figure is worth something beside the same figure for unseen real rows: none of them is at its ideal there, and all
of them depend on the numbers of rows and on the features.
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
    """Fréchet distance between normal distributions fitted to both: FID, in features of one's own.

    ``|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))``, with unbiased covariances.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least 2 rows each; many more than d, as the figure falls with the number of rows.

    Returns
    -------
    float
        At least 0, in squared units of the features; smaller is closer, and 0 means equal means and covariances.

    References
    ----------
    Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017
    (arXiv:1706.08500).

    Examples
    --------
    >>> frechet_distance([[0.0], [2.0]], [[3.0], [5.0]])
    9.0
    """
    r, f = as_features(2, real=real, fake=fake)
    root_r, root_f = _covariance_root(r), _covariance_root(f)
    # With S = A A' and S' = B B', the trace of (S S')^(1/2) is the sum of the singular values of A' B: real, never
    # negative, and exact where a covariance is singular.
    cross = torch.linalg.svdvals(root_r.T @ root_f).sum()
    distance = (
        (r.mean(0) - f.mean(0)).square().sum()
        + root_r.square().sum()
        + root_f.square().sum()
        - 2 * cross
    )
    return max(0.0, float(distance))


def kernel_distance(real: ArrayLike, fake: ArrayLike) -> float:
    """Squared maximum mean discrepancy under the kernel ``(x.y / d + 1)^3``: KID, in features of one's own.

    The unbiased estimate over all pairs of rows, rather than a mean over random subsets.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least 2 rows each.

    Returns
    -------
    float
        Smaller is closer; around 0, and as often below as above, for two draws from one distribution, whatever their
        numbers of rows.

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
    """Shares of each set that lie on the manifold of the other.

    The manifold of a set is the union of balls around its rows, each as far as the row's k-th nearest neighbour in
    the set.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least ``k + 1`` rows each, and best as many of one as of the other.
    k : int
        Neighbours; more make both shares larger.

    Returns
    -------
    precision : float in [0, 1]
        Share of synthetic rows on the manifold of the real ones: larger is more realistic.
    recall : float in [0, 1]
        Share of real rows on the manifold of the synthetic ones: larger is more varied.

    References
    ----------
    Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", 2019
    (arXiv:1904.06991).

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
    """Precision and recall made robust to outliers: both look at balls around real rows alone.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least ``k + 1`` real rows, and one synthetic row.
    k : int
        Neighbours.

    Returns
    -------
    density : float
        Real balls that a synthetic row lies in, on average, divided by k. At least 0 and about 1 for unseen real
        rows; larger where synthetic rows crowd into the densest places.
    coverage : float in [0, 1]
        Share of real balls that hold a synthetic row: larger is more varied. For as many unseen real rows it is about
        ``1 - 0.5^k``.

    Notes
    -----
    Balls are closed, as those of `precision_recall` are, so that equal rows count. The authors' code leaves a ball's
    surface out; only ties tell.

    References
    ----------
    Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative Models", 2020 (arXiv:2002.09797).

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
    """Share of synthetic rows that sit on a training row, and the same share of unseen real rows."""

    share: float
    reference: float | None


def memorisation(
    train: ArrayLike, fake: ArrayLike, reference: ArrayLike | None = None
) -> Memorisation:
    """How many synthetic rows are nearer to a training row than any other training row is.

    A row counts where its distance to the nearest training row is less than that row's distance to the nearest other
    training row.

    Parameters
    ----------
    train : array-like of shape (n, d)
        The rows that the generator was fitted on, at least 2.
    fake : array-like of shape (m, d)
        Synthetic rows.
    reference : array-like of shape (r, d), optional
        Real rows that the generator has not seen.

    Returns
    -------
    share : float in [0, 1]
        Of synthetic rows; 1 where they are copies.
    reference : float in [0, 1] or None
        Of the reference rows. This is what to read `share` against, for it is not small: fresh draws from the
        training rows' own distribution give 2/3 on a line, 0.62 in a plane and less in more dimensions, the chance
        that neighbours are each other's nearest. Above it, rows are copied; below it, they lie between or apart from
        the training rows.

    Notes
    -----
    Among training rows that occur twice nothing is nearer, so that a copy of such a row does not count.

    References
    ----------
    Cox, "Reflexive nearest neighbours", 1981 (Biometrics 37): how often neighbours are each other's nearest.

    Examples
    --------
    >>> memorisation(train=[[0.0], [1.0], [3.0]], fake=[[0.1], [5.5]])
    Memorisation(share=0.5, reference=None)
    """
    t, f = as_features(1, train=train, fake=fake)
    check_rows("train", t, 2)
    if reference is None:
        return Memorisation(_near(t, f), None)
    _, unseen = as_features(1, train=t, reference=reference)
    return Memorisation(_near(t, f), _near(t, unseen))


def fidelity(
    real: Any, fake: Any, extractor: Callable[[Any], np.ndarray], train: Any = None
) -> dict[str, float]:
    """All figures of this module for rows as the user has them.

    Parameters
    ----------
    real : rows
        Best unseen by the generator; at least 6.
    fake : rows
        Synthetic, best as many.
    extractor : callable
        Rows to features, such as `train_features` returns.
    train : rows, optional
        Those that the generator was fitted on; adds ``memorisation`` and, for `real`, ``memorisation_of_real``.

    Returns
    -------
    dict of str to float
        ``frechet_distance``, ``kernel_distance``, ``precision``, ``recall``, ``density``, ``coverage``, ...
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
    """A matrix ``A`` of which ``A A'`` is the covariance, from its eigenvalues."""
    centred = x - x.mean(dim=0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / (len(x) - 1))
    root: Tensor = vectors * values.clamp(min=0).sqrt()
    return root


def _kernel(products: Tensor, dim: int) -> Tensor:
    base = products / dim + 1
    return (base * base).mul_(base)  # ten times as fast as a power


def _kernel_mean_of_others(x: Tensor) -> float:
    """Mean over all pairs of different rows."""
    with_itself = float(_kernel(x.square().sum(dim=1), x.shape[1]).sum())
    return (_kernel_sum(x, x) - with_itself) / (len(x) * (len(x) - 1))


def _kernel_sum(a: Tensor, b: Tensor) -> float:
    parts = torch.split(a, max(1, PART_SIZE // len(b)))
    return sum(float(_kernel(part @ b.T, a.shape[1]).sum()) for part in parts)


def _near(train: Tensor, rows: Tensor) -> float:
    """Share of `rows` that are nearer to a training row than any other training row is."""
    distance, which = nearest(rows, train)
    concerned, place = torch.unique(which[:, 0], return_inverse=True)
    return share(distance[:, 0] < nearest(train[concerned], train, 2)[0][place, 1])
