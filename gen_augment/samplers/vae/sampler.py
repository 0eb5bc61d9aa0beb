"""Conditional variational auto-encoder.

The evidence lower bound, in nats per row, with a standard normal prior on the code ``z``::

    ELBO(x, y) = E_q(z|x,y) [log p(x|z,y)] - beta * KL(q(z|x,y) || N(0, I))

References
----------
Kingma and Welling, "Auto-Encoding Variational Bayes", 2013 (arXiv:1312.6114).
Sohn, Lee and Yan, "Learning Structured Output Representation using Deep Conditional Generative
Models", NeurIPS 2015: the label conditions encoder and decoder.
Higgins et al., "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework",
ICLR 2017: the weight of the KL term.
Bowman et al., "Generating Sentences from a Continuous Space", 2016 (arXiv:1511.06349): KL warm-up.
Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated Decoders", 2021
(arXiv:2006.13202): the learned output variance.
Hou et al., "Deep Feature Consistent Variational Autoencoder", 2017 (arXiv:1610.00363): the
perceptual loss.
Xu et al., "Modeling Tabular Data using Conditional GAN", NeurIPS 2019 (arXiv:1907.00503): the TVAE,
whose likelihood of a category is a cross-entropy.
"""

import math
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec, Modality
from gen_augment.privacy import Private
from gen_augment.rng import RandomState, derive_seed, normal
from gen_augment.samplers import scoring
from gen_augment.samplers.elbo import kl_weight
from gen_augment.samplers.kept_rows import split_noise
from gen_augment.samplers.network import NetworkSampler
from gen_augment.samplers.persistence import has_guarantee
from gen_augment.samplers.private_training import refuse_private
from gen_augment.samplers.vae.codes import N_PICKS, KeepCodes, Latent
from gen_augment.samplers.vae.density import importance_log_prob
from gen_augment.samplers.vae.network import VAENetwork
from gen_augment.training import Callback, Loop
from gen_augment.training.placement import evaluating
from gen_augment.types import Batch
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["ConditionalVAE"]

#: Optimiser steps of the classifier whose features the perceptual loss compares.
FEATURE_STEPS = 300


