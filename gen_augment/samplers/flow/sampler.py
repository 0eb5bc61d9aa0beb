"""Conditional rectified flow: an ordinary differential equation that maps noise to data.

A network learns the velocity of the straight path from noise ``z`` at time 0 to a row ``x`` at
time 1::

    x_t = (1 - t) z + t x,        loss = E |v(x_t, t, y) - (x - z)|^2

Sampling integrates ``dx/dt = v(x, t, y)`` from 0 to 1 in a few steps. A row is a function of
``(z, y)`` alone.

References
----------
Liu, Gong and Liu, "Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified
Flow", 2022 (arXiv:2209.03003).
Lipman et al., "Flow Matching for Generative Modeling", 2022 (arXiv:2210.02747).
Esser et al., "Scaling Rectified Flow Transformers", 2024 (arXiv:2403.03206): logit-normal times.
Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022 (arXiv:2207.12598).
Meng et al., "SDEdit", 2021 (arXiv:2108.01073): new versions of a row by partly noising it.
"""

from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gen_augment.batch_share import own_normal, own_rows
from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec, Modality
from gen_augment.modalities.blocks import block_log_prob
from gen_augment.privacy import Private
from gen_augment.rng import RandomState, derive_seed, fork_rng
from gen_augment.samplers import scoring
from gen_augment.samplers.flow.network import FlowNetwork
from gen_augment.samplers.flow.scores import class_scores, flow_log_prob, probes
from gen_augment.samplers.flow.solver import path_times, solve
from gen_augment.samplers.flow.student import sample_in_two, teach
from gen_augment.samplers.mirroring import mirror_half
from gen_augment.samplers.network import NetworkSampler
from gen_augment.training import Callback, Loop
from gen_augment.training.placement import evaluating
from gen_augment.types import Batch
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["ConditionalFlow"]

#: `encode` and `decode` take this many times the steps of a sample: the errors of both add up.
FINER = 4


