"""Encoder, decoder and likelihood of the VAE against closed forms."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from gen_augment.modalities import DataSpec, Image
from gen_augment.samplers.vae.network import VAENetwork


def parts(network: VAENetwork, x: torch.Tensor, y: torch.Tensor) -> tuple[Normal, torch.Tensor]:
    """Return q(z|x,y), and the decoder's output for the draw of `forward` with the same seed."""
    condition = network.embedding(y)
    mean, log_var = network.to_code(torch.cat([network.encoder(x), condition], dim=1)).chunk(
        2, dim=1
    )
    posterior = Normal(mean, (log_var / 2).exp())
    torch.manual_seed(0)
    return posterior, network.decoder(mean + torch.randn_like(mean) * posterior.scale, condition)


@pytest.mark.parametrize("likelihood", ["bce", "gaussian"])
def test_objective_is_the_negative_elbo_in_nats_per_row(likelihood: str) -> None:
    torch.manual_seed(1)
    network = VAENetwork(
        DataSpec(Image(), (1, 12, 12), 3, bounded=True), 5, 4, likelihood, n_codes=7
    ).eval()
    x, y = torch.rand(6, 1, 12, 12) * 2 - 1, torch.tensor([0, 1, 2, 0, 1, 2])
    posterior, out = parts(network, x, y)
    torch.manual_seed(0)
    reconstruction, kl, rows = network(x, y)

    torch.testing.assert_close(kl, kl_divergence(posterior, Normal(0, 1)).sum(dim=1).mean())
    if likelihood == "bce":
        expected = F.binary_cross_entropy(out.sigmoid(), (x + 1) / 2, reduction="none")
    else:
        assert network.noise is not None
        expected = -Normal(out.tanh(), network.noise.std()).log_prob(x)
    torch.testing.assert_close(
        rows, out.tanh() if likelihood == "gaussian" else out.sigmoid() * 2 - 1
    )
    torch.testing.assert_close(reconstruction, expected.sum(dim=(1, 2, 3)).mean())
