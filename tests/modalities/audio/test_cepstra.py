import numpy as np
import torch
from scipy.fft import dctn

from gen_augment.modalities.audio.cepstra import Cepstra


def test_coefficients_are_the_slow_ones_of_scipy() -> None:
    spectra = np.random.default_rng(0).normal(size=(3, 2, 5, 8))
    found = Cepstra(5, 8).of(torch.from_numpy(spectra))
    expected = dctn(spectra, axes=(2, 3), norm="ortho")[..., :4]
    np.testing.assert_allclose(found.numpy(), expected.reshape(3, 2, 20), atol=1e-12)


def test_the_inverse_is_the_nearest_smooth_spectrogram() -> None:
    cepstra = Cepstra(6, 7)
    spectra = torch.randn(4, 6, 7, generator=torch.Generator().manual_seed(0)).double()
    smooth = cepstra.inverse(cepstra.of(spectra))
    torch.testing.assert_close(cepstra.inverse(cepstra.of(smooth)), smooth)
    assert float(((spectra - smooth) * smooth).sum().abs()) < 1e-10  # what is left is orthogonal
