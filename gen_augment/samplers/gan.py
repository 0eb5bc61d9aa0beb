"""Conditional generative adversarial network for small data.

The discriminator ``D(x, y)`` scores realism and agreement with the label, the generator ``G(z, y)`` raises its score::

    L_D = E softplus(-D(x, y)) + E softplus(D(G(z, y), y)) + gamma / 2 * E |grad_x D(x, y)|^2
    L_G = E softplus(-D(G(z, y), y))

References
----------
Goodfellow et al., "Generative Adversarial Nets", 2014 (arXiv:1406.2661): the non-saturating loss.
Lim and Ye, "Geometric GAN", 2017 (arXiv:1705.02894): the hinge loss.
Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018 (arXiv:1802.05957).
Miyato and Koyama, "cGANs with Projection Discriminator", 2018 (arXiv:1802.05637).
Mescheder, Geiger and Nowozin, "Which Training Methods for GANs do actually Converge?", 2018
(arXiv:1801.04406): the R1 penalty; taken lazily, as in Karras et al. 2020 (arXiv:1912.04958).
Karras et al., "Progressive Growing of GANs", 2018 (arXiv:1710.10196): minibatch standard deviation.
Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019 (arXiv:1907.00503): categories by Gumbel-softmax.
Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020 (arXiv:2006.10738).
Karras et al., "Training Generative Adversarial Networks with Limited Data", 2020 (arXiv:2006.06676): augmenting a share
of the images only, so that generated ones do not come out augmented, and as large a share as overfitting calls for.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gen_augment.nets import ClassEmbedding, build_decoder, build_encoder
from gen_augment.nets.blocks import relaxed_blocks
from gen_augment.rng import RandomState, categorical, derive_seed, normal
from gen_augment.samplers.base import Sampler
from gen_augment.training import EMA, Callback, Loop, diff_augment
from gen_augment.training.balance import RowDraw
from gen_augment.training.collapse import PROBE_EVERY, CollapseProbe
from gen_augment.training.diffaugment import AdaptiveProbability
from gen_augment.training.placement import evaluating
from gen_augment.types import Batch, ColumnTypes, DataSpec
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["ConditionalGAN"]

CONDITION_DIM = 32
R1_EVERY = 16
JUDGED_AT_ONCE = 512
SHIFT, SHIFT_PROBABILITY, MOST_AUGMENTED = 0.07, 0.25, 0.8


class ConditionalGAN(Sampler):
    """Conditional GAN with a projection discriminator, for images and tables.

    Parameters
    ----------
    latent_dim : int
        Length of the noise vector.
    loss : {"non_saturating", "hinge"}
    regularizer : {"r1", "spectral_norm"}
        What keeps the discriminator smooth: the R1 gradient penalty every 16th step, or spectral normalisation
        of its layers.
    r1_gamma : float or "auto"
        Weight of the R1 penalty. A gradient's squared length grows with the number of values in a row, so "auto" takes
        16 divided by that number, and at most 0.3.
    augment : float, bool or "adaptive"
        Share of what the discriminator sees that is shifted at random, and for RGB also recoloured, in [0, 0.8] (images
        only). True stands for 0.25. "adaptive" starts there and raises the share while the discriminator knows its
        training rows too well: for small data and many steps.
    mirror : bool
        Mirror real images left to right at random, as if each were there twice: for images whose mirror image has the
        same label.
    class_balance : float
        Training meets a class of n rows in proportion to ``n ** (1 - class_balance)``, in [0, 1]: 0 as often as it is
        in the data, 1 as often as any other. Samples follow the data's own shares whatever it is.
    ema_decay : float
        Of the average of the generator's weights that samples come from; in [0, 1).
    width : int
        Channels at the finest level; hidden units of the MLP are four times as many.
    max_steps, batch_size : int
        Steps of one discriminator and one generator update each, and rows in each.
    lr, discriminator_lr : float
        Peak learning rates of Adam for the generator and the discriminator.
    random_state, device, precision, torch_compile, column_types, callbacks, verbose
        As in `ConditionalVAE`.

    Notes
    -----
    A row without a label (-1) is judged by its realism alone; generated rows always have a label.

    Every 200 steps a few rows of each class are compared with real ones (`gen_augment.training.collapse`); the score is
    in `history_`. Where that of a class falls far below its best, a `ModeCollapseWarning` says so; training that ends
    like that, and with a lower score over all classes, ends with the generator that scored best.

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

    def __init__(
        self,
        *,
        latent_dim: int = 64,
        loss: Literal["non_saturating", "hinge"] = "non_saturating",
        regularizer: Literal["r1", "spectral_norm"] = "r1",
        r1_gamma: float | Literal["auto"] = "auto",
        augment: float | Literal["adaptive"] = True,
        mirror: bool = False,
        class_balance: float = 0.0,
        ema_decay: float = 0.998,
        width: int = 32,
        max_steps: int = 3500,
        batch_size: int = 64,
        lr: float = 2e-3,
        discriminator_lr: float = 2e-3,
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
        self.loss = loss
        self.regularizer = regularizer
        self.r1_gamma = r1_gamma
        self.augment = augment
        self.mirror = mirror
        self.class_balance = class_balance
        self.ema_decay = ema_decay
        self.width = width
        self.discriminator_lr = discriminator_lr

    def _check_params(self) -> None:
        super()._check_params()
        check_positive_int("latent_dim", self.latent_dim)
        check_positive_int("width", self.width)
        check_choice("loss", self.loss, ("non_saturating", "hinge"))
        check_choice("regularizer", self.regularizer, ("r1", "spectral_norm"))
        if self.r1_gamma != "auto":
            check_range("r1_gamma", self.r1_gamma, 0)
        if self.augment != "adaptive" and not isinstance(self.augment, bool):
            check_range("augment", self.augment, 0, MOST_AUGMENTED)
        check_choice("mirror", self.mirror, (True, False))
        check_range("class_balance", self.class_balance, 0, 1)
        check_range("ema_decay", self.ema_decay, 0, 1)
        check_range("discriminator_lr", self.discriminator_lr, 0, open_low=True)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """``(latent_dim,)``, and for tables a number for each place of their blocks."""
        return (self.latent_dim + sum(self.spec_.blocks),)

    def _build(self, spec: DataSpec) -> "GANNetwork":
        spectral = self.regularizer == "spectral_norm"
        return GANNetwork(spec, self.latent_dim, self.width, self._probability(), spectral, self.ema_decay)

    def _fit(self, network: Any, loop: Loop) -> None:
        generator, generator_optimizer = loop.setup(network.generator, _adam(network.generator, self.lr))
        discriminator, discriminator_optimizer = loop.setup(
            network.discriminator, _adam(network.discriminator, self.discriminator_lr)
        )
        augment = self._augmentation(network.augmentation.p)
        adaptive = self.augment == "adaptive" and self.spec_.kind == "image"
        gamma = min(0.3, 16 / math.prod(self.spec_.shape)) if self.r1_gamma == "auto" else self.r1_gamma
        follow = network.ema.follow(network.generator)
        draw = RowDraw(loop.batches, self.spec_.n_classes, self.class_balance)
        network.probe.start(loop.batches.x, loop.batches.y, self.latent_shape, self.seed_)
        backward = loop.fabric.backward

        def probe() -> bool:
            steps = {"step": loop.step, "max_steps": loop.max_steps}
            return bool(network.probe.read(network.ema.module, labels=self.classes_.tolist(), **steps))

        def step(batch: Batch) -> dict[str, Tensor]:
            if loop.step and loop.step % PROBE_EVERY == 0:
                probe()
            x, y = draw.real(batch)
            if self.mirror and x.ndim == 4:
                x = torch.where(torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5, x.flip(-1), x)
            fake_y = draw.labels(len(y))
            fake = generator(torch.randn(len(y), *self.latent_shape, device=x.device), fake_y)

            seen = augment(torch.cat([x, fake.detach()]))
            real_score, fake_score = discriminator(seen, torch.cat([y, fake_y]), n_groups=2).chunk(2)
            discriminator_loss = self._discriminator_loss(real_score, fake_score)
            if self.regularizer == "r1" and loop.step % R1_EVERY == 0:
                # In full precision, whatever the rest is in; not compiled, as it is differentiated twice.
                penalty = r1_penalty(network.discriminator.forward, augment(x), y)
                discriminator_loss = discriminator_loss + R1_EVERY * gamma / 2 * penalty
            discriminator_optimizer.zero_grad()
            backward(discriminator_loss)
            discriminator_optimizer.step()

            # The generator meets the updated discriminator with the rows it has already made.
            network.discriminator.requires_grad_(False)
            generator_loss = self._generator_loss(discriminator(augment(fake), fake_y))
            generator_optimizer.zero_grad()
            backward(generator_loss)
            generator_optimizer.step()
            network.discriminator.requires_grad_(True)
            follow()
            losses = {"loss": generator_loss, "discriminator_loss": discriminator_loss, "score": network.probe.score}
            if adaptive:
                network.augmentation.update(real_score)
                losses["augmented"] = network.augmentation.p
            return {name: value.detach().clone() for name, value in losses.items()}

        loop.run(step)
        if loop.step >= PROBE_EVERY and probe():
            network.ema.module.load_state_dict(network.probe.best.state_dict())

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        rows: Tensor = self.network_.ema(z, y)  # type: ignore[operator]
        return rows

    @torch.no_grad()
    def discriminate(self, X: Any, y: Any) -> np.ndarray:
        """Scores of n rows, ndarray of shape (n,): log-odds that they are real, as far as has been learned.

        In training it also sees how varied a batch is. Here that is, for each row, the variety of one batch of the
        generator's, so that a score does not depend on the rows beside it.
        """
        self._check_fitted()
        rows, device = self.codec_.encode(X), self._usable_device()
        codes = torch.from_numpy(self.label_codec_.encode_rows(y, len(rows)))
        index, seed = np.arange(self.batch_size), derive_seed(self.seed_, "spread")
        labels = torch.from_numpy(categorical(index, self.class_prior_, seed))
        with evaluating(self.network_):
            judge: Any = self.network_.discriminator
            spread = judge.spread(self._generate(normal(index, self.latent_shape, seed).to(device), labels.to(device)))
            parts = zip(torch.split(rows, JUDGED_AT_ONCE), torch.split(codes, JUDGED_AT_ONCE), strict=True)
            scores = [judge(x.to(device), c.to(device), spread=spread).cpu() for x, c in parts]
        found: np.ndarray = torch.cat(scores).double().numpy()
        return found

    def _probability(self) -> float:
        return SHIFT_PROBABILITY if self.augment == "adaptive" or self.augment is True else float(self.augment)

    def _augmentation(self, p: Tensor | None = None) -> Callable[[Tensor], Tensor]:
        """What real and generated rows go through: a share `p` of them, or that of the start, is changed."""
        if not self.augment or self.spec_.kind != "image":
            return lambda x: x
        share, colour = self._probability() if p is None else p, self.spec_.shape[0] == 3
        return lambda x: diff_augment(x, p=share, shift=SHIFT, cutout=0, colour=colour)

    def _discriminator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        if self.loss == "hinge":
            return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def _generator_loss(self, fake: Tensor) -> Tensor:
        return -fake.mean() if self.loss == "hinge" else F.softplus(-fake).mean()


def r1_penalty(discriminator: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """``E |grad_x D(x, y)|^2`` over real rows (Mescheder et al. 2018, equation 9)."""
    x = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(x, y).sum(), x, create_graph=True)
    return gradient.square().sum() / len(x)


class GANNetwork(nn.Module):
    """Generator, its average, discriminator, and what training keeps beside their weights."""

    def __init__(
        self, spec: DataSpec, latent_dim: int, width: int, augmented: float, spectral: bool, ema_decay: float
    ) -> None:
        super().__init__()
        self.generator = Generator(spec, latent_dim, width)
        self.discriminator = ProjectionDiscriminator(spec, width, spectral=spectral)
        self.ema = EMA(self.generator, ema_decay)
        self.augmentation = AdaptiveProbability(augmented, MOST_AUGMENTED)
        self.probe = CollapseProbe(self.ema.module)


class Generator(nn.Module):
    """Noise and class number to row; images end in tanh, and blocks of tables are drawn from logits."""

    def __init__(self, spec: DataSpec, latent_dim: int, width: int) -> None:
        super().__init__()
        self.bounded = spec.kind == "image"
        self.blocks = spec.blocks
        self.latent_dim = latent_dim
        self.embedding = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        self.decoder = build_decoder(spec, latent_dim, CONDITION_DIM, width)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        code, picks = z[:, : self.latent_dim], z[:, self.latent_dim :]
        out: Tensor = self.decoder(code, self.embedding(y))
        if self.blocks:
            start = out.shape[1] - sum(self.blocks)
            return torch.cat([out[:, :start], relaxed_blocks(out[:, start:].float(), picks, self.blocks)], dim=1)
        return out.tanh() if self.bounded else out


class ProjectionDiscriminator(nn.Module):
    """``D(x, y) = w . f(x) + v_y . f(x)``: a score of realism plus one of agreement with the label, if there is one."""

    def __init__(self, spec: DataSpec, width: int, *, spectral: bool) -> None:
        super().__init__()
        self.encoder = build_encoder(spec, width, norm=False)
        features = 8 * width
        self.head = nn.Sequential(nn.Linear(self.encoder.out_features + 1, features), nn.LeakyReLU(0.2))
        self.score = nn.Linear(features, 1)
        self.projection = ClassEmbedding(spec.n_classes, features)
        nn.init.normal_(self.projection.weight, std=features**-0.5)
        if spectral:
            for module in list(self.modules()):
                if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
                    spectral_norm(module)

    def forward(self, x: Tensor, y: Tensor, n_groups: int = 1, spread: Tensor | None = None) -> Tensor:
        """Scores ``(B,)``; the rows are `n_groups` batches, one after another, whose spreads are told apart.

        A `spread` that is given is taken for that of all of them.
        """
        encoded = self.encoder(x)
        if spread is None:
            encoded = append_spread(encoded, n_groups)
        else:
            encoded = torch.cat([encoded, spread.expand(len(x), 1)], dim=1)
        features = self.head(encoded)
        agreement = (features * self.projection(y)).sum(dim=1) * (y >= 0)
        score: Tensor = self.score(features).squeeze(1) + agreement
        return score

    def spread(self, x: Tensor) -> Tensor:
        """How varied a batch is, of shape (1,)."""
        return append_spread(self.encoder(x), 1)[0, -1:]


def append_spread(features: Tensor, n_groups: int) -> Tensor:
    """Append to each row the mean standard deviation of its group, which gives away a collapsed generator."""
    groups = features.view(n_groups, -1, features.shape[1])
    spread = (groups.float().var(dim=1, unbiased=False) + 1e-8).sqrt().mean(dim=1)  # (n_groups,)
    return torch.cat([features, spread.repeat_interleave(groups.shape[1])[:, None].to(features.dtype)], dim=1)


def _adam(module: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(module.parameters(), lr=lr, betas=(0.0, 0.99), fused=True)
