"""A sampler of your own: one normal distribution per class.

The mean and the Cholesky factor of each class are learned. The base class reads the
data, encodes labels, sets seeds, saves the sampler, shows progress and moves the
network to its device. A study accepts the sampler like any other.

Run: python examples/own_sampler.py        (a few seconds)
"""

from typing import Any

import torch
from sklearn.datasets import load_wine
from torch import Tensor, nn

from gen_augment import NetworkSampler, Study, register_sampler
from gen_augment.modalities import DataSpec
from gen_augment.training import Loop
from gen_augment.types import Batch


class NormalNetwork(nn.Module):
    """The model ``x = mean_y + L_y z``."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        n_values = spec.shape[0]
        self.mean = nn.Parameter(torch.zeros(spec.n_classes, n_values))
        self.factor = nn.Parameter(torch.eye(n_values).repeat(spec.n_classes, 1, 1))

    def lower(self, y: Tensor) -> Tensor:
        """Return the Cholesky factor of each row, shape ``(B, n, n)``."""
        factor = self.factor[y]
        return factor.tril(-1) + torch.diag_embed(
            nn.functional.softplus(factor.diagonal(dim1=1, dim2=2))
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean negative log-likelihood, in nats per row."""
        density: Any = torch.distributions.MultivariateNormal(
            self.mean[y], scale_tril=self.lower(y)
        )
        loss: Tensor = -density.log_prob(x).mean()
        return loss


@register_sampler
class NormalSampler(NetworkSampler):
    """A sampler of tables, fitted by gradient steps on the likelihood."""

    method = "normal"

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return self.spec_.shape

    def _build(self, spec: DataSpec) -> nn.Module:
        return NormalNetwork(spec)

    def _fit(self, network: Any, loop: Loop) -> None:
        model, optimizer = loop.setup(network, torch.optim.Adam(network.parameters(), lr=self.lr))

        def step(batch: Batch) -> dict[str, Tensor]:
            loss = model(*batch)
            optimizer.zero_grad()
            loop.fabric.backward(loss)
            optimizer.step()
            return {"loss": loss}

        loop.run(step)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        network: Any = self.network_
        rows: Tensor = network.mean[y] + (network.lower(y) @ z.unsqueeze(-1)).squeeze(-1)
        return rows


if __name__ == "__main__":
    X, y = load_wine(return_X_y=True, as_frame=True)
    sampler = NormalSampler(max_steps=500, lr=2e-2, random_state=0).fit(X, y)
    rows, _ = sampler.sample(3, y=1)
    print(rows.round(2).T.to_string())

    samplers = {"normal": NormalSampler(max_steps=500, lr=2e-2)}
    study = Study(X, y, samplers=samplers, arms=["real", "oversample", "normal"], n_seeds=3)
    print(study.run().verdict())
