"""Noisy images and what a denoiser should predict for them, for the schedulers of diffusers.

Diffusion models (Ho et al. 2020, arXiv:2006.11239) see ``x_t = sqrt(a_t) x + sqrt(1 - a_t) e`` and
predict the noise ``e``, the velocity ``sqrt(a_t) e - sqrt(1 - a_t) x`` (Salimans and Ho 2022,
arXiv:2202.00512) or ``x``. Flow matching models (Esser et al. 2024, arXiv:2403.03206) see
``x_s = (1 - s) x + s e`` and predict ``e - x``; their ``s`` is the logistic function of a normal
number, moved by the scheduler's shift.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from gen_augment.errors import InputError

__all__ = ["Noised", "Noising"]


class Noised(NamedTuple):
    """Noisy rows, their times as the denoiser takes them, and its targets."""

    x: Tensor
    t: Tensor
    target: Tensor


class Noising:
    """Noisy rows for the scheduler of a pipeline.

    Parameters
    ----------
    scheduler : SchedulerMixin
        Only its configuration is used.

    Raises
    ------
    InputError
        The model predicts something else.
    """

    def __init__(self, scheduler: Any) -> None:
        import diffusers

        name = type(scheduler).__name__
        self.is_flow = name.startswith("FlowMatch")
        if self.is_flow:
            self.scheduler: Any = type(scheduler).from_config(scheduler.config)
            return
        kind: Any = diffusers.DDPMScheduler
        self.scheduler = kind.from_config(scheduler.config)
        self.predicts = self.scheduler.config.prediction_type
        if self.predicts not in ("epsilon", "v_prediction", "sample"):
            raise InputError(
                f"the scheduler {name} has prediction_type={self.predicts!r}: only epsilon, "
                "v_prediction, sample and flow matching can be trained."
            )

    def __call__(self, x: Tensor, noise: Tensor, u: Tensor) -> Noised:
        """Return rows with noise at the times that uniform numbers choose.

        Parameters
        ----------
        x, noise : Tensor of shape (B, C, H, W)
        u : Tensor of shape (B,)
            Uniform numbers in [0, 1).
        """
        n_steps = self.scheduler.config.num_train_timesteps
        if self.is_flow:
            share = torch.sigmoid(torch.special.ndtri(u.clamp(1e-4, 1 - 1e-4)))
            index = (share * n_steps).long().cpu().clamp(max=n_steps - 1)
            t = self.scheduler.timesteps[index].to(x.device)
            s = self.scheduler.sigmas[index].to(x)[:, None, None, None]
            return Noised((1 - s) * x + s * noise, t, noise - x)
        t = (u * n_steps).long().clamp(max=n_steps - 1)
        noisy = self.scheduler.add_noise(x, noise, t)
        if self.predicts == "v_prediction":
            return Noised(noisy, t, self.scheduler.get_velocity(x, noise, t))
        return Noised(noisy, t, noise if self.predicts == "epsilon" else x)
