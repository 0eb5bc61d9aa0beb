"""Random changes of series that keep their labels, as functions of noise.

Each takes encoded series (B, C, L), other series of the same classes (B, n, C, L), and standard
normal noise (B, n_random). A series changes up to its own end, see `last_steps`: padding stays
padding, and only `guided_warp` moves the end.

References
----------
Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using
convolutional neural networks", ICMI 2017 (arXiv:1706.00527): jitter, scaling, magnitude and time
warping.
Le Guennec, Malinowski and Tavenard, "Data augmentation for time series classification using
convolutional neural networks", AALTD 2016: window slicing and window warping.
Iwana and Uchida, "Time series data augmentation for neural networks by time warping with a
discriminative teacher", ICPR 2020 (arXiv:2004.08780): guided warping, here by a random teacher.
Forestier et al., "Generating synthetic time series to augment sparse datasets", ICDM 2017:
weighted barycentres.
Iwana and Uchida, "An empirical survey of data augmentation for time series classification with
neural networks", PLOS ONE 16(7), 2021 (arXiv:2007.15951): the strengths used here.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from gen_augment.modalities.base import BatchStep, RowTransform
from gen_augment.modalities.series.resampling import align, last_steps, resample, with_end

__all__ = ["RECIPES", "TRANSFORMS", "mixup"]

JITTER, SCALING, WARP = 0.03, 0.1, 0.2  # standard deviations; series have variance 1
KNOTS = 6
SLICE = 0.9  # length of the slice that is kept
WINDOW = 0.1  # length of the window that is warped
CENTRE = 0.5  # weight of the series itself in a barycentre


def jitter(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Add white noise."""
    return with_end(x + JITTER * z.view_as(x), x)


def scaling(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Multiply each channel by a number near 1."""
    return with_end(x * (1 + SCALING * z[:, :, None]), x)


def magnitude_warp(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Multiply each channel by a smooth curve around 1."""
    curve = _curve(z.view(len(x), x.shape[1], -1), last_steps(x)[0], x.shape[2])
    return with_end(x * (1 + WARP * curve), x)


def time_warp(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Let time pass at a smooth random speed; the first and the last step stay."""
    last = last_steps(x)[0]
    return _at_speed(x, (WARP * _curve(z[:, None], last, x.shape[2])[:, 0]).exp(), last)


def window_slice(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Stretch a random slice of 90% to the whole length."""
    start = (1 - SLICE) * last_steps(x)[0][:, None] * _uniform(z)
    return with_end(resample(x, start + SLICE * torch.arange(x.shape[2], device=x.device)), x)


def window_warp(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Let a random window of 10% pass twice as fast or half as fast."""
    place, speed = _uniform(z[:, :1]), torch.where(z[:, 1:] > 0, 2.0, 0.5)
    last = last_steps(x)[0]
    share = torch.arange(x.shape[2], device=x.device) / (last[:, None] + 1)
    start = place * (1 - WINDOW)
    inside = (share >= start) & (share < start + WINDOW)
    return _at_speed(x, torch.where(inside, speed, 1.0), last)


def guided_warp(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Warp a series in time so that it matches another one of its class."""
    return align(x, others[:, 0])


def barycentre(x: Tensor, others: Tensor, z: Tensor) -> Tensor:
    """Average a series and two others of its class, aligned with it, by random weights."""
    weights = _uniform(z)
    weights = (1 - CENTRE) * weights / weights.sum(dim=1, keepdim=True)
    made = CENTRE * x
    for number in range(others.shape[1]):
        made = made + weights[:, number, None, None] * align(others[:, number], x)
    return with_end(made, x)


#: The first one is used where none is named.
TRANSFORMS: Mapping[str, RowTransform] = {
    "window_warp": RowTransform(window_warp, lambda shape: 2),
    "window_slice": RowTransform(window_slice, lambda shape: 1),
    "time_warp": RowTransform(time_warp, lambda shape: KNOTS),
    "magnitude_warp": RowTransform(magnitude_warp, lambda shape: KNOTS * shape[0]),
    "jitter": RowTransform(jitter, lambda shape: shape[0] * shape[1]),
    "scaling": RowTransform(scaling, lambda shape: shape[0]),
    "guided_warp": RowTransform(guided_warp, lambda shape: 0, n_others=1),
    "barycentre": RowTransform(barycentre, lambda shape: 2, n_others=2),
}


def mixup(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mix series and labels by Beta(0.4, 0.4) (Zhang et al. 2018, arXiv:1710.09412)."""
    share = float(torch.distributions.Beta(0.4, 0.4).sample())
    return torch.lerp(x.roll(1, 0), x, share), torch.lerp(y.roll(1, 0), y, share)


def _recipe(name: str) -> BatchStep:
    transform = TRANSFORMS[name]

    def step(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.randn(len(x), transform.n_random(tuple(x.shape[1:])), device=x.device)
        return transform.apply(x, x[:, None, :0], z), y

    step.__doc__ = transform.apply.__doc__
    return step


RECIPES: Mapping[str, BatchStep] = {
    "jitter": _recipe("jitter"),
    "scaling": _recipe("scaling"),
    "warp": _recipe("time_warp"),
    "window": _recipe("window_warp"),
    "slice": _recipe("window_slice"),
    "mixup": mixup,
}


def _uniform(z: Tensor) -> Tensor:
    u: Tensor = torch.special.ndtr(z)
    return u


def _curve(knots: Tensor, last: Tensor, length: int) -> Tensor:
    """Interpolate knots (B, C, n) to curves (B, C, length) that end at steps `last` (B,)."""
    share = torch.arange(length, device=knots.device) / last[:, None].clamp(min=1)
    return resample(knots, share * (knots.shape[2] - 1))


def _at_speed(x: Tensor, speed: Tensor, last: Tensor) -> Tensor:
    """Read series at times that pass at relative speeds (B, L), from 0 to steps `last` (B,)."""
    passed = speed.cumsum(dim=1) - speed[:, :1]
    whole = passed.gather(1, last[:, None]).clamp(min=1e-6)
    return with_end(resample(x, passed * last[:, None] / whole), x)
