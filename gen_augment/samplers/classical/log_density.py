"""Log-densities of kernels around rows, and of Gaussian mixtures."""

import math

import torch
from torch import Tensor

__all__ = ["kernel_log_prob", "mixture_log_prob", "normal_log_prob"]


def normal_log_prob(x: Tensor, mean: Tensor, root: Tensor) -> Tensor:
    """Return log N(x; mean, root root^T) for rows (n, d) and a Cholesky factor (d, d): (n,)."""
    z = torch.linalg.solve_triangular(root, (x - mean).T, upper=False)
    constant = root.diagonal().log().sum() + 0.5 * x.shape[1] * math.log(2 * math.pi)
    found: Tensor = -0.5 * z.square().sum(dim=0) - constant
    return found


def mixture_log_prob(x: Tensor, shares: Tensor, means: Tensor, roots: Tensor) -> Tensor:
    """Return the log-density of each component, times its share: (n, n_components).

    Parameters
    ----------
    x : Tensor of shape (n, d)
    shares : Tensor of shape (n_components,)
        Components with a share of 0 are skipped.
    means : Tensor of shape (n_components, d)
    roots : Tensor of shape (n_components, d, d)
        Cholesky factors of the covariances.
    """
    out = x.new_full((len(x), len(shares)), -math.inf)
    for k in torch.nonzero(shares > 0).flatten().tolist():
        out[:, k] = shares[k].log() + normal_log_prob(x, means[k], roots[k])
    return out


def kernel_log_prob(x: Tensor, centres: Tensor, root: Tensor, n_numbers: int) -> Tensor:
    """Return the log of the mean over normal kernels around `centres`: (n,).

    The first `n_numbers` columns are numbers, whose kernel has the Cholesky factor `root`. The
    others are categories, which have to be those of the centre: the density is that of the numbers
    times the probability of the categories.
    """
    z, middle = (
        torch.linalg.solve_triangular(root, rows[:, :n_numbers].T, upper=False).T
        for rows in (x, centres)
    )
    log_p = -0.5 * torch.cdist(z, middle).square()
    if x.shape[1] > n_numbers:
        differ = torch.cdist(x[:, n_numbers:], centres[:, n_numbers:], p=1) > 0.5
        log_p = log_p.masked_fill(differ, -math.inf)
    constant = root.diagonal().log().sum() + 0.5 * n_numbers * math.log(2 * math.pi)
    found: Tensor = log_p.logsumexp(dim=1) - math.log(len(centres)) - constant
    return found
