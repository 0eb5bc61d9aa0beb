"""Log-mel spectrograms by a cosine transform over bands and frames, without their fast changes.

Coefficients of the cosine transform are nearly uncorrelated, so that small networks and densities
can model them. Sounds are recognised by slow changes over time: the faster half is left out.

References
----------
Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition
in Continuously Spoken Sentences", 1980: cepstra of mel bands.
Ahmed, Natarajan and Rao, "Discrete Cosine Transform", 1974.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from scipy.fft import dct
from torch import Tensor

__all__ = ["Cepstra"]


@dataclass(frozen=True)
class Cepstra:
    """Two-dimensional cosine coefficients of a spectrogram, the slower half over time.

    Parameters
    ----------
    n_mels, n_frames : int
        Shape of a spectrogram.

    Examples
    --------
    >>> cepstra = Cepstra(40, 32)
    >>> cepstra.size
    640
    >>> smooth = torch.linspace(-1, 1, 32).expand(40, 32).double()
    >>> float((cepstra.inverse(cepstra.of(smooth)) - smooth).abs().max()) < 0.02
    True
    """

    n_mels: int
    n_frames: int

    @property
    def size(self) -> int:
        """Coefficients of one spectrogram."""
        return self.n_mels * self._n_slow

    def of(self, spectra: Tensor) -> Tensor:
        """Transform spectrograms (..., n_mels, n_frames), float64, to (..., size)."""
        found: Tensor = self._bands.to(spectra) @ spectra @ self._frames.to(spectra).T
        return found.flatten(-2)

    def inverse(self, cepstra: Tensor) -> Tensor:
        """Return the spectrograms (..., n_mels, n_frames) with these coefficients (..., size)."""
        grid = cepstra.view(*cepstra.shape[:-1], self.n_mels, self._n_slow)
        found: Tensor = self._bands.to(cepstra).T @ grid @ self._frames.to(cepstra)
        return found

    @property
    def _n_slow(self) -> int:
        return (self.n_frames + 1) // 2

    @cached_property
    def _bands(self) -> Tensor:
        return _cosines(self.n_mels)

    @cached_property
    def _frames(self) -> Tensor:
        return _cosines(self.n_frames)[: self._n_slow]


def _cosines(n: int) -> Tensor:
    """Return the orthonormal cosines over `n` places, slow ones first: (n, n), float64."""
    places = torch.eye(n, dtype=torch.float64, device="cpu").numpy()
    return torch.from_numpy(dct(places, norm="ortho", axis=0))
