"""Conditional rectified flow: an ordinary differential equation that carries noise into data.

A network learns the velocity of the straight path from noise ``z`` at time 0 to a row ``x`` at time 1::

    x_t = (1 - t) z + t x,        loss = E |v(x_t, t, y) - (x - z)|^2

and sampling integrates ``dx/dt = v(x, t, y)`` from 0 to 1 in a few steps. A row is a function of ``(z, y)`` alone.

References
----------
Liu, Gong and Liu, "Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow", 2022
(arXiv:2209.03003). Lipman et al., "Flow Matching for Generative Modeling", 2022 (arXiv:2210.02747).
Esser et al., "Scaling Rectified Flow Transformers", 2024 (arXiv:2403.03206): logit-normal times.
Ho and Salimans, "Classifier-Free Diffusion Guidance", 2022 (arXiv:2207.12598).
Meng et al., "SDEdit", 2021 (arXiv:2108.01073): new versions of a row by noising it part of the way.
"""

from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gen_augment.errors import InputError
from gen_augment.modalities import DataSpec
from gen_augment.nets import ClassEmbedding, TimeEmbedding
from gen_augment.rng import RandomState
from gen_augment.samplers.base import Sampler
from gen_augment.training import EMA, Callback, Loop
from gen_augment.types import JSON, Batch, ColumnTypes
from gen_augment.validation import check_choice, check_positive_int, check_range

__all__ = ["ConditionalFlow"]

CONDITION_DIM = 128
#: Steps for each of a sample's, there and back: the errors of both ways add up.
FINER = 4


