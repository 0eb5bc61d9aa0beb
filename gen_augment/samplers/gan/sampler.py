"""Conditional generative adversarial network for small data.

The discriminator ``D(x, y)`` scores realism and agreement with the label. The generator
``G(z, y)`` learns to raise its score::

    L_D = E softplus(-D(x, y)) + E softplus(D(G(z, y), y)) + gamma / 2 * E |grad_x D(x, y)|^2
    L_G = E softplus(-D(G(z, y), y))

References
----------
Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661): the non-saturating loss.
Miyato and Koyama, "cGANs with Projection Discriminator", 2018 (arXiv:1802.05637).
Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", 2018
(arXiv:1801.04406): the R1 penalty.
Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020 (arXiv:2006.10738).
Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020
(arXiv:2006.06676): only a share of the rows is augmented, and overfitting decides how large it is.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.modalities import DataSpec, Modality
from gen_augment.privacy import Private
from gen_augment.rng import RandomState, categorical, derive_seed, normal
from gen_augment.samplers.gan.losses import AdversarialStep
from gen_augment.samplers.gan.networks import GANNetwork, Generator, ProjectionDiscriminator
from gen_augment.samplers.gan.private import PrivateAdversarialStep
from gen_augment.samplers.network import NetworkSampler
from gen_augment.samplers.persistence import has_guarantee
from gen_augment.samplers.private_training import refuse_private
from gen_augment.samplers.scoring import encode_scored
from gen_augment.training import Callback, Loop
from gen_augment.training.balance import LabelDraw
from gen_augment.training.collapse import PROBE_EVERY
from gen_augment.training.placement import evaluating
from gen_augment.types import Batch
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["ConditionalGAN"]

#: Rows that the discriminator scores in one forward pass.
SCORE_BATCH = 512
#: Largest translation of augmented rows, as a share of the side.
SHIFT = 0.07
#: Share of augmented rows by default, and at most.
SHIFT_PROBABILITY, MAX_PROBABILITY = 0.25, 0.8


class ConditionalGAN(NetworkSampler):
    """Conditional GAN with a projection discriminator and an R1 penalty.

    Parameters
    ----------
    latent_dim : int
        Length of the noise vector.
    r1_gamma : float or "auto"
        Weight of the R1 penalty, which is computed every 16th step. The squared length of a
        gradient grows with the number of values in a row, so "auto" is 16 divided by that number,
        and at most 0.3.
    augment : float, bool or "adaptive"
        Share of the rows that are augmented before the discriminator sees them, in [0, 0.8]. It
        has an effect on modalities with an augmentation: images are translated at random, RGB
        images are also recoloured. True is 0.25. "adaptive" starts there and raises the share
        while the discriminator overfits, which suits small data and many steps.
    mirror : bool
        Mirror real rows left to right at random; for images whose mirror image has the same label.
    class_balance : float or "auto"
        Training uses a class of n rows in proportion to ``n ** (1 - class_balance)``, in [0, 1]:
        0 as often as it occurs, 1 as often as any other class. Samples follow the class frequencies
        of the data in both cases. "auto" is 0, but 1 for images if one class is at least three
        times as frequent as another.
    ema_decay : float
        Decay of the moving average of the generator's weights that samples come from, in [0, 1).
    width : int
        Size of the networks: channels at the finest level, a quarter of an MLP's hidden units.
    max_steps, batch_size : int
        Optimiser steps of the generator, and rows in each.
    lr, discriminator_lr : float
        Peak learning rates of Adam for the generator and the discriminator.
    random_state, device, devices, precision, torch_compile, modality, callbacks, verbose
        As in `Sampler`.
    privacy : Private, optional
        Train with differential privacy, within this budget.

    Notes
    -----
    Every 200 steps a few generated rows of each class are compared with real ones; the score is in
    ``history_["score"]``. A `ModeCollapseWarning` is issued if the score of a class falls far below
    its best. If training ends in this state, and the mean score of all classes is lower too, the
    generator with the best score is restored.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = ConditionalGAN(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> X_new, y_new = sampler.sample(4, y=1)
    >>> X_new.shape, y_new.tolist()
    ((4, 13), [1, 1, 1, 1])
    """

    lr_schedule = "trapezoid"
    method = "gan"

    def __init__(
        self,
        *,
        latent_dim: int = 64,
        r1_gamma: float | Literal["auto"] = "auto",
        augment: float | Literal["adaptive"] = True,
        mirror: bool = False,
        class_balance: float | Literal["auto"] = "auto",
        ema_decay: float = 0.998,
        width: int = 32,
        max_steps: int = 3500,
        batch_size: int = 64,
        lr: float = 2e-3,
        discriminator_lr: float = 2e-3,
        random_state: RandomState = None,
        device: str = "auto",
        devices: int | Literal["auto"] = 1,
        precision: str = "32-true",
        torch_compile: bool = False,
        modality: str | Modality | None = None,
        callbacks: list[Callback] | None = None,
        verbose: bool = False,
        privacy: Private | None = None,
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
        self.r1_gamma = r1_gamma
        self.augment = augment
        self.mirror = mirror
        self.class_balance = class_balance
        self.ema_decay = ema_decay
        self.width = width
        self.discriminator_lr = discriminator_lr
        self.privacy = privacy

    def _check_params(self) -> None:
        super()._check_params()
        check_positive_int("latent_dim", self.latent_dim)
        check_positive_int("width", self.width)
        if self.r1_gamma != "auto":
            check_range("r1_gamma", self.r1_gamma, 0)
        if self.augment != "adaptive" and not isinstance(self.augment, bool):
            check_range("augment", self.augment, 0, MAX_PROBABILITY)
        check_choice("mirror", self.mirror, (True, False))
        check_range("ema_decay", self.ema_decay, 0, 1, open_high=True)
        check_range("discriminator_lr", self.discriminator_lr, 0, open_low=True)
        if self.augment == "adaptive":
            refuse_private(self, augment=("a number",))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """``(latent_dim + the places of all one-hot blocks,)``."""
        return (self.latent_dim + sum(self.spec_.blocks),)

    def _build(self, spec: DataSpec) -> GANNetwork:
        generator = Generator(spec, self.latent_dim, self.width)
        discriminator = ProjectionDiscriminator(spec, self.width)
        p = self._probability()
        return GANNetwork(generator, discriminator, p, MAX_PROBABILITY, self.ema_decay)

    def _fit(self, network: Any, loop: Loop) -> None:
        if loop.noise is not None:
            self._train_privately(network, loop)
            return
        step = self._make_step(network, loop)
        network.probe.start(loop.batches.x, loop.batches.y, self.latent_shape, self.seed_)
        follow = network.ema.follow(network.generator)
        augmentation = self.spec_.networks.augmentation(self.spec_)
        adaptive = self.augment == "adaptive" and augmentation is not None

        def train(batch: Batch) -> dict[str, Tensor]:
            if loop.step and loop.step % PROBE_EVERY == 0:
                self._is_collapsed(network, loop)
            losses, real_score = step(batch, loop.step)
            follow()
            losses["score"] = network.probe.score
            if adaptive:
                network.augmentation.update(real_score)
                losses["augmented"] = network.augmentation.p
            return {name: value.detach().clone() for name, value in losses.items()}

        loop.run(train)
        if loop.step >= PROBE_EVERY and self._is_collapsed(network, loop):
            network.ema.module.load_state_dict(network.probe.best.state_dict())

    def _train_privately(self, network: Any, loop: Loop) -> None:
        assert loop.noise is not None  # noqa: S101 # for mypy
        generator, optimizer = loop.setup(network.generator, _adam(network.generator, self.lr))
        discriminator = network.discriminator
        step = PrivateAdversarialStep(
            generator=(generator, optimizer),
            discriminator=discriminator,
            update=loop.updater(discriminator, _adam(discriminator, self.discriminator_lr)),
            prior=loop.noise.prior.to(loop.fabric.device),
            batch_size=self.batch_size,
            latent_shape=self.latent_shape,
            augment=self._augmentation(network.augmentation.p),
            mirror=self.spec_.networks.mirror if self.mirror else None,
        )
        follow = network.ema.follow(network.generator)

        def train(batch: Batch) -> dict[str, Tensor]:
            losses = step(batch)
            follow()
            return losses

        loop.run(train)

    def _make_step(self, network: Any, loop: Loop) -> AdversarialStep:
        gamma = self.r1_gamma
        return AdversarialStep(
            generator=loop.setup(network.generator, _adam(network.generator, self.lr)),
            discriminator=loop.setup(
                network.discriminator, _adam(network.discriminator, self.discriminator_lr)
            ),
            bare=network.discriminator,
            r1_gamma=min(0.3, 16 / math.prod(self.spec_.shape)) if gamma == "auto" else gamma,
            labels=LabelDraw(loop.batches),
            latent_shape=self.latent_shape,
            augment=self._augmentation(network.augmentation.p),
            mirror=self.spec_.networks.mirror if self.mirror else None,
            backward=loop.fabric.backward,
            without_averaging=loop.without_averaging,
        )

    def _is_collapsed(self, network: Any, loop: Loop) -> bool:
        """Score the averaged generator; say whether its best weights should be restored."""
        return bool(
            network.probe.read(
                network.ema.module,
                step=loop.step,
                max_steps=loop.max_steps,
                labels=self.classes_.tolist(),
            )
        )

    def _probability(self) -> float:
        """Return the share of augmented rows at the start."""
        if self.augment == "adaptive" or self.augment is True:
            return SHIFT_PROBABILITY
        return float(self.augment)

    def _augmentation(self, p: float | Tensor) -> Callable[[Tensor], Tensor]:
        """Return the augmentation of a share `p` of the rows, which may do nothing."""
        augment = self.spec_.networks.augmentation(self.spec_)
        if not self.augment or augment is None:
            return _unchanged
        return partial(augment, p=p, shift=SHIFT, colour=True)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        rows: Tensor = self.network_.ema(z, y)  # type: ignore[operator]
        return rows

    @torch.no_grad()
    def discriminate(self, X: Any, y: Any) -> np.ndarray:
        """Return the discriminator's log-odds that rows are real.

        The minibatch standard deviation is that of a fixed batch of generated rows, so that the
        score of a row does not depend on the other rows.

        Parameters
        ----------
        X : n rows, in the form that was fitted
        y : label or array-like of shape (n,)
            Their labels.

        Returns
        -------
        ndarray of shape (n,), float64
        """
        self._check_fitted()
        rows, device = encode_scored(self.codec_, X), self._usable_device()
        codes = torch.from_numpy(self.label_codec_.encode_rows(y, len(rows)))
        discriminator: Any = self.network_.discriminator
        parts = zip(torch.split(rows, SCORE_BATCH), torch.split(codes, SCORE_BATCH), strict=True)
        with evaluating(self.network_):
            reference = self._reference_batch(device)
            # In private training, each row is a batch of its own.
            spread = discriminator.spread(reference[:1] if has_guarantee(self) else reference)
            scores = [
                discriminator(x.to(device), c.to(device), spread=spread).cpu() for x, c in parts
            ]
        found: np.ndarray = torch.cat(scores).double().numpy()
        return found

    def _reference_batch(self, device: torch.device) -> Tensor:
        """Generate one batch of rows, always the same."""
        index, seed = np.arange(self.batch_size), derive_seed(self.seed_, "spread")
        y = torch.from_numpy(categorical(index, self.class_prior_, seed)).to(device)
        return self._generate(normal(index, self.latent_shape, seed).to(device), y)


def _unchanged(x: Tensor) -> Tensor:
    return x


def _adam(module: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=lr, betas=(0.0, 0.99), fused=True)
