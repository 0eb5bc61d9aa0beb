"""Rows from rows of the same class: a conditional auto-encoder of pairs.

Two rows of one class, a source ``s`` and a target ``x``, differ in ways that are much alike for all classes. A small
code ``z`` holds what the target has and the source does not, and the decoder makes the target from source and code::

    ELBO(x | s) = E_q(z|x,s) [log p(x|z,s)] - beta * KL(q(z|x,s) || N(0, I))

No part of it knows the class, so what varies is learned from frequent classes and applied to rare ones.

References
----------
Antoniou, Storkey and Edwards, "Data Augmentation Generative Adversarial Networks", 2017 (arXiv:1711.04340).
Schwartz et al., "Delta-encoder: an effective sample synthesis method for few-shot object recognition", NeurIPS 2018
(arXiv:1806.04734): the code of the difference.
Zhao et al., "Data Augmentation Using Learned Transformations for One-Shot Medical Image Segmentation", CVPR 2019
(arXiv:1902.09383): a row is another one bent and lit.
"""

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec
from gen_augment.rng import RandomState, derive_seed
from gen_augment.samplers.base import Sampler
from gen_augment.samplers.latents import (
    KeptRows,
    choose_rows,
    split_noise,
    uniform_from,
)
from gen_augment.training import Batches, Callback, Loop
from gen_augment.types import Batch, ColumnTypes
from gen_augment.validation import check_positive_int

__all__ = ["PairedVAE"]

CONDITION_DIM = 64
WARMUP = 0.2  # share of the steps over which the weight of the KL term rises
FIELD_SIZE = 8  # cells along a side of the maps that bend and light an image
ITSELF = 0.1  # share of pairs of a row, labelled or not, and itself: they teach what no difference looks like
MAX_SHIFT = 0.25  # of the image's side, that a pixel may move


