"""Conditional variational auto-encoder.

The evidence lower bound, in nats per row, with a standard normal prior on the code ``z``::

    ELBO(x, y) = E_q(z|x,y) [log p(x|z,y)] - beta * KL(q(z|x,y) || N(0, I))

References
----------
Kingma and Welling, "Auto-Encoding Variational Bayes", 2013 (arXiv:1312.6114).
Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional Generative Models",
NeurIPS 2015: the label conditions encoder and decoder.
Bowman et al., "Generating Sentences from a Continuous Space", 2016 (arXiv:1511.06349): KL warm-up.
Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated Decoders", 2021
(arXiv:2006.13202): the learned output variance.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.nets import build_decoder, build_encoder
from gen_augment.rng import RandomState
from gen_augment.samplers.base import Sampler
from gen_augment.training import Callback, Loop
from gen_augment.types import Batch, DataSpec
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["ConditionalVAE"]

CONDITION_DIM = 32


class ConditionalVAE(Sampler):
    """Conditional variational auto-encoder for images and numeric tables.

    Images get a convolutional network and give the decoder's mean; tables get an MLP and a draw from the
    decoder's normal distribution.

    Parameters
    ----------
    latent_dim : int
        Length of the code.
    beta : float or "auto"
        Weight of the KL term (Higgins et al. 2017); 1 is the evidence lower bound itself. "auto" takes 1 for tables and
        0.5 for images, which keeps more of an image in its code and so gives sharper samples.
    warmup : float
        Share of the steps over which `beta` rises from 0.
    likelihood : {"auto", "bce", "gaussian"}
        Of a row given its code: cross-entropy of pixels scaled to [0, 1], or a normal distribution with one
        learned standard deviation for each column (tables) or one for all pixels (images). "auto" takes "bce" for
        black-and-white images and "gaussian" for all else.
    width : int
        Channels at the finest level; hidden units of the MLP are four times as many.
    max_steps, batch_size : int
        Optimiser steps, and rows in each.
    lr : float
        Peak learning rate of AdamW, after a warm-up and before a cosine decay.
    random_state : int, RandomState or None
        Seeds the weights, the order of rows and the noise of samples.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...
    precision : str
        As in Lightning Fabric: "32-true", "bf16-mixed", "16-mixed".
    callbacks : list of Callback, optional
    verbose : bool
        Show a progress bar on standard error.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = ConditionalVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> X_new, y_new = sampler.sample(y={0: 2, 2: 1})
    >>> X_new.shape, y_new.tolist()
    ((3, 13), [0, 0, 2])
    """

    def __init__(
        self,
        *,
        latent_dim: int = 32,
        beta: float | Literal["auto"] = "auto",
        warmup: float = 0.2,
        likelihood: Literal["auto", "bce", "gaussian"] = "auto",
        width: int = 32,
        max_steps: int = 3000,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: RandomState = None,
        device: str = "auto",
        precision: str = "32-true",
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            max_steps=max_steps,
            batch_size=batch_size,
            lr=lr,
            random_state=random_state,
            device=device,
            precision=precision,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.latent_dim = latent_dim
        self.beta = beta
        self.warmup = warmup
        self.likelihood = likelihood
        self.width = width

    def _check_params(self) -> None:
        super()._check_params()
        check_positive_int("latent_dim", self.latent_dim)
        check_positive_int("width", self.width)
        if self.beta != "auto":
            check_range("beta", self.beta, 0)
        check_range("warmup", self.warmup, 0, 1)
        check_choice("likelihood", self.likelihood, ("auto", "bce", "gaussian"))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The code and, for tables, the noise of each column."""
        n_columns = self.spec_.shape[0] if self.spec_.kind == "table" else 0
        return (self.latent_dim + n_columns,)

    def _build(self, spec: DataSpec) -> "VAENetwork":
        likelihood = self.likelihood
        if likelihood == "auto":
            likelihood = "bce" if spec.binary else "gaussian"
        return VAENetwork(spec, self.latent_dim, self.width, likelihood)

    def _fit(self, network: Any, loop: Loop) -> None:
        optimizer = torch.optim.AdamW(network.parameters(), lr=self.lr, weight_decay=1e-4, fused=True)
        model, optimizer = loop.setup(network, optimizer)
        warmup_steps = max(1, round(self.warmup * self.max_steps))
        full_beta = self.beta
        if full_beta == "auto":
            full_beta = 0.5 if self.spec_.kind == "image" else 1.0

        def step(batch: Batch) -> dict[str, Tensor]:
            beta = full_beta * min(1.0, loop.step / warmup_steps)
            reconstruction, kl = model(*batch)
            loss = reconstruction + beta * kl
            optimizer.zero_grad()
            loop.fabric.backward(loss)
            optimizer.step()
            return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

        loop.run(step)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        network: VAENetwork = self.network_  # type: ignore[assignment]
        return network.generate(z, y)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        network: VAENetwork = self.network_  # type: ignore[assignment]
        mean, _ = network.encode(x, network.embedding(y))
        # On the way from the row's own code to a draw from the prior, at constant variance.
        code = math.sqrt(1 - strength**2) * mean + strength * z[:, : self.latent_dim]
        return network.generate(torch.cat([code, strength * z[:, self.latent_dim :]], dim=1), y)


