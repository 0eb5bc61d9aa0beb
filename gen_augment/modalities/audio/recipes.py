"""Classic augmentations of a batch of waveforms and its soft labels.

Each takes waveforms (B, C, L), padded with zeros, and labels (B, n_classes), and draws from torch's
global generator, which a study seeds. Padding stays 0.
"""

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.errors import MissingDependencyError
from gen_augment.modalities.audio.classifier import sounding_lengths
from gen_augment.modalities.base import BatchStep
from gen_augment.modalities.series.transforms import mixup

__all__ = ["RECIPES", "add_noise", "classic", "echo", "noise", "shift", "specaugment"]

#: Range of signal-to-noise ratios in decibels.
SNR_DB = (5.0, 30.0)
#: Range of reverberation times, after which an echo is 60 dB softer, as shares of a recording.
REVERBERATION = (0.1, 0.5)
#: Largest shares of a recording that are moved, and of frames and bands that are hidden.
SHIFT, HIDDEN_FRAMES, HIDDEN_BANDS = 0.1, 0.2, 0.2
#: Window of `specaugment`, in samples.
N_FFT = 256
#: Hertz that `classic` says: none of its transforms depends on the true rate.
NOMINAL_RATE = 16000


def noise(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Add white noise at 5 to 30 dB below the recording, see `add_noise`."""
    low, high = SNR_DB
    return add_noise(x, low + (high - low) * torch.rand(len(x), device=x.device)), y


def add_noise(x: Tensor, snr_db: Tensor) -> Tensor:
    """Add white noise to waveforms (B, C, L) at signal-to-noise ratios (B,) in decibels.

    The ratio is that of the mean power of a recording, over all channels, to that of the noise.

    Examples
    --------
    >>> tone = torch.sin(torch.arange(8000) * 0.5)[None, None]
    >>> hiss = add_noise(tone, torch.tensor([10.0])) - tone
    >>> round(float(10 * (tone.square().mean() / hiss.square().mean()).log10()), 3)
    10.0
    """
    inside = _inside(x)
    hiss = torch.randn_like(x) * inside
    power, hiss_power = (part.square().sum(dim=(1, 2), keepdim=True) for part in (x, hiss))
    ratio = 10 ** (snr_db.view(-1, 1, 1) / 10)
    return x + hiss * (power / (hiss_power * ratio)).sqrt()


def echo(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Convolve with room impulse responses: a direct sound, then noise that decays.

    The noise is 60 dB softer after a tenth to half of the recording, and has the energy of the
    direct sound at most (Ko et al. 2017, "A study on data augmentation of reverberant speech for
    robust speech recognition"; the model of decaying noise is Polack's).
    """
    low, high = REVERBERATION
    lengths = sounding_lengths(x)
    decay = (low + (high - low) * torch.rand(len(x), device=x.device)) * lengths
    n = math.ceil(high * int(lengths.max()))
    times = torch.arange(n, device=x.device)
    tail = torch.randn(len(x), n, device=x.device) * 10 ** (-3 * times / decay[:, None])
    tail[:, 0] = 0
    energy = torch.rand(len(x), 1, device=x.device)
    tail = tail * (energy / tail.square().sum(dim=1, keepdim=True)).sqrt()
    tail[:, 0] = 1
    size = 2 ** math.ceil(math.log2(x.shape[2] + n))
    spectrum = torch.fft.rfft(x, size) * torch.fft.rfft(tail, size)[:, None]
    return torch.fft.irfft(spectrum, size)[..., : x.shape[2]] * _inside(x), y


def specaugment(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Silence a random part of the time and of the frequencies of each recording.

    Each part is up to a fifth (Park et al. 2019, "SpecAugment", arXiv:1904.08779, without time
    warping).
    """
    inside = _inside(x)
    n, channels, length = x.shape
    window = torch.hann_window(N_FFT, device=x.device)
    spectra = torch.stft(
        x.flatten(0, 1), N_FFT, window=window, pad_mode="constant", return_complex=True
    )
    keep = ~_span(n, spectra.shape[1], spectra.shape[1], HIDDEN_BANDS, x.device)
    kept = spectra.view(n, channels, *spectra.shape[1:]) * keep[:, None, :, None]
    waves = torch.istft(kept.flatten(0, 1), N_FFT, window=window, length=length)
    silent = _span(n, length, sounding_lengths(x), HIDDEN_FRAMES, x.device)
    return waves.view(n, channels, length) * (inside & ~silent[:, None]), y


def shift(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Move each recording by up to a tenth of its length; what leaves it is lost."""
    lengths = sounding_lengths(x)
    by = ((2 * torch.rand(len(x), device=x.device) - 1) * SHIFT * lengths).round().long()
    places = torch.arange(x.shape[2], device=x.device) - by[:, None]  # (B, L)
    known = (places >= 0) & (places < lengths[:, None])
    moved = x.gather(2, places.clamp(0, x.shape[2] - 1)[:, None].expand_as(x))
    return moved * known[:, None], y


def classic(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Apply audiomentations: noise, stretched time, shifted pitch and gain, each with p=0.5."""
    compose, changed = _classic_recipe(), torch.zeros_like(x)
    with _numpy_seeded(int(torch.randint(2**31, ()))):
        for row, out, length in zip(x, changed, sounding_lengths(x).tolist(), strict=True):
            wave = np.ascontiguousarray(row[:, :length].float().cpu().numpy())
            found = torch.from_numpy(np.ascontiguousarray(compose(wave, NOMINAL_RATE)))
            out[:, :length] = found.to(x)
    return changed, y


@cache
def _classic_recipe() -> Any:
    try:
        import audiomentations as A
    except ImportError as error:
        raise MissingDependencyError(
            "the recipe 'audiomentations' needs audiomentations: pip install 'gen_augment[audio]'."
        ) from error
    return A.Compose(
        [
            A.AddGaussianSNR(*SNR_DB, p=0.5),
            A.TimeStretch(0.9, 1.1, leave_length_unchanged=True, p=0.5),
            A.PitchShift(-2, 2, p=0.5),
            A.Gain(-6, 6, p=0.5),
        ]
    )


@contextmanager
def _numpy_seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of Python and NumPy in the block, which audiomentations uses."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _inside(x: Tensor) -> Tensor:
    """Return which samples are before the end of a recording: bool Tensor (B, 1, L)."""
    places = torch.arange(x.shape[2], device=x.device)
    return (places < sounding_lengths(x)[:, None])[:, None]


def _span(n: int, size: int, of: Tensor | int, share: float, device: torch.device) -> Tensor:
    """Return a random run of True in each of `n` lines of `size`, up to `share` of `of` long."""
    width = torch.rand(n, device=device) * share * of
    start = torch.rand(n, device=device) * (of - width)
    places = torch.arange(size, device=device)
    return (places >= start[:, None]) & (places < (start + width)[:, None])


RECIPES: Mapping[str, BatchStep] = {
    "noise": noise,
    "echo": echo,
    "specaugment": specaugment,
    "shift": shift,
    "mixup": mixup,
    "audiomentations": classic,
}