class PairedVAE(Sampler):
    """Conditional auto-encoder of pairs of rows of one class, for images and tables.

    A sample is a training row of its class, picked at random and varied at full strength. What varies is learned from
    all classes, so frequent ones teach what rare ones may look like.

    An image is its source, smoothly bent by up to a quarter of its side and lit: it stays sharp, and has the texture of
    that one row. A number of a table lies between that of its source and one that the decoder makes, and gets the
    learned noise; a category is drawn from a mixture of the two.

    Training rows are kept in the sampler and in its archive, images in 8 bits: whoever has it has them. They are those
    of the last fit, which must have rows of every class that is to be sampled.

    Parameters
    ----------
    latent_dim : int
        Length of the code; a long one holds the whole target, and leaves nothing to the source.
    n_sources : int
        Training rows that are kept for `sample` to start from; of large classes a random part.
    width : int
        Channels at the finest level; hidden units of the MLP are four times as many.
    max_steps, batch_size : int
        Optimiser steps, and pairs in each.
    lr : float
        Peak learning rate of AdamW, after a warm-up and before a cosine decay.
    random_state : int, RandomState or None
        Seeds the weights, the order of rows and the noise of samples.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...
    precision : str
        As in `Sampler`: "32-true", "bf16-mixed", "16-mixed".
    torch_compile : bool
        As in `Sampler`.
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    callbacks : list of Callback, optional
    verbose : bool
        Show a progress bar on standard error.

    Notes
    -----
    `vary` starts from the given rows, which may be new ones, and takes no notice of their labels. At strength 0 the
    code is that of no difference, and a row comes back as the model sees it; at 1 the code is a draw from the prior,
    and the row is to its source what another of its class may be.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = PairedVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> sampler.sample(y={0: 2, 2: 1})[0].shape, sampler.vary(X[:5], y[:5], strength=0.3).shape
    ((3, 13), (5, 13))
    """

    def __init__(
        self,
        *,
        latent_dim: int = 8,
        n_sources: int = 1024,
        width: int = 32,
        max_steps: int = 3000,
        batch_size: int = 64,
        lr: float = 2e-3,
        random_state: RandomState = None,
        device: str = "auto",
        precision: str = "32-true",
        torch_compile: bool = False,
        column_types: ColumnTypes = None,
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
            torch_compile=torch_compile,
            column_types=column_types,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.latent_dim = latent_dim
        self.n_sources = n_sources
        self.width = width

    def _check_params(self) -> None:
        super()._check_params()
        for name in ("latent_dim", "n_sources", "width"):
            check_positive_int(name, getattr(self, name))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The code, for tables the noise of each column, and what picks the source."""
        return (self.latent_dim + self._n_columns + 1,)

    @property
    def _n_columns(self) -> int:
        return self.spec_.modality.noise_dim(self.spec_)

    def _build(self, spec: DataSpec) -> "PairNetwork":
        return PairNetwork(spec, self.latent_dim, self.width, max(self.n_sources, spec.n_classes))

    def _fit(self, network: Any, loop: Loop) -> None:
        every = loop.batches.x
        pairs = _sort_by_class(loop, self.batch_size)
        network.sources.fill(pairs.x, pairs.y, derive_seed(self.seed_, "sources"))
        partners = KeptRows(len(pairs)).to(pairs.y.device)
        partners.label.copy_(pairs.y)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=self.lr, weight_decay=1e-4, fused=True
        )
        model, optimizer = loop.setup(network, optimizer)
        warmup_steps = max(1, round(WARMUP * self.max_steps))
        full_beta = self.spec_.modality.auto.get("paired.beta", 1.0)

        def step(batch: Batch) -> dict[str, Tensor]:
            source, y = batch
            u = torch.rand(2, len(y), device=y.device)
            target = pairs.x[partners.pick(y, u[0])]
            itself = (u[1] < ITSELF).view(-1, *[1] * (source.ndim - 1))
            row = every[torch.randint(len(every), (len(y),), device=y.device)]
            source, target = torch.where(itself, row, source), torch.where(itself, row, target)
            reconstruction, kl = model(source, target)
            loss = reconstruction + full_beta * min(1.0, loop.step / warmup_steps) * kl
            optimizer.zero_grad()
            loop.fabric.backward(loss)
            optimizer.step()
            return {"loss": loss, "reconstruction": reconstruction, "kl": kl}

        loop.run(step)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        network: PairNetwork = self.network_  # type: ignore[assignment]
        empty = y[network.sources.count(y) == 0]
        if len(empty):
            label = self.classes_.tolist()[int(empty[0])]
            raise InputError(
                f"there is no row of class {label!r} to start from: fit with rows of every class."
            )
        code, columns, pick = self._split(z)
        return network.generate(network.sources.rows_of(y, uniform_from(pick[:, 0])), code, columns)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        network: PairNetwork = self.network_  # type: ignore[assignment]
        same, _ = network.encode(x, x)
        code, columns, _ = self._split(z)
        return network.generate(
            x, math.sqrt(1 - strength**2) * same + strength * code, columns, strength
        )

    def _split(self, z: Tensor) -> list[Tensor]:
        return split_noise(z, self.latent_dim, self._n_columns, 1)


class PairNetwork(nn.Module):
    """Encoder of pairs, encoder of sources, and decoder; and the rows that samples start from."""

    def __init__(self, spec: DataSpec, latent_dim: int, width: int, n_sources: int) -> None:
        super().__init__()
        pairs = replace(spec, shape=(2 * spec.shape[0], *spec.shape[1:]))
        self.pair_encoder = spec.modality.encoder(pairs, width)
        self.to_code = nn.Linear(self.pair_encoder.out_features, 2 * latent_dim)
        self.source_encoder = spec.modality.encoder(spec, width)
        self.to_condition = nn.Linear(self.source_encoder.out_features, CONDITION_DIM)
        self.decoder = spec.modality.pair_decoder(spec, latent_dim, CONDITION_DIM, width)
        self.noise = spec.modality.noise(spec)
        self.sources = Sources(spec, n_sources)

    def forward(self, source: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean over the batch of -log p(x|z,s) and of KL(q || p), in nats per row."""
        mean, log_var = self.encode(source, x)
        z = mean + torch.randn_like(mean) * (0.5 * log_var).exp()
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum() / len(x)
        return self.noise(x, self.decode(source, z)), kl

    def encode(self, source: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of q(z|x,s)."""
        mean, log_var = self.to_code(
            self.pair_encoder(torch.cat([source, x - source], dim=1))
        ).chunk(2, dim=1)
        return mean, log_var

    def generate(self, source: Tensor, z: Tensor, columns: Tensor, strength: float = 1.0) -> Tensor:
        """Rows from sources, codes and, for tables, the noise of each column."""
        rows = self.decode(source, z)
        return self.noise.draw(rows, columns, strength)

    def decode(self, source: Tensor, z: Tensor) -> Tensor:
        """Rows from sources and codes: mean of p(x|z,s)."""
        condition = F.leaky_relu(self.to_condition(self.source_encoder(source)), 0.2)
        rows: Tensor = self.decoder(source, z, condition)
        return rows


class Sources(KeptRows):
    """Training rows by class."""

    rows: Tensor

    def __init__(self, spec: DataSpec, size: int) -> None:
        super().__init__(size)
        dtype = spec.modality.source_dtype
        self.register_buffer("rows", torch.zeros(size, *spec.shape, dtype=dtype))

    def fill(self, x: Tensor, y: Tensor, seed: int) -> None:
        """Keep as many rows as there is room for."""
        chosen = choose_rows(y, len(self.label), seed)
        rows = x[chosen]
        self.clear()
        self.label[: len(chosen)] = y[chosen]
        if (
            self.rows.dtype == torch.uint8
        ):  # rows that are trained on later may go beyond the range that was fitted
            rows = ((rows + 1) * 127.5).round().clamp(0, 255).byte()
        self.rows[: len(chosen)] = rows

    def rows_of(self, y: Tensor, u: Tensor) -> Tensor:
        """A row of each of these classes, every one alike if `u` is uniform in [0, 1]."""
        rows = self.rows[self.pick(y, u)]
        return rows.float() / 127.5 - 1 if rows.dtype == torch.uint8 else rows


def _sort_by_class(loop: Loop, batch_size: int) -> Batches:
    """Draw pairs from the rows in order of class."""
    y = loop.batches.y
    order = y.argsort(stable=True)
    loop.batches = Batches(
        loop.batches.x[order], y[order], batch_size=batch_size, seed=loop.batches.seed
    )
    return loop.batches
