"""Waveforms from mel power: spectra that explain the bands, then phases that agree.

`power_from_mels` finds non-negative spectra by the multiplicative updates of Lee and Seung.
`griffin_lim` makes overlapping windows agree, with the momentum of Perraudin et al. Its first
phases are a fixed random table, so that equal spectrograms give equal waveforms. From phases of 0,
rounding errors would grow by many orders of magnitude.

References
----------
Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984.
Perraudin, Balazs and Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
Lee and Seung, "Algorithms for Non-negative Matrix Factorization", NeurIPS 2000.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from gen_augment.modalities.audio.spectrogram import MelScale

__all__ = ["first_phases", "griffin_lim", "power_from_mels"]

#: Iterations of Griffin and Lim, their momentum, and updates of the spectra.
N_ITERATIONS, MOMENTUM, N_UPDATES = 16, 0.99, 8
_TINY = 1e-12


def power_from_mels(mels: Tensor, filters: Tensor) -> Tensor:
    """Return spectra (B, n_bins, n_windows) >= 0 whose mel bands are close to `mels`.

    Parameters
    ----------
    mels : Tensor of shape (B, n_mels, n_windows)
    filters : Tensor of shape (n_mels, n_bins)
    """
    power = (filters / filters.sum(dim=1, keepdim=True).clamp(min=_TINY)).T @ mels + _TINY
    target, gram = filters.T @ mels, filters.T @ filters
    for _ in range(N_UPDATES):
        power = power * target / (gram @ power).clamp(min=_TINY)
    return power


def griffin_lim(
    magnitude: Tensor, scale: MelScale, length: int, n_iter: int = N_ITERATIONS
) -> Tensor:
    """Return waveforms (B, length) whose short-time spectra are close to `magnitude`.

    Parameters
    ----------
    magnitude : Tensor of shape (B, n_bins, n_windows)
    scale : MelScale
    length : int
        Samples of a waveform.
    n_iter : int

    Examples
    --------
    >>> scale = MelScale(8000, 64, 48)
    >>> wave = torch.sin(torch.arange(4000) * 0.5)[None]
    >>> again = griffin_lim(scale.stft(wave).abs(), scale, 4000)
    >>> float((scale.stft(again).abs() - scale.stft(wave).abs()).norm()) < 200
    True
    """
    window = scale.window.to(magnitude.device)
    phases = first_phases(*magnitude.shape[1:]).to(magnitude.device)
    before = torch.zeros_like(phases)

    def wave() -> Tensor:
        return torch.istft(magnitude * phases, scale.n_fft, scale.hop, window=window, length=length)

    for _ in range(n_iter):
        found = scale.stft(wave())
        ahead = torch.lerp(before, found, 1 + MOMENTUM)
        phases = ahead / ahead.abs().clamp(min=_TINY)
        before = found
    return wave()


@lru_cache(maxsize=4)
def first_phases(n_bins: int, n_windows: int) -> Tensor:
    """Return fixed random numbers on the unit circle; more windows start with the same ones."""
    turns = np.random.default_rng(0).random((n_windows, n_bins)).T
    return torch.from_numpy(np.exp(2j * math.pi * turns)).to(torch.complex64)