class ConditionalFlow(NetworkSampler):
    """Conditional rectified flow; a one-hot block becomes its largest value.

    Parameters
    ----------
    n_steps : int
        Steps from noise to row, each with one evaluation of the network; more steps are more
        accurate and slower. `n_steps` and `guidance` can be changed after fitting with
        ``set_params``.
    student_steps : int
        Optimiser steps, after `max_steps`, of a second network that makes a row in two evaluations;
        0 for none. `sample` uses it as long as `guidance` is that of the fit, and `n_steps` serves
        the other methods. A step, with the paths that it learns from, takes about 1.8 times as long
        as one of the flow.
    guidance : float
        1 samples from the model of each class. Larger values move samples away from the model
        without labels: rows are more typical of their class, less varied, and take twice as long.
        Values other than 1 need `label_dropout`.
    label_dropout : float in [0, 1)
        Share of rows whose label is hidden in training, which guidance needs.
    mirror : bool
        Mirror rows left to right at random; for images whose mirror image has the same label.
    ema_decay : float
        Decay of the moving average of the weights that samples come from, in [0, 1).
    class_balance : float or "auto"
        Training uses a class of n rows in proportion to ``n ** (1 - class_balance)``, in [0, 1]:
        0 as often as it occurs, 1 as often as any other class. Samples follow the class frequencies
        of the data in both cases. "auto" is 0, but 0.5 for images if one class is at least three
        times as frequent as another.
    width : int
        Size of the network: channels at the finest level, an eighth of an MLP's hidden units.
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
    >>> sampler = ConditionalFlow(max_steps=50, random_state=0, device="cpu").fit(X, y)
    >>> X_new, y_new = sampler.sample(y={0: 2, 2: 1})
    >>> X_new.shape, y_new.tolist()
    ((3, 13), [0, 0, 2])
    """

    method = "flow"

    def __init__(
        self,
        *,
        n_steps: int = 8,
        student_steps: int = 0,
        guidance: float = 1.0,
        label_dropout: float = 0.1,
        mirror: bool = False,
        ema_decay: float = 0.998,
        class_balance: float | Literal["auto"] = "auto",
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
        self.n_steps = n_steps
        self.student_steps = student_steps
        self.guidance = guidance
        self.label_dropout = label_dropout
        self.mirror = mirror
        self.ema_decay = ema_decay
        self.class_balance = class_balance
        self.width = width
        self.privacy = privacy

    def _check_params(self) -> None:
        super()._check_params()
        if self.student_steps != 0:
            check_positive_int("student_steps", self.student_steps)
        check_range("label_dropout", self.label_dropout, 0, 1, open_high=True)
        check_choice("mirror", self.mirror, (True, False))
        check_range("ema_decay", self.ema_decay, 0, 1, open_high=True)
        check_positive_int("width", self.width)
        self._check_solver()

    def _check_solver(self) -> None:
        check_positive_int("n_steps", self.n_steps)
        check_range("guidance", self.guidance, 0)
        if self.guidance != 1 and self.label_dropout == 0:
            raise InputError(
                f"guidance={self.guidance!r} needs rows that were learned without their label, and "
                "label_dropout=0 hides none: fit with label_dropout=0.1, or leave guidance at 1."
            )

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of an encoded row."""
        return self.spec_.shape

    def _build(self, spec: DataSpec) -> FlowNetwork:
        has_student = self.student_steps > 0
        return FlowNetwork(spec, self.width, self.ema_decay, has_student=has_student)

    def _fit(self, network: Any, loop: Loop) -> None:
        network.taught.fill_(-1)  # of an earlier fit
        parameters = network.velocity.parameters()
        optimizer = torch.optim.AdamW(parameters, lr=self.lr, weight_decay=1e-4, fused=True)
        update = loop.updater(network.velocity, optimizer)
        follow = network.ema.follow(network.velocity)

        def step(batch: Batch) -> dict[str, Tensor]:
            losses = update(self._loss, *batch)
            follow()
            return losses

        loop.run(step)
        if network.student is not None and network.taught < 0:  # a finished run may be resumed
            with fork_rng(derive_seed(self.seed_, "student", loop.before[0]), loop.fabric.device):
                teach(network, self._velocity, self, loop.fabric)
            network.taught.fill_(self.guidance)
            loop.extended()

    def _loss(self, velocity: Any, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        x = self._centre_blocks(x)
        if self.mirror:
            x = mirror_half(x, self.spec_.networks.mirror)
        z = own_normal(x)
        t = own_rows(partial(torch.randn, device=x.device), len(x)).sigmoid()
        u = own_rows(partial(torch.rand, device=y.device), len(y))
        seen = torch.where(u < self.label_dropout, -1, y)
        x_t = torch.lerp(z, x, t.view(-1, *[1] * (x.ndim - 1)))
        n, blocks = self.spec_.n_numbers, self.spec_.blocks
        if not blocks:
            return {"loss": (velocity(x_t, t, seen) - (x - z)).square().mean()}
        out = velocity(x_t, t, seen, logits=True)
        error = (out[:, :n] - (x - z)[:, :n]).square().sum(dim=1)
        error = error - block_log_prob((x[:, n:] + 1) / 2, out[:, n:], blocks)
        return {"loss": error.mean() / (n + len(blocks))}

    def log_prob(self, X: Any, y: Any = None) -> np.ndarray:
        """Return the log-density of encoded rows, in nats, by the change of variables.

        It is exact, but for the steps of the solver, in up to 32 dimensions; above, the divergence
        is estimated from 8 random directions. Categories count as points of a continuous space.

        Parameters
        ----------
        X : n rows, in the form that was fitted
        y : label, array-like of shape (n,), or None
            None averages the densities of the classes, weighted by their priors.

        Returns
        -------
        ndarray of shape (n,)
        """
        self._check_fitted()
        device = self._usable_device()
        directions = probes(self.spec_.shape, self.seed_).to(device)

        def density(x: Tensor, codes: Tensor) -> Tensor:
            steps = self.n_steps * FINER
            return flow_log_prob(self._velocity, self._centre_blocks(x), codes, directions, steps)

        with evaluating(self.network_):
            return scoring.log_prob(self, density, X, y, device, batch=128)

    def class_scores(self, X: Any, *, n_pairs: int = 6, n_close: int = 12) -> np.ndarray:
        """Return the negative denoising loss of rows for each class, a cheap score of classes.

        All rows and classes are compared at the same pairs of time and noise. Scores of one row
        order the classes, and are log-densities up to a scale that has to be fitted
        (`GenerativeClassifier`, `Blend`).

        Parameters
        ----------
        X : n rows, in the form that was fitted
        n_pairs : int
            Pairs of time and noise for all classes.
        n_close : int
            Further pairs for the two best classes of each row.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        self._check_fitted()
        check_positive_int("n_pairs", n_pairs)
        if n_close != 0:
            check_positive_int("n_close", n_close)
        x = scoring.encode_scored(self.codec_, X)
        device, network = self._usable_device(), self.network_
        n_classes, seed = len(self.classes_), derive_seed(self.seed_, "scores")
        velocity: Any = network.ema

        def score(here: slice) -> Tensor:
            rows = self._centre_blocks(x[here].to(device))
            return class_scores(velocity, rows, n_classes, n_pairs, n_close, seed)

        batch = max(1, self.spec_.networks.sample_batch_size // n_classes)
        with evaluating(network), torch.no_grad():
            return scoring.score_batches(score, len(x), batch)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        self._check_solver()  # it may have been changed since `fit`
        network: Any = self.network_
        if network.student is not None and float(network.taught) == self.guidance:
            return sample_in_two(network.student, z, y)
        return self._integrate(z, y, 0.0)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        """Go back along the straight path by `strength`, with new noise, and integrate forwards."""
        if not strength:
            return x
        noised = torch.lerp(self._centre_blocks(x), z, strength)
        return self._integrate(noised, y, 1 - strength)

    def _centre_blocks(self, x: Tensor) -> Tensor:
        """Map one-hot blocks from 0 and 1 to -1 and 1, the scale of the noise."""
        n = sum(self.spec_.blocks)
        return torch.cat([x[:, :-n], 2 * x[:, -n:] - 1], dim=1) if n else x

    def _to_code(self, x: Tensor, y: Tensor) -> Tensor:
        return self._integrate(self._centre_blocks(x), y, 1.0, 0.0, FINER)

    def _from_code(self, code: Tensor, y: Tensor) -> Tensor:
        return self._integrate(code, y, 0.0, 1.0, FINER)

    def _integrate(
        self, x: Tensor, y: Tensor, start: float, end: float = 1.0, finer: int = 1
    ) -> Tensor:
        """Solve the equation from `start` to `end`; the whole path takes ``n_steps * finer``."""
        self._check_solver()  # it may have been changed since `fit`
        n_steps = round(self.n_steps * finer * abs(end - start))
        times = path_times(max(n_steps, min(self.n_steps, 2)), start, end)
        *_, last = solve(lambda rows, t: self._velocity(rows, t, y), x, times)
        return last

    def _velocity(self, x: Tensor, t: float, y: Tensor) -> Tensor:
        times = torch.full((len(x),), t, dtype=x.dtype, device=x.device)
        network: Any = self.network_
        v: Tensor = network.ema(x, times, y)
        if self.guidance == 1:
            return v
        return torch.lerp(network.ema(x, times, torch.full_like(y, -1)), v, self.guidance)
