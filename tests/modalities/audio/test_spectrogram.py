import numpy as np
import pytest
import torch

from gen_augment.modalities.audio.spectrogram import MelScale, mel_filters, to_unit


@pytest.mark.parametrize("rate, n_fft, n_mels", [(8000, 256, 64), (22050, 512, 80)])
def test_filters_are_those_of_librosa(rate: int, n_fft: int, n_mels: int) -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels)
    np.testing.assert_allclose(mel_filters(rate, n_fft, n_mels), expected, atol=1e-7)


def test_a_stretched_recording_has_the_same_frames() -> None:
    """The pitch of a chirp by its relative time, at twice the length."""
    scale = MelScale(8000, 64, 32)
    found = []
    for n in (4000, 8000):
        place = torch.arange(n) / n
        wave = torch.sin(2 * torch.pi * torch.cumsum(400 + 2000 * place, 0) / 8000)
        power = scale.spectrogram(wave[None], torch.tensor([n]))[0]
        found.append(power.argmax(dim=0))
    assert (found[0] - found[1]).abs().max() <= 1
    assert found[0][-1] > found[0][0] + 20


def test_other_rows_of_a_batch_change_nothing() -> None:
    scale, rng = MelScale(8000, 40, 32), np.random.default_rng(0)
    wave = torch.from_numpy(rng.normal(size=900)).float()
    alone = scale.spectrogram(wave[None], torch.tensor([900]))
    padded = torch.zeros(2, 3000)
    padded[0, :900], padded[1] = wave, torch.ones(3000)
    together = scale.spectrogram(padded, torch.tensor([900, 3000]))
    torch.testing.assert_close(together[:1], alone)


def test_unstretching_keeps_a_line() -> None:
    """Interpolation is exact on a straight line between the middles of the frames."""
    scale = MelScale(8000, 1, 16)
    line = torch.arange(16.0)[None, None]
    found = scale.unstretch(line, torch.tensor([8000]), 8000)[0, 0]
    times = torch.arange(len(found)) * scale.hop
    expected = (times / 500 - 0.5).clamp(0, 15)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_decibels_are_scaled() -> None:
    power = torch.tensor([1e4, 1.0, 1e-4, 0.0])
    assert to_unit(power, 40.0).tolist() == pytest.approx([1.0, 0.0, -1.0, -1.0])