class VAENetwork(nn.Module):
    """Encoder and decoder, both given the label's embedding."""

    def __init__(self, spec: DataSpec, latent_dim: int, width: int, likelihood: str) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.likelihood = likelihood
        self.embedding = nn.Embedding(spec.n_classes, CONDITION_DIM)
        self.encoder = build_encoder(spec, width)
        self.to_code = nn.Linear(self.encoder.out_features + CONDITION_DIM, 2 * latent_dim)
        self.decoder = build_decoder(spec, latent_dim, CONDITION_DIM, width)
        # One standard deviation for all pixels: one for each would shrink to nothing where a border is constant.
        # A sharp start: a decoder that is all noise at first leaves the code unused, and stays there.
        scale = torch.full(spec.shape if spec.kind == "table" else (), -2.0)
        self.log_scale = nn.Parameter(scale) if likelihood == "gaussian" else None
        self.bounded = spec.kind == "image" and likelihood == "gaussian"

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the batch of -log p(x|z,y) and of KL(q || p), in nats per row."""
        condition = self.embedding(y)
        mean, log_var = self.encode(x, condition)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        reconstruction = self._negative_log_likelihood(x, self._decode(z, condition))
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum() / len(x)
        return reconstruction, kl

    def encode(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of q(z|x,y)."""
        mean, log_var = self.to_code(torch.cat([self.encoder(x), condition], dim=1)).chunk(2, dim=1)
        return mean, log_var

    def generate(self, z: Tensor, y: Tensor) -> Tensor:
        """Rows from noise: the code first, then the noise of each column where rows are drawn."""
        out = self._decode(z[:, : self.latent_dim], self.embedding(y))
        if self.likelihood == "bce":
            return out.sigmoid() * 2 - 1
        if z.shape[1] == self.latent_dim:
            return out
        return torch.addcmul(out, self._log_scale().exp(), z[:, self.latent_dim :])

    def _decode(self, z: Tensor, condition: Tensor) -> Tensor:
        out: Tensor = self.decoder(z, condition)
        return out.tanh() if self.bounded else out

    def _log_scale(self) -> Tensor:
        assert self.log_scale is not None  # noqa: S101 - only the Gaussian likelihood comes here
        return -4 + F.softplus(self.log_scale + 4)  # soft lower bound: a density has none

    def _negative_log_likelihood(self, x: Tensor, out: Tensor) -> Tensor:
        if self.likelihood == "bce":
            return F.binary_cross_entropy_with_logits(out, (x + 1) / 2, reduction="sum") / len(x)
        log_scale = self._log_scale()
        standardised = (x - out) * (-log_scale).exp()
        nll = 0.5 * standardised.square() + log_scale + 0.5 * math.log(2 * math.pi)
        return nll.sum() / len(x)
