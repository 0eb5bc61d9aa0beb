"""What synthetic rows reveal about the rows that a generator was trained on.

All functions take features of shape (n, d), such as scaled columns, pixels, or the output
of `gen_augment.metrics.train_features`. A small distance to the training rows means
nothing by itself, since the rows of a good generator are near to unseen real rows too.
The figures are therefore relative to a hold-out of real rows.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import binom
from sklearn.metrics import roc_auc_score
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.metrics.inputs import as_features, share
from gen_augment.neighbours import distances, nearest, radii
from gen_augment.validation import check_range

__all__ = [
    "ClosestRecord",
    "adversarial_accuracy",
    "audited_epsilon",
    "closest_record",
    "membership_auc",
]


class ClosestRecord(NamedTuple):
    """Distances of synthetic rows to training rows; see `closest_record`."""

    copies: float
    copies_of_holdout: float
    median: float
    median_of_holdout: float
    share_nearer_to_train: float


def closest_record(
    train: ArrayLike, fake: ArrayLike, holdout: ArrayLike, tolerance: float = 1e-6
) -> ClosestRecord:
    """Measure distances to the closest training record (DCR).

    Parameters
    ----------
    train : array-like of shape (n, d)
        The rows that the generator was fitted on.
    fake : array-like of shape (m, d)
        Synthetic rows.
    holdout : array-like of shape (h, d)
        Real rows that the generator was not fitted on.
    tolerance : float
        A row within this distance of a training row is a copy.

    Returns
    -------
    copies, copies_of_holdout : float in [0, 1]
        Share of synthetic rows, and of hold-out rows, that are copies.
    median, median_of_holdout : float
        Median distance of synthetic rows, and of hold-out rows, to the closest training
        row. If the first is much smaller, training rows are copied with small changes.
    share_nearer_to_train : float in [0, 1]
        Share of synthetic rows that are nearer to a training row than to any hold-out row,
        where both sets are cut to the same size and ties count half. 0.5 if nothing is
        revealed; the standard error is at most ``0.5 / sqrt(m)``.

    Raises
    ------
    InputError
        The features cannot be used.

    References
    ----------
    Platzer and Reutterer, "Holdout-Based Empirical Assessment of Mixed-Type Synthetic
    Data", Frontiers in Big Data 4, 2021.

    Examples
    --------
    >>> found = closest_record(train=[[0.0], [1.0]], fake=[[0.0], [4.5]], holdout=[[4.0], [5.0]])
    >>> found.copies, found.median, found.median_of_holdout, found.share_nearer_to_train
    (0.5, 1.75, 3.5, 0.5)
    """
    t, f, h = as_features(1, train=train, fake=fake, holdout=holdout)
    to_train = nearest(f, t)[0][:, 0]
    n = min(len(t), len(h))
    to_some_train = to_train if n == len(t) else nearest(f, _some(t, n))[0][:, 0]
    to_holdout = nearest(f, _some(h, n))[0][:, 0]
    nearer = share(to_some_train < to_holdout) + 0.5 * share(to_some_train == to_holdout)
    holdout_to_train = nearest(h, t)[0][:, 0]
    return ClosestRecord(
        copies=share(to_train <= tolerance),
        copies_of_holdout=share(holdout_to_train <= tolerance),
        median=float(to_train.quantile(0.5)),
        median_of_holdout=float(holdout_to_train.quantile(0.5)),
        share_nearer_to_train=nearer,
    )


def adversarial_accuracy(real: ArrayLike, fake: ArrayLike) -> float:
    """Compute the leave-one-out accuracy of a nearest-neighbour real-or-synthetic test.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least 2 rows each. The larger set is cut to the size of the other.

    Returns
    -------
    float in [0, 1]
        0.5 if the sets cannot be distinguished, 1 if synthetic rows lie apart from real
        ones, 0 if each is a copy. The figure for a hold-out minus that for training rows
        is what the generator reveals about its training rows: the authors' privacy loss.

    Raises
    ------
    InputError
        The features cannot be used.

    References
    ----------
    Yale et al., "Generation and Evaluation of Privacy Preserving Synthetic Health Data",
    Neurocomputing 416, 2020.

    Examples
    --------
    >>> adversarial_accuracy([[0.0], [1.0]], [[8.0], [9.0]])
    1.0
    """
    r, f = as_features(2, real=real, fake=fake)
    n = min(len(r), len(f))
    r, f = _some(r, n), _some(f, n)
    apart = [share(_closest(a, b) > radii(a, 1)) for a, b in ((r, f), (f, r))]
    return sum(apart) / 2


def membership_auc(train: ArrayLike, holdout: ArrayLike, fake: ArrayLike) -> float:
    """Compute the ROC AUC of an attack that looks for training rows near synthetic ones.

    Parameters
    ----------
    train, holdout : array-like of shape (n, d)
        Rows that the generator was fitted on, and real rows that it was not fitted on.
    fake : array-like of shape (m, d)
        Synthetic rows: all that the attacker has.

    Returns
    -------
    float in [0, 1]
        0.5 if the attack learns nothing, 1 if it identifies every training row.

    Raises
    ------
    InputError
        The features cannot be used.

    References
    ----------
    Chen et al., "GAN-Leaks: A Taxonomy of Membership Inference Attacks against Generative
    Models", 2020 (arXiv:1909.03935): the full black-box attack.

    Examples
    --------
    >>> membership_auc(train=[[0.0], [1.0]], holdout=[[5.0], [6.0]], fake=[[0.1], [0.9]])
    1.0
    """
    t, h, f = as_features(1, train=train, holdout=holdout, fake=fake)
    distance = torch.cat([_closest(t, f), _closest(h, f)])
    member = torch.cat([torch.ones(len(t), device="cpu"), torch.zeros(len(h), device="cpu")])
    return float(roc_auc_score(member.numpy(), -distance.numpy()))


def audited_epsilon(
    n_right: int, n_guesses: int, *, delta: float = 0.0, confidence: float = 0.95
) -> float:
    """Compute the epsilon that an attack on planted rows proves, a lower bound.

    Plant each of `n_guesses` rows in the training data with probability 1/2, independently. Then
    guess from the generated rows alone which of them were planted. Training that is
    ``(epsilon, delta)``-private, for smaller epsilon than the returned one, would let so many
    guesses be right with probability ``1 - confidence`` at most.

    Parameters
    ----------
    n_right, n_guesses : int
        Right guesses, and all guesses: one for each candidate.
    delta : float in [0, 1)
    confidence : float in (0, 1)

    Returns
    -------
    float
        At least 0. All of 200 guesses right prove 4.2 with confidence 95%.

    Raises
    ------
    InputError
        More guesses are right than there are, or a value is out of range.

    References
    ----------
    Steinke, Nasr and Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023
    (arXiv:2305.08846), theorem 5.2 and appendix D.

    Examples
    --------
    >>> round(audited_epsilon(180, 200), 2), audited_epsilon(100, 200)
    (1.8, 0.0)
    """
    check_range("delta", delta, 0, 1, open_high=True)
    check_range("confidence", confidence, 0, 1, open_low=True, open_high=True)
    if not 0 <= n_right <= n_guesses:
        raise InputError(f"n_right={n_right} is not between 0 and n_guesses={n_guesses}.")

    def excess(epsilon: float) -> float:
        guesses = binom(n_guesses, expit(epsilon))
        below = guesses.pmf(np.arange(n_right)[::-1]).cumsum() / np.arange(1, n_right + 1)
        slack = 2 * n_guesses * delta * below.max(initial=0.0)
        return float(guesses.sf(n_right - 1) + slack - (1 - confidence))

    return 0.0 if excess(0.0) >= 0 else float(brentq(excess, 0.0, 100.0))


def _some(x: Tensor, n: int) -> Tensor:
    """Select `n` rows at even spacing."""
    return x[torch.linspace(0, len(x) - 1, n).long()]


def _closest(a: Tensor, b: Tensor) -> Tensor:
    """Return the distance of each row of `a` to the nearest row of `b`."""
    return torch.cat([distance.amin(dim=1) for _, distance in distances(a, b)])