class ConditionalVAE(NetworkSampler):
    """Conditional variational auto-encoder.

    Images get a convolutional network, and samples are the decoder's mean. Flat rows get an MLP,
    and samples are drawn from the decoder's distribution: normal for numbers, categorical for
    one-hot blocks, as in the TVAE of Xu et al. 2019.

    Parameters
    ----------
    latent_dim : int
        Length of the code.
    beta : float or "auto"
        Weight of the KL term; 1 gives the evidence lower bound. "auto" is 0.1 for images, whose
        codes then hold more detail, and 1 for other rows.
    warmup : float
        Share of the steps over which `beta` rises from 0, in [0, 1].
    likelihood : {"auto", "bce", "gaussian"}
        Likelihood of a row given its code: binary cross-entropy of values scaled to [0, 1], for
        bounded rows such as images; or a normal distribution with a learned standard deviation for
        each column, or one for all pixels of an image. "auto" is "bce" for black-and-white images,
        else "gaussian".
    latent : {"auto", "prior", "posterior", "interpolate", "mixture"}
        Where the codes of samples come from: the standard normal prior; the posterior of a training
        row of the class; the line between the codes of a row and one of its 5 nearest neighbours in
        the class, as in SMOTE; or a Gaussian mixture fitted to the codes of each class, with one
        covariance for all. "auto" is "mixture" for images and "posterior" for other rows. It can be
        changed after fitting with ``set_params(latent=...)``. During training, and for classes
        without rows in the last fit, the prior is used.
    spread : float
        Factor of the posterior's standard deviation for ``latent="posterior"``; 0 gives
        reconstructions of training rows.
    n_codes : int
        How many codes of training rows are kept and saved; large classes keep a random part.
    perceptual : float
        Weight of the squared distance between features of an image and of its reconstruction. The
        features are those of a small classifier, which is first trained on the labelled rows for
        300 steps and is not saved. It has no effect on other rows.
    width : int
        Size of the networks: channels at the finest level, a quarter of an MLP's hidden units.
    max_steps, batch_size : int
        Optimiser steps, and rows in each.
    lr : float
        Peak learning rate of AdamW, after a warm-up and before a cosine decay.
    random_state, device, devices, precision, torch_compile, modality, callbacks, verbose
        As in `Sampler`.
    privacy : Private, optional
        Train with differential privacy, within this budget.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = ConditionalVAE(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> X_new, y_new = sampler.sample(y={0: 2, 2: 1})
    >>> X_new.shape, y_new.tolist()
    ((3, 13), [0, 0, 2])
    """

    method = "vae"

    def __init__(
        self,
        *,
        latent_dim: int = 64,
        beta: float | Literal["auto"] = "auto",
        warmup: float = 0.2,
        likelihood: Literal["auto", "bce", "gaussian"] = "auto",
        latent: Latent | Literal["auto"] = "auto",
        spread: float = 1.0,
        n_codes: int = 8192,
        perceptual: float = 0.0,
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
        self.beta = beta
        self.warmup = warmup
        self.likelihood = likelihood
        self.latent = latent
        self.spread = spread
        self.n_codes = n_codes
        self.perceptual = perceptual
        self.width = width
        self.privacy = privacy

    def _check_params(self) -> None:
        super()._check_params()
        check_positive_int("latent_dim", self.latent_dim)
        check_positive_int("width", self.width)
        if self.beta != "auto":
            check_range("beta", self.beta, 0)
        check_range("warmup", self.warmup, 0, 1)
        check_choice("likelihood", self.likelihood, ("auto", "bce", "gaussian"))
        check_positive_int("n_codes", self.n_codes)
        check_range("perceptual", self.perceptual, 0)
        refuse_private(self, latent=("auto", "prior"), perceptual=(0,))
        self._check_latent()

    def _check_latent(self) -> None:
        check_choice("latent", self.latent, ("auto", *N_PICKS))
        check_range("spread", self.spread, 0)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """``(latent_dim + noise of the likelihood + values that select training rows,)``."""
        self._check_latent()  # it may have been changed since `fit`
        return (sum(self._widths),)

    @property
    def _latent(self) -> Latent:
        if self.latent == "auto":
            if has_guarantee(self):
                return "prior"
            return cast("Latent", self.spec_.networks.auto.get("vae.latent", "posterior"))
        return self.latent

    @property
    def _widths(self) -> tuple[int, int, int]:
        return self.latent_dim, self.spec_.networks.noise_dim(self.spec_), N_PICKS[self._latent]

    def _build(self, spec: DataSpec) -> VAENetwork:
        likelihood = self.likelihood
        if likelihood == "bce" and not spec.bounded:
            raise InputError(
                f"likelihood='bce' needs bounded values, such as pixels, and {spec.modality.name} "
                "rows have no bounds: leave it at 'auto'."
            )
        if likelihood == "auto":
            likelihood = "bce" if spec.binary else "gaussian"
        n_codes = max(self.n_codes, spec.n_classes)
        return VAENetwork(spec, self.latent_dim, self.width, likelihood, n_codes)

    def _fit(self, network: Any, loop: Loop) -> None:
        parameters = network.parameters()
        optimizer = torch.optim.AdamW(parameters, lr=self.lr, weight_decay=1e-4, fused=True)
        update = loop.updater(network, optimizer)
        beta = self.beta
        if beta == "auto":
            beta = self.spec_.networks.auto.get("vae.beta", 1.0)
        weight = kl_weight(beta, self.warmup, self.max_steps)
        features = self._train_features(loop)
        if loop.noise is None:
            # Before other callbacks, so that they find the codes at the end of training.
            loop.callbacks = [KeepCodes(network.codes, network.encode), *loop.callbacks]

        def loss(model: Any, x: Tensor, y: Tensor) -> dict[str, Tensor]:
            reconstruction, kl, rows = model(x, y)
            losses = {"reconstruction": reconstruction, "kl": kl}
            total = reconstruction + weight(loop.step) * kl
            if features is not None:
                losses["perceptual"] = features.distance(x, rows)
                total = total + self.perceptual * losses["perceptual"]
            return {"loss": total, **losses}

        def step(batch: Batch) -> dict[str, Tensor]:
            return update(loss, *batch)

        loop.run(step)

    def _train_features(self, loop: Loop) -> Any:
        if not self.perceptual:
            return None
        return self.spec_.networks.perceptual_network(
            loop.batches.x,
            loop.batches.y,
            self.spec_.n_classes,
            n_steps=FEATURE_STEPS,
            batch_size=self.batch_size,
        )

    def log_prob(self, X: Any, y: Any = None, *, n_draws: int = 32) -> np.ndarray:
        """Return a lower bound of the log-density of encoded rows, in nats.

        The bound is that of importance-weighted auto-encoders. It is the evidence lower bound for
        one draw, and rises towards the log-density with `n_draws`. The prior of the code is the
        standard normal, whatever `latent` is.

        Parameters
        ----------
        X : n rows, in the form that was fitted
        y : label, array-like of shape (n,), or None
            None averages the densities of the classes, weighted by their priors.
        n_draws : int
            Codes that each row is scored with.

        Returns
        -------
        ndarray of shape (n,)
        """
        self._check_fitted()
        check_positive_int("n_draws", n_draws)
        network: VAENetwork = self.network_  # type: ignore[assignment]
        device, table = self._usable_device(), derive_seed(self.seed_, "log prob")
        noise = normal(np.arange(n_draws), (self.latent_dim,), table).to(device)

        def density(x: Tensor, codes: Tensor) -> Tensor:
            return importance_log_prob(network, x, codes, noise)

        with evaluating(network):
            return scoring.log_prob(self, density, X, y, device)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        network: VAENetwork = self.network_  # type: ignore[assignment]
        code, noise, picks = split_noise(z, *self._widths)
        code = network.codes.draw(self._latent, code, picks, y, self.spread)
        return network.generate(code, noise, y)

    def _to_code(self, x: Tensor, y: Tensor) -> Tensor:
        network: VAENetwork = self.network_  # type: ignore[assignment]
        return network.encode(x, y)[0]

    def _from_code(self, code: Tensor, y: Tensor) -> Tensor:
        network: VAENetwork = self.network_  # type: ignore[assignment]
        noise = code.new_zeros(len(code), self._widths[1])
        return network.generate(code, noise, y, strength=0.0)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        """Interpolate between the row's code and a draw from the prior, at constant variance."""
        network: VAENetwork = self.network_  # type: ignore[assignment]
        mean, _ = network.encode(x, y)
        drawn, noise, _ = split_noise(z, *self._widths)
        code = math.sqrt(1 - strength**2) * mean + strength * drawn
        return network.generate(code, noise, y, strength)