class ConditionalFlow(Sampler):
    """Conditional rectified flow for images and tables; a category is the largest value of its block.

    Parameters
    ----------
    n_steps : int
        Steps of the solver from noise to row. More are better and slower: on Fashion-MNIST with 1,000 images of each
        class, a classifier trained on samples alone reached 83.3% with 4 steps of Heun's method, and 84.6% with 8 (one
        seed, on validation rows). It can be changed after fitting, by ``set_params(n_steps=...)``, as can `solver` and
        `guidance`.
    solver : {"heun", "euler"}
        Heun's method evaluates the network twice a step, and is the better one for the same number of evaluations.
    guidance : float
        1 samples from the model of each class; more exaggerates what tells the class apart, makes rows of a class more
        alike, and takes twice as long; any other than 1 needs `label_dropout`.
    label_dropout : float in [0, 1)
        Share of rows that are learned without their label, which guidance needs.
    mirror : bool
        Mirror images left to right at random in training: for images whose mirror image has the same label.
    ema_decay : float
        Of the averaged weights that samples come from.
    class_balance : float or "auto"
        Training meets a class of n rows in proportion to ``n ** (1 - class_balance)``, in [0, 1]: 0 as often as it is
        in the data, 1 as often as any other. Samples follow the data's own shares whatever it is. "auto" takes 0.5 for
        images of which one class is at least three times as frequent as another, else 0. On Fashion-MNIST with 4,000
        images of the most frequent class down to 40, a classifier trained on samples alone, all classes alike, reached
        82.3% with 0, 84.8% with 0.5 and 84.7% with 1; on four imbalanced tables 0 did better than 1 (one seed each,
        validation rows).
    width : int
        Channels at the finest level; hidden units of the MLP are eight times as many.
    max_steps, batch_size : int
        Optimiser steps, and rows in each.
    lr : float
        Peak learning rate of AdamW, after a warm-up and before a cosine decay.
    random_state : int, RandomState or None
        Seeds the weights, the order of rows and the noise of samples.
    device : str
        "auto", "cpu", "cuda", "cuda:1", ...
    precision : str
        As in `Sampler`: "32-true", "bf16-mixed", "16-mixed".
    torch_compile : bool
        Compile the network; see `Sampler`.
    column_types : {column: {"number", "category"}}, optional
        As in `Sampler`.
    callbacks : list of Callback, optional
    verbose : bool
        Show a progress bar on standard error.

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
    _former_params: ClassVar[JSON] = {"class_balance": 0.0}

    def __init__(
        self,
        *,
        n_steps: int = 8,
        solver: Literal["heun", "euler"] = "heun",
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
        self.n_steps = n_steps
        self.solver = solver
        self.guidance = guidance
        self.label_dropout = label_dropout
        self.mirror = mirror
        self.ema_decay = ema_decay
        self.class_balance = class_balance
        self.width = width

    def _check_params(self) -> None:
        super()._check_params()
        check_range("label_dropout", self.label_dropout, 0, 1, open_high=True)
        check_choice("mirror", self.mirror, (True, False))
        check_range("ema_decay", self.ema_decay, 0, 1, open_high=True)
        check_positive_int("width", self.width)
        self._check_solver()

    def _check_solver(self) -> None:
        check_positive_int("n_steps", self.n_steps)
        check_choice("solver", self.solver, ("heun", "euler"))
        check_range("guidance", self.guidance, 0)
        if self.guidance != 1 and self.label_dropout == 0:
            raise InputError(
                f"guidance={self.guidance!r} needs rows that were learned without their label, and label_dropout=0 has "
                "none: fit with label_dropout=0.1, or leave guidance at 1."
            )

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """That of a row."""
        return self.spec_.shape

    def _build(self, spec: DataSpec) -> "FlowNetwork":
        return FlowNetwork(spec, self.width, self.ema_decay)

    def _fit(self, network: Any, loop: Loop) -> None:
        optimizer = torch.optim.AdamW(
            network.velocity.parameters(), lr=self.lr, weight_decay=1e-4, fused=True
        )
        velocity, optimizer = loop.setup(network.velocity, optimizer)
        follow = network.ema.follow(network.velocity)
        modality = self.spec_.modality

        def step(batch: Batch) -> dict[str, Tensor]:
            x, y = self._spread(batch[0]), batch[1]
            if self.mirror:
                x = torch.where(
                    torch.rand(_column(x), device=x.device) < 0.5, modality.mirror(x), x
                )
            z = torch.randn_like(x)
            t = torch.randn(len(x), device=x.device).sigmoid()
            seen = torch.where(torch.rand(len(y), device=y.device) < self.label_dropout, -1, y)
            x_t = torch.lerp(z, x, t.view(_column(x)))
            loss = (velocity(x_t, t, seen) - (x - z)).square().mean()
            optimizer.zero_grad()
            loop.fabric.backward(loss)
            optimizer.step()
            follow()
            return {"loss": loss}

        loop.run(step)

    def _generate(self, z: Tensor, y: Tensor) -> Tensor:
        return self._integrate(z, y, 0.0)

    def _vary(self, x: Tensor, y: Tensor, z: Tensor, strength: float) -> Tensor:
        # Back along the straight path by `strength`, with noise that is not the row's own, and forth again.
        return (
            self._integrate(torch.lerp(self._spread(x), z, strength), y, 1 - strength)
            if strength
            else x
        )

    def _spread(self, x: Tensor) -> Tensor:
        """Rows of a table with -1 and 1 in their blocks: about as far from each other as noise is wide."""
        n = sum(self.spec_.blocks)
        return torch.cat([x[:, :-n], 2 * x[:, -n:] - 1], dim=1) if n else x

    def _to_code(self, x: Tensor, y: Tensor) -> Tensor:
        return self._integrate(self._spread(x), y, 1.0, 0.0, FINER)

    def _from_code(self, code: Tensor, y: Tensor) -> Tensor:
        return self._integrate(code, y, 0.0, 1.0, FINER)

    def _integrate(
        self, x: Tensor, y: Tensor, start: float, end: float = 1.0, finer: int = 1
    ) -> Tensor:
        """Solve the equation from `start` to `end`, in steps of the size that the whole way takes, or so much finer."""
        self._check_solver()  # it may have been changed since `fit`
        n_steps = max(1, round(self.n_steps * finer * abs(end - start)))
        for t, later in pairwise(np.linspace(start, end, n_steps + 1).tolist()):
            v = self._velocity(x, t, y)
            if self.solver == "heun":
                v = (v + self._velocity(x + (later - t) * v, later, y)) / 2
            x = x + (later - t) * v
        return x

    def _velocity(self, x: Tensor, t: float, y: Tensor) -> Tensor:
        times = torch.full((len(x),), t, dtype=x.dtype, device=x.device)
        v: Tensor = self.network_.ema(x, times, y)  # type: ignore[operator]
        if self.guidance == 1:
            return v
        without: Tensor = self.network_.ema(x, times, torch.full_like(y, -1))  # type: ignore[operator]
        return torch.lerp(without, v, self.guidance)


class FlowNetwork(nn.Module):
    """The velocity and its average."""

    def __init__(self, spec: DataSpec, width: int, ema_decay: float) -> None:
        super().__init__()
        self.velocity = Velocity(spec, width)
        self.ema = EMA(self.velocity, ema_decay)


class Velocity(nn.Module):
    """``v(x, t, y)``; class -1 stands for no label."""

    def __init__(self, spec: DataSpec, width: int) -> None:
        super().__init__()
        self.time = TimeEmbedding(CONDITION_DIM)
        self.label = ClassEmbedding(spec.n_classes, CONDITION_DIM)
        self.body = spec.modality.velocity(spec, CONDITION_DIM, width)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        condition = nn.functional.silu(self.time(t) + self.label(y))
        velocity: Tensor = self.body(x, condition)
        return velocity


def _column(x: Tensor) -> tuple[int, ...]:
    """Shape of one number for each row, that goes with all values of the row."""
    return (len(x), *(1 for _ in x.shape[1:]))
