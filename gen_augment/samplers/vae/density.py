"""A lower bound of the log-density of a conditional VAE, by importance weights.

::

    log p(x) >= E log 1/K sum over k of p(x|z_k) p(z_k) / q(z_k|x),    z_k drawn from q(z|x)

The bound is the evidence lower bound for one draw, and tends to log p(x) for many.

References
----------
Burda, Grosse and Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016 (arXiv:1509.00519),
equation 8.
"""

import math

import torch
from torch import Tensor

from gen_augment.samplers.vae.network import VAENetwork

__all__ = ["importance_log_prob"]


@torch.no_grad()
def importance_log_prob(network: VAENetwork, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """Return the bound for each row: (B,).

    Parameters
    ----------
    network : VAENetwork
    x : Tensor of shape (B, ...)
        Encoded rows.
    y : Tensor of shape (B,)
    noise : Tensor of shape (K, latent_dim)
        Standard normal; all rows share it, so that their scores do not depend on each other.
    """
    mean, log_var = network.encode(x, y)
    log_weights = []
    for e in noise:
        z = mean + (0.5 * log_var).exp() * e
        prior_to_posterior = 0.5 * (e.square() + log_var - z.square()).sum(dim=1)
        log_weights.append(network.log_likelihood(x, z, y) + prior_to_posterior)
    found: Tensor = torch.stack(log_weights).logsumexp(dim=0) - math.log(len(noise))
    return found
