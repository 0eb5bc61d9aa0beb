"""What synthetic rows give away of the rows that a generator was fitted on, against rows that it has not seen.

All functions take features of shape (n, d): scaled columns, pixels, or what `gen_augment.metrics.train_features` gives.
A hold-out of the same distribution is what makes a figure readable: near to training rows says nothing by itself, since
a good generator's rows are near to unseen rows just as well.
"""

from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score
from torch import Tensor

from gen_augment.metrics.inputs import as_features, share
from gen_augment.neighbours import distances, nearest, radii

__all__ = ["ClosestRecord", "adversarial_accuracy", "closest_record", "membership_auc"]


class ClosestRecord(NamedTuple):
    """How near synthetic rows are to training rows; see `closest_record`."""

    copies: float
    copies_of_holdout: float
    median: float
    median_of_holdout: float
    share_nearer_to_train: float


def closest_record(
    train: ArrayLike, fake: ArrayLike, holdout: ArrayLike, tolerance: float = 1e-6
) -> ClosestRecord:
    """Distances of synthetic rows to the closest training record (DCR).

    Parameters
    ----------
    train : array-like of shape (n, d)
        The rows that the generator was fitted on.
    fake : array-like of shape (m, d)
        Synthetic rows.
    holdout : array-like of shape (h, d)
        Real rows that the generator has not seen.
    tolerance : float
        Rows no farther than this from a training row are copies.

    Returns
    -------
    copies, copies_of_holdout : float in [0, 1]
        Share of synthetic rows, and of the hold-out, that are copies.
    median, median_of_holdout : float
        Median distance of synthetic rows, and of the hold-out, to the closest training row. A first that is well below
        the second says that rows are copied with small changes.
    share_nearer_to_train : float in [0, 1]
        Of synthetic rows nearer to a training row than to any row of the hold-out, where both are cut to one size; ties
        count half. 0.5 where nothing is given away; the standard error is at most ``0.5 / sqrt(m)``.

    References
    ----------
    Platzer and Reutterer, "Holdout-Based Empirical Assessment of Mixed-Type Synthetic Data", Frontiers in Big Data 4,
    2021.

    Examples
    --------
    >>> closest_record(train=[[0.0], [1.0]], fake=[[0.0], [4.5]], holdout=[[4.0], [5.0]])
    ClosestRecord(copies=0.5, copies_of_holdout=0.0, median=1.75, median_of_holdout=3.5, share_nearer_to_train=0.5)
    """
    t, f, h = as_features(1, train=train, fake=fake, holdout=holdout)
    to_train = nearest(f, t)[0][:, 0]
    n = min(len(t), len(h))
    of_train = to_train if n == len(t) else nearest(f, _some(t, n))[0][:, 0]
    of_holdout = nearest(f, _some(h, n))[0][:, 0]
    nearer = share(of_train < of_holdout) + 0.5 * share(of_train == of_holdout)
    unseen = nearest(h, t)[0][:, 0]
    return ClosestRecord(
        copies=share(to_train <= tolerance),
        copies_of_holdout=share(unseen <= tolerance),
        median=float(to_train.quantile(0.5)),
        median_of_holdout=float(unseen.quantile(0.5)),
        share_nearer_to_train=nearer,
    )


def adversarial_accuracy(real: ArrayLike, fake: ArrayLike) -> float:
    """Accuracy of a nearest neighbour that is to tell real from synthetic rows, each row left out in turn.

    Parameters
    ----------
    real, fake : array-like of shape (n, d)
        At least 2 rows each, and as many of one as of the other, or the larger is cut.

    Returns
    -------
    float in [0, 1]
        0.5 where nobody can tell; 1 where synthetic rows lie apart; 0 where each is a copy. Less for training rows than
        for a hold-out is what the generator gives away of its training rows: the authors' privacy loss.

    References
    ----------
    Yale et al., "Generation and Evaluation of Privacy Preserving Synthetic Health Data", Neurocomputing 416, 2020.

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
    """Area under the ROC curve of an attack that takes rows near to a synthetic one for training rows.

    Parameters
    ----------
    train, holdout : array-like of shape (n, d)
        Rows that the generator was fitted on, and real rows that it has not seen.
    fake : array-like of shape (m, d)
        Synthetic rows: all that the attacker has.

    Returns
    -------
    float in [0, 1]
        0.5 where the attack learns nothing, 1 where it knows every training row.

    References
    ----------
    Chen et al., "GAN-Leaks: A Taxonomy of Membership Inference Attacks against Generative Models", 2020
    (arXiv:1909.03935): the full black-box attack.

    Examples
    --------
    >>> membership_auc(train=[[0.0], [1.0]], holdout=[[5.0], [6.0]], fake=[[0.1], [0.9]])
    1.0
    """
    t, h, f = as_features(1, train=train, holdout=holdout, fake=fake)
    distance = torch.cat([_closest(t, f), _closest(h, f)])
    member = torch.cat([torch.ones(len(t), device="cpu"), torch.zeros(len(h), device="cpu")])
    return float(roc_auc_score(member.numpy(), -distance.numpy()))


def _some(x: Tensor, n: int) -> Tensor:
    """`n` rows, evenly spaced."""
    return x[torch.linspace(0, len(x) - 1, n).long()]


def _closest(a: Tensor, b: Tensor) -> Tensor:
    """Distance of each row of `a` to the nearest of `b`."""
    return torch.cat([distance.amin(dim=1) for _, distance in distances(a, b)])
