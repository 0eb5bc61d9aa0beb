"""
A sampler of your own
=====================

A generator needs four methods: which noise it takes, how its network is built, one training step,
and how noise becomes rows. The base class does the rest. It reads data and labels, seeds, saves,
shows progress and places the network on a device.
"""

# %%
# The network
# -----------
# One normal distribution for each class, with a learned mean and Cholesky factor.

from typing import Any

import matplotlib.pyplot as plt
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


# %%
# The sampler
# -----------
# `_generate` draws no random numbers of its own, so a row depends on its noise alone.


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


# %%
# It samples tables
# -----------------
# Crosses are samples of the three kinds of wine, and grey points are real wines.

X, y = load_wine(return_X_y=True, as_frame=True)
sampler = NormalSampler(max_steps=500, lr=2e-2, random_state=0).fit(X, y)
X_new, y_new = sampler.sample(y={0: 60, 1: 60, 2: 60})

figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
axes.scatter(X["alcohol"], X["flavanoids"], color="0.7", s=30)
axes.scatter(X_new["alcohol"], X_new["flavanoids"], c=[f"C{label}" for label in y_new], marker="x")
axes.set(xlabel="alcohol", ylabel="flavanoids")

# %%
# Its training is recorded
# ------------------------

figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
axes.plot(sampler.history_["step"], sampler.history_["loss"])
axes.set(xlabel="step", ylabel="negative log-likelihood")

# %%
# A study takes it like any other
# -------------------------------

samplers = {"normal": NormalSampler(max_steps=300, lr=2e-2)}
study = Study(X, y, samplers=samplers, arms=["real", "oversample", "normal"], n_seeds=3)
print(study.run().verdict())
