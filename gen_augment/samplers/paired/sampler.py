"""Rows made from other rows of the same class: a conditional auto-encoder of pairs.

Two rows of one class, a source ``s`` and a target ``x``, differ in similar ways in all classes. A
short code ``z`` holds the difference, and the decoder makes the target from source and code::

    ELBO(x | s) = E_q(z|x,s) [log p(x|z,s)] - beta * KL(q(z|x,s) || N(0, I))

No network knows the class, so variation is learned from frequent classes and applied to rare ones.

References
----------
Antoniou, Storkey and Edwards, "Data Augmentation Generative Adversarial Networks", 2017
(arXiv:1711.04340).
Schwartz et al., "Delta-encoder: an effective sample synthesis method for few-shot object
recognition", NeurIPS 2018 (arXiv:1806.04734): the code of the difference.
Zhao et al., "Data Augmentation Using Learned Transformations for One-Shot Medical Image
Segmentation", CVPR 2019 (arXiv:1902.09383): an image is another one with moved and relit pixels.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from gen_augment.batch_share import own_rows
from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec, Modality
from gen_augment.rng import RandomState, derive_seed
from gen_augment.samplers.elbo import kl_weight
from gen_augment.samplers.kept_rows import KeptRows, split_noise, uniform_from
from gen_augment.samplers.network import NetworkSampler
from gen_augment.samplers.paired.network import PairNetwork
from gen_augment.training import Batches, Callback, Loop
from gen_augment.types import Batch
from gen_augment.validation import check_positive_int

__all__ = ["PairedVAE"]

#: Share of the steps over which the weight of the KL term rises from 0.
WARMUP = 0.2
#: Share of pairs whose source and target are the same row, labelled or not. They teach the code
#: of no difference.
SAME_ROW = 0.1


class PairedVAE(NetworkSampler):
    """Conditional auto-encoder of pairs of rows of one class.

    A sample is a randomly chosen training row of its class, varied at full strength. Variation is
    learned from all classes, so frequent classes show how rare ones may vary.

    The pixels of an image are moved smoothly by up to a quarter of its side, and relit: it stays
    sharp and keeps the texture of its source. A number of a flat row lies between that of the
    source and one that the decoder makes, plus learned noise; a category is drawn from a mixture of
    both.

    The sampler and its archive contain training rows, images with 8 bits per value: do not give it
    to anyone who must not have them. The rows are those of the last fit, which needs rows of every
    class that is to be sampled.

    Parameters
    ----------
    latent_dim : int
        Length of the code. A long code can hold the whole target, so that the source is ignored.
    n_sources : int
        How many training rows are kept as sources; large classes keep a random part.
    width : int
        Size of the networks: channels at the finest level, a quarter of an MLP's hidden units.
    max_steps, batch_size : int
        Optimiser steps, and pairs in each.
    lr : float
        Peak learning rate of AdamW, after a warm-up and before a cosine decay.
    random_state, device, devices, precision, torch_compile, modality, callbacks, verbose
        As in `Sampler`.

    Notes
    -----
    `vary` starts from the given rows, which may be new ones, and ignores their labels. At strength
    0 the code is that of no difference, which reconstructs the row. At strength 1 the code is a
    draw from the prior.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = PairedVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> sampler.sample(y={0: 2, 2: 1})[0].shape, sampler.vary(X[:5], y[:5], strength=0.3).shape
    ((3, 13), (5, 13))
    """

    _streams = False  # pairs are found among all rows
    method, _holds_rows = "paired", True

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
        devices: int | Literal["auto"] = 1,
        precision: str = "32-true",
        torch_compile: bool = False,
        modality: str | Modality | None = None,
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            max_steps=max_steps,
            batch_size=batch_size,
            lr=lr,
            random_state=random_state,
            device=device,
            devices=devices,
            precision=precision,
            torch_compile=torch_compile,
            modality=modality,
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
        """``(latent_dim + noise of the likelihood + 1 value that selects the source,)``."""
        return (sum(self._widths),)

    @property
    def _widths(self) -> tuple[int, int, int]:
        return self.latent_dim, self.spec_.networks.noise_dim(self.spec_), 1

    def _build(self, spec: DataSpec) -> PairNetwork:
        return PairNetwork(spec, self.latent_dim, self.width, max(self.n_sources, spec.n_classes))

    def _fit(self, network: Any, loop: Loop) -> None:
        pairs = Pairs(loop, self.batch_size)
        network.sources.fill(pairs.x, pairs.y, derive_seed(self.seed_, "sources"))
        parameters = network.parameters()
        optimizer = torch.optim.AdamW(parameters, lr=self.lr, weight_decay=1e-4, fused=True)
        model, optimizer = loop.setup(network, optimizer)
        beta = self.spec_.networks.auto.get("paired.beta", 1.0)
        weight = kl_weight(beta, WARMUP, self.max_steps)

        def step(batch: Batch) -> dict[str, Tensor]:
            reconstruction, kl = model(*pairs.draw(batch))
            loss = reconstruction + weight(loop.step) * kl
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
                f"no row of class {label!r} was kept to start from: fit with rows of every class."
            )
        code, noise, pick = split_noise(z, *self._widths)
        return network.generate(network.sources.rows_of(y, uniform_from(pick[:, 0])), code, noise)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        network: PairNetwork = self.network_  # type: ignore[assignment]
        same, _ = network.encode(x, x)
        drawn, noise, _ = split_noise(z, *self._widths)
        code = math.sqrt(1 - strength**2) * same + strength * drawn
        return network.generate(x, code, noise, strength)


class Pairs:
    """Pairs of training rows of one class.

    The loop's batches are put in order of class, so that a partner can be found by position.

    Parameters
    ----------
    loop : Loop
        Its batches are replaced.
    batch_size : int
    """

    def __init__(self, loop: Loop, batch_size: int) -> None:
        self._every = loop.batches.x
        y, seed = loop.batches.y, loop.batches.seed
        order = y.argsort(stable=True)
        self.x, self.y = self._every[order], y[order]
        loop.batches = Batches(self.x, self.y, batch_size=batch_size, seed=seed)
        self._partners = KeptRows(len(self.y)).to(self.y.device)
        self._partners.label.copy_(self.y)

    def draw(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return sources and targets; a few pairs are one row twice."""
        source, y = batch
        u = own_rows(lambda n: torch.rand(2, n, device=y.device).T, len(y)).T
        target = self.x[self._partners.pick(y, u[0])]
        same = (u[1] < SAME_ROW).view(-1, *[1] * (source.ndim - 1))
        of = len(self._every)
        row = self._every[own_rows(lambda n: torch.randint(of, (n,), device=y.device), len(y))]
        return torch.where(same, row, source), torch.where(same, row, target)
