"""Log-mel spectrograms with a fixed number of frames, whatever the length of a recording.

A recording of L samples is cut into overlapping windows, and the power in each mel band is averaged
around `n_frames` moments that are spread evenly over the recording. Short and long recordings so
have one shape, and `unstretch` puts the frames back at a constant distance.

References
----------
Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition
in Continuously Spoken Sentences", 1980.
Slaney, "Auditory Toolbox", 1998: the mel scale, linear to 1 kHz and logarithmic above, and filters
of equal area, as in librosa.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

__all__ = ["RANGE_DB", "MelScale", "around_zero", "mel_filters", "middle", "to_unit"]

#: Decibels from the loudest to the softest encoded power, which is silence.
RANGE_DB = 80.0
#: Length of a window in seconds, before it is rounded to a power of two.
WINDOW_SECONDS = 0.032


@dataclass(frozen=True)
class MelScale:
    """Short-time spectra of waveforms, their mel bands, and frames spread over each recording.

    Parameters
    ----------
    sample_rate : int
        Samples in a second.
    n_mels, n_frames : int
        Bands and frames of a log-mel spectrogram.

    Examples
    --------
    >>> scale = MelScale(8000, 64, 48)
    >>> scale.n_fft, scale.hop
    (256, 64)
    >>> power = scale.spectrogram(torch.ones(2, 900), torch.tensor([900, 500]))
    >>> power.shape
    torch.Size([2, 64, 48])
    """

    sample_rate: int
    n_mels: int
    n_frames: int

    @property
    def n_fft(self) -> int:
        """Samples in a window: the power of two next to 32 ms."""
        return int(2 ** max(5, round(math.log2(WINDOW_SECONDS * self.sample_rate))))

    @property
    def hop(self) -> int:
        """Samples between two windows."""
        return self.n_fft // 4

    @cached_property
    def filters(self) -> Tensor:
        """Weights of the mel bands: Tensor of shape (n_mels, n_fft // 2 + 1)."""
        return torch.from_numpy(mel_filters(self.sample_rate, self.n_fft, self.n_mels)).float()

    @cached_property
    def window(self) -> Tensor:
        """The Hann window."""
        return torch.hann_window(self.n_fft, device="cpu")

    def n_windows(self, length: int) -> int:
        """Return the number of windows that cover `length` samples."""
        return length // self.hop + 1

    def stft(self, waves: Tensor) -> Tensor:
        """Transform waveforms (B, L) to complex spectra (B, n_fft // 2 + 1, n_windows)."""
        window = self.window.to(waves.device)
        return torch.stft(
            waves, self.n_fft, self.hop, window=window, pad_mode="constant", return_complex=True
        )

    def spectrogram(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Return the power in mel bands at frames that are spread over each recording.

        Parameters
        ----------
        waves : Tensor of shape (B, L)
            Padded with zeros.
        lengths : Tensor of shape (B,)

        Returns
        -------
        Tensor of shape (B, n_mels, n_frames)
        """
        power = self.filters.to(waves.device) @ self.stft(waves).abs().square()
        lengths = lengths.to(waves.device, torch.float32)[:, None, None]
        times = self._times(power.shape[2], waves.device)[:, None]  # (n_windows, 1)
        centres, width = self._centres(lengths)
        weights = (1 - (times - centres).abs() / width).clamp(min=0) * (times <= lengths)
        return power @ (weights / weights.sum(dim=1, keepdim=True))

    def unstretch(self, frames: Tensor, lengths: Tensor, longest: int) -> Tensor:
        """Interpolate spread frames (B, n_mels, n_frames) at the windows of `longest` samples.

        Windows after the end of a recording repeat its last frame.
        """
        lengths = lengths.to(frames.device, torch.float32)[:, None, None]
        centres, width = self._centres(lengths)
        times = self._times(self.n_windows(longest), frames.device)
        inside = times.clamp(max=lengths).maximum(centres[..., :1]).minimum(centres[..., -1:])
        weights = (1 - (inside - centres.transpose(1, 2)).abs() / width).clamp(min=0)
        return frames @ (weights / weights.sum(dim=1, keepdim=True))

    def _times(self, n_windows: int, device: torch.device) -> Tensor:
        return torch.arange(n_windows, device=device, dtype=torch.float32) * self.hop

    def _centres(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the middle of each frame, in samples, and the half-width of its triangle."""
        size = lengths / self.n_frames
        places = torch.arange(self.n_frames, device=lengths.device, dtype=torch.float32) + 0.5
        return places * size, size.clamp(min=self.hop)


def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """Return triangular filters of equal area on Slaney's mel scale.

    Returns
    -------
    ndarray of shape (n_mels, n_fft // 2 + 1), float64

    Examples
    --------
    >>> mel_filters(8000, 256, 64).shape
    (64, 129)
    """
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)
    edges = _hertz(np.linspace(0, _mel(sample_rate / 2), n_mels + 2))
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])[:, None]
    filters: np.ndarray = np.maximum(0, np.minimum(rise, fall)) * area
    return filters


#: Slaney's scale: 3 mels in 200 Hz up to 1 kHz, then 27 mels for a factor of 6.4.
_LINEAR, _BREAK, _STEP = 200 / 3, 1000.0, math.log(6.4) / 27


def _mel(hertz: float) -> float:
    if hertz < _BREAK:
        return hertz / _LINEAR
    return _BREAK / _LINEAR + math.log(hertz / _BREAK) / _STEP


def _hertz(mels: np.ndarray) -> np.ndarray:
    high = _BREAK * np.exp(_STEP * (mels - _BREAK / _LINEAR))
    return np.where(mels < _BREAK / _LINEAR, mels * _LINEAR, high)


def to_unit(power: Tensor, loudest: float) -> Tensor:
    """Return decibels of power in [-1, 1]: 1 at `loudest` decibels, and -1 at 80 dB below it."""
    decibels = 10 * torch.log10(power.clamp(min=1e-20)) - loudest
    return (1 + 2 * decibels / RANGE_DB).clamp(-1, 1)


def middle(dtype: str) -> float:
    """Return the sample of silence: 128 for uint8, as in files of 8 bits, and 0 where signed."""
    return (np.iinfo(dtype).max + 1) / 2 if dtype.startswith("uint") else 0.0


def around_zero(samples: np.ndarray) -> np.ndarray:
    """Return samples with silence at 0; unsigned ones become float64."""
    silence = middle(samples.dtype.name)
    return samples.astype(np.float64) - silence if silence else samples
