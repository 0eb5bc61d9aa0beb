import numpy as np
import torch

from gen_augment.modalities.audio.phase import first_phases, griffin_lim, power_from_mels
from gen_augment.modalities.audio.spectrogram import MelScale

SCALE = MelScale(8000, 64, 64)


def chirp(n: int = 4000) -> torch.Tensor:
    return torch.sin(2 * torch.pi * torch.cumsum(torch.linspace(300, 2500, n), 0) / 8000)[None]


def test_spectra_explain_their_bands() -> None:
    power = SCALE.stft(chirp()).abs().square()
    mels = SCALE.filters @ power
    found = power_from_mels(mels, SCALE.filters)
    assert (found >= 0).all()
    assert (SCALE.filters @ found - mels).norm() < 0.1 * mels.norm()


def test_more_iterations_agree_better() -> None:
    magnitude = SCALE.stft(chirp()).abs()
    errors = [
        float((SCALE.stft(griffin_lim(magnitude, SCALE, 4000, n)).abs() - magnitude).norm())
        for n in (0, 4, 16)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.2 * float(magnitude.norm())


def test_first_phases_do_not_depend_on_the_length() -> None:
    np.testing.assert_array_equal(first_phases(9, 5), first_phases(9, 30)[:, :5])
