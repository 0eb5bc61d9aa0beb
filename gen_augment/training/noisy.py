"""DP-SGD: Poisson batches, clipped gradients of single rows, and Gaussian noise.

The gradient of each row is computed by `torch.func.vmap` over a loss of one row, so that no row can
reach the gradient of another through statistics of the batch. `opacus` clips, sums and adds noise.

References
----------
Abadi et al., "Deep Learning with Differential Privacy", 2016 (arXiv:1607.00133).
Yousefpour et al., "Opacus: User-Friendly Differential Privacy Library in PyTorch", 2021
(arXiv:2109.12298).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from gen_augment.errors import MissingDependencyError
from gen_augment.types import JSON, Batch

__all__ = ["Noise", "NoisyUpdate", "PoissonBatches", "secret_generator", "with_group_norm"]

#: Values of the gradients of single rows that are held at once, 200 MB.
MAX_VALUES = 50_000_000

#: Loss of a batch by name; it calls the module that it is given.
Loss = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class Noise:
    """The parameters of DP-SGD.

    Attributes
    ----------
    multiplier : float
        Standard deviation of the noise, in units of `max_grad_norm`.
    max_grad_norm : float
    rate : float
        Probability with which a step sees a row.
    expected : float
        Number of rows that a sum of gradients is divided by; it does not depend on the batch.
    prior : Tensor of shape (n_classes,)
        Released shares of the classes, for labels of generated rows.
    record : dict
        The guarantee, as `privacy_` of the sampler holds it.
    """

    multiplier: float
    max_grad_norm: float
    rate: float
    expected: float
    prior: Tensor
    record: JSON


def secret_generator(device: torch.device) -> torch.Generator:
    """Return a generator with a seed of the system's entropy, which is not kept.

    Who knows the seed of the noise can subtract it.
    """
    return torch.Generator(device).manual_seed(secrets.randbits(63))


class PoissonBatches:
    """Batches that contain each row independently with probability `rate`; they may be empty.

    Parameters
    ----------
    x : Tensor of shape (n, ...)
    y : Tensor of shape (n,), int64
    rate : float in (0, 1]
    """

    content: int | None = None

    def __init__(self, x: Tensor, y: Tensor, rate: float) -> None:
        self.x, self.y, self.rate = x, y, rate
        self._generator = secret_generator(y.device)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y)

    def at(self, step: int) -> Batch:
        """Return the rows and labels of a batch."""
        u = torch.rand(
            len(self.y), generator=self._generator, device=self.y.device, dtype=torch.float64
        )
        here = (u < self.rate).nonzero()[:, 0]
        return self.x[here], self.y[here]


class NoisyUpdate:
    """One private step of an optimiser.

    Parameters
    ----------
    module : nn.Module
        Its trainable parameters are all that a step changes.
    optimizer : Optimizer
    noise : Noise
    """

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer, noise: Noise) -> None:
        try:
            from opacus.optimizers import DPOptimizer  # type: ignore[import-untyped]
        except ImportError as error:
            raise MissingDependencyError(
                "private training needs opacus: pip install 'gen_augment[privacy]'."
            ) from error
        self.module = module
        self.trained: dict[str, Any] = {
            n: p for n, p in module.named_parameters() if p.requires_grad
        }
        device = next(iter(self.trained.values())).device
        # DPOptimizer owns `p.grad_sample` and `p.summed_grad`.
        self.optimizer: Any = DPOptimizer(
            optimizer,
            noise_multiplier=noise.multiplier,
            max_grad_norm=noise.max_grad_norm,
            expected_batch_size=noise.expected,
            generator=secret_generator(device),
            secure_mode=True,
        )
        n_values = sum(p.numel() for p in self.trained.values())
        self.chunk = max(1, MAX_VALUES // n_values)

    def __call__(self, loss: Loss, *rows: Tensor) -> dict[str, Tensor]:
        """Take a step on rows, each of which is clipped; return the mean loss.

        `loss` is called with the module and with batches of one row. Randomness inside it is drawn
        for each row. A row whose gradient is not finite counts as zero.
        """
        self.optimizer.zero_grad(set_to_none=True)
        parts = list(zip(*(torch.split(part, self.chunk) for part in rows), strict=True))
        losses = []
        for number, part in enumerate(parts):
            losses.append(self._differentiate(loss, part))
            self.optimizer.signal_skip_step(do_skip=number + 1 < len(parts))
            self.optimizer.step()
            if number + 1 < len(parts):
                self.optimizer.zero_grad(set_to_none=True)
        return {"loss": torch.cat(losses).mean() if len(rows[0]) else rows[0].new_zeros(())}

    def _differentiate(self, loss: Loss, rows: tuple[Tensor, ...]) -> Tensor:
        """Set `grad_sample` of each parameter; return the loss of each row."""
        if not len(rows[0]):
            for parameter in self.trained.values():
                parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))
            return rows[0].new_zeros(0)

        def of_one(parameters: dict[str, Tensor], *row: Tensor) -> tuple[Tensor, Tensor]:
            call = partial(functional_call, self.module, parameters)
            value = loss(lambda *inputs, **known: call(inputs, known), *(r[None] for r in row))
            return value["loss"], value["loss"].detach()

        values = {name: p.detach() for name, p in self.trained.items()}
        each = vmap(grad(of_one, has_aux=True), (None, *[0] * len(rows)), randomness="different")
        gradients, losses = each(values, *rows)
        # A norm is finite only if all values are, and takes one pass over them without a copy.
        norms = torch.stack([g.reshape(len(g), -1).norm(dim=1) for g in gradients.values()])
        bad = ~norms.isfinite().all(dim=0)
        any_bad = bool(bad.any())  # once, since a GPU waits for it
        for name, parameter in self.trained.items():
            g = gradients[name].detach()
            if any_bad:
                g[bad] = 0
            parameter.grad_sample = g
        found: Tensor = losses
        return found


def with_group_norm(module: nn.Module) -> nn.Module:
    """Replace batch normalisation, which mixes rows, by group normalisation; return the module."""
    for name, child in list(module.named_children()):
        if isinstance(child, (nn.BatchNorm1d, nn.BatchNorm2d)):
            channels = child.num_features
            groups = next(g for g in (8, 4, 2, 1) if channels % g == 0)
            setattr(module, name, nn.GroupNorm(groups, channels, affine=child.affine))
        else:
            with_group_norm(child)
    return module
