"""Conditional distributions of a Gaussian mixture, which are exact.

Of a normal component, given the observed values ``o``, the missing ones ``m`` are normal with::

    mean = mu_m + S_mo S_oo^-1 (x_o - mu_o),    covariance = S_mm - S_mo S_oo^-1 S_om

and the share of the component is proportional to its share times N(x_o; mu_o, S_oo).

References
----------
Ghahramani and Jordan, "Supervised Learning from Incomplete Data via an EM Approach", NIPS 1993.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from gen_augment.samplers.classical.log_density import normal_log_prob

__all__ = ["fill_from_mixture"]

#: Added to the diagonal of conditional covariances.
JITTER = 1e-9


def fill_from_mixture(
    x: Tensor,
    missing: Tensor,
    shares: Tensor,
    means: Tensor,
    roots: Tensor,
    noise: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Return rows whose missing values are drawn, or are the mean of their distribution.

    Parameters
    ----------
    x : Tensor of shape (n, d), float64
    missing : Tensor of shape (n, d), bool
    shares : Tensor of shape (n, n_components)
        Of each row; they need not sum to 1.
    means : Tensor of shape (n_components, d)
    roots : Tensor of shape (n_components, d, d)
        Cholesky factors of the covariances.
    noise : (u, z) or None
        Uniform numbers (n,), which choose components, and normal ones (n, d). None for means.
    """
    out = x.clone()
    patterns, member = torch.unique(missing, dim=0, return_inverse=True)
    covariances = roots @ roots.mT
    for number, pattern in enumerate(patterns):
        here = torch.nonzero(member == number).flatten()
        if pattern.any():
            drawn = None if noise is None else (noise[0][here], noise[1][here][:, pattern])
            laws = _conditionals(x[here], pattern, means, covariances)
            out[here[:, None], torch.nonzero(pattern).flatten()] = _mixed(laws, shares[here], drawn)
    return out


def _conditionals(
    x: Tensor, m: Tensor, means: Tensor, covariances: Tensor
) -> tuple[Tensor, Tensor, Callable[[int], Tensor]]:
    """Return log-densities (n, k), means (n, k, d_m), and a function to covariance factors."""
    o = ~m
    log_p, centres = x.new_zeros(len(x), len(means)), x.new_zeros(len(x), len(means), int(m.sum()))
    for k, (mean, s) in enumerate(zip(means, covariances, strict=True)):
        centres[:, k] = mean[m]
        if o.any():
            root = torch.linalg.cholesky(s[o][:, o])
            log_p[:, k] = normal_log_prob(x[:, o], mean[o], root)
            centres[:, k] += (x[:, o] - mean[o]) @ torch.cholesky_solve(s[o][:, m], root)

    def root_of(k: int) -> Tensor:
        s = covariances[k]
        left = s[m][:, m]
        if o.any():
            left = left - s[m][:, o] @ torch.linalg.solve(s[o][:, o], s[o][:, m])
        found: Tensor = torch.linalg.cholesky(left + JITTER * torch.eye(len(left), dtype=x.dtype))
        return found

    return log_p, centres, root_of


def _mixed(
    laws: tuple[Tensor, Tensor, Callable[[int], Tensor]],
    shares: Tensor,
    noise: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """Return means over components, or draws from one that is chosen for each row."""
    log_p, centres, root_of = laws
    weights = (shares.log() + log_p).softmax(dim=1)
    if noise is None:
        return torch.einsum("nk,nkd->nd", weights, centres)
    u, z = noise
    chosen = (u[:, None] >= weights.cumsum(dim=1)).sum(dim=1).clamp(max=weights.shape[1] - 1)
    out = centres[torch.arange(len(centres)), chosen]
    for k in sorted(set(chosen.tolist())):
        out[chosen == k] += z[chosen == k] @ root_of(k).T
    return out
