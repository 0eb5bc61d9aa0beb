"""The classifier of recordings sees pitch and loudness, and no padding."""

import math

import numpy as np
import pytest
import torch

from gen_augment.data import Rows
from gen_augment.modalities import Audio
from gen_augment.modalities.audio.classifier import (
    N_FRAMES,
    N_MELS,
    SpectrogramCNN,
    sounding_lengths,
)
from gen_augment.modalities.audio.spectrogram import RANGE_DB, mel_filters
from tests.modalities.audio.tones import RATE, recordings

X, Y = recordings(4, longest=1800)
AUDIO = Audio(sample_rate=RATE, n_mels=32, n_frames=16)


def sine(hertz: float, n: int = 2000, amplitude: float = 0.5) -> torch.Tensor:
    return amplitude * torch.sin(2 * torch.pi * hertz * torch.arange(n) / RATE)[None, None]


def test_the_classifier_does_not_see_padding() -> None:
    rows = Rows.read(X, Y, modality=AUDIO)
    inputs = AUDIO.classifier_inputs(rows.codec, rows.X)(rows.X)
    assert sounding_lengths(inputs).tolist() == [len(np.trim_zeros(row, "b")) for row in rows.X]
    torch.manual_seed(0)
    network = SpectrogramCNN(RATE, 2).eval()
    more = torch.nn.functional.pad(inputs, (0, 500))
    torch.testing.assert_close(network(more), network(inputs))


def test_a_recording_ends_at_the_last_sound_of_any_channel() -> None:
    x = torch.zeros(3, 2, 6)
    x[0, 0, 1] = x[0, 1, 3] = -1.0
    x[1, :, 5] = 1.0
    assert sounding_lengths(x).tolist() == [4, 6, 6]  # silence has its whole length


@pytest.mark.parametrize("hertz", [500.0, 2000.0])
def test_a_tone_is_in_its_band(hertz: float) -> None:
    network = SpectrogramCNN(RATE, 2)
    (image,) = network.spectrogram(sine(hertz))
    assert image.shape == (1, N_MELS, N_FRAMES)
    bands = mel_filters(RATE, network.scale.n_fft, N_MELS)
    expected = bands[:, round(hertz * network.scale.n_fft / RATE)].argmax()
    assert abs(int(image[0, :, N_FRAMES // 2].argmax()) - int(expected)) <= 1


def test_brightness_is_the_mean_power_of_the_channels_in_decibels() -> None:
    network, x = SpectrogramCNN(RATE, 2), sine(700, amplitude=0.002)
    one = network.spectrogram(x)
    for other, decibels in ((10 * x, 20), (torch.cat([x, 0 * x], dim=1), 10 * math.log10(0.5))):
        changed = network.spectrogram(other)
        inside = (one.abs() < 1) & (changed.abs() < 1)  # not clipped
        assert inside.sum() > N_FRAMES
        difference = (changed - one)[inside]
        expected = torch.full_like(difference, 2 * decibels / RANGE_DB)
        torch.testing.assert_close(difference, expected, atol=1e-3, rtol=0)


def test_silence_and_clicks_have_finite_logits() -> None:
    x = torch.zeros(2, 1, 300)
    x[1, 0, 0] = 1.0
    assert SpectrogramCNN(RATE, 3).eval()(x).isfinite().all()
