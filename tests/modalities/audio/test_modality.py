from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from gen_augment import (
    ConditionalFlow,
    ConditionalGAN,
    ConditionalVAE,
    InputError,
    KDESampler,
    MixtureSampler,
    PairedVAE,
    SMOTESampler,
    Study,
    load_sampler,
)
from gen_augment.modalities import Audio
from gen_augment.study import Split, Training
from tests.modalities.audio.tones import HERTZ, RATE, main_frequency, recordings

X, Y = recordings(40, longest=1800)
AUDIO = Audio(sample_rate=RATE, n_mels=32, n_frames=16)


def test_a_sampler_learns_pitch_and_rows_are_addressed(tmp_path: Path) -> None:
    made = ConditionalVAE(
        max_steps=40, width=8, latent_dim=4, random_state=0, modality=AUDIO, device="cpu"
    ).fit(X, Y)
    for label, hertz in HERTZ.items():
        rows = made.generate(np.arange(8), label)
        assert abs(np.median([main_frequency(row) for row in rows]) - hertz) < 100
        alone = made.generate([5], label)[0]
        assert len(alone) == len(rows[5])
        assert np.abs(alone.astype(int) - rows[5]).max() <= 90  # of 9000: a hundredth
    made.save(tmp_path / "m.safetensors")
    again = load_sampler(tmp_path / "m.safetensors", device="cpu")
    pairs = zip(again.generate([1], "low"), made.generate([1], "low"), strict=True)
    assert all((a == b).all() for a, b in pairs)


@pytest.mark.parametrize(
    "sampler",
    [
        MixtureSampler(n_components=1),
        KDESampler(),
        SMOTESampler(),
        ConditionalFlow(max_steps=300, width=8),
        ConditionalGAN(max_steps=2, width=4),
        PairedVAE(max_steps=2, width=4),
    ],
    ids=lambda sampler: sampler.method,
)
def test_samplers_of_flat_rows_take_recordings(sampler: Any, tmp_path: Path) -> None:
    made = clone(sampler).set_params(modality=AUDIO, random_state=0).fit(X, Y)
    rows = made.generate(np.arange(8), ["low", "high"] * 4)
    assert {row.dtype for row in rows} == {np.dtype(np.int16)}
    assert {len(row) for row in rows} <= set(range(1200, 1801))
    if sampler.get_params().get("max_steps", 300) == 300:  # the others are not trained
        assert np.median([main_frequency(row) for row in rows[::2]]) < 700
        assert np.median([main_frequency(row) for row in rows[1::2]]) > 1300
    made.save(tmp_path / "m.safetensors")
    again = load_sampler(tmp_path / "m.safetensors").generate([5], ["high"])
    assert np.abs(again[0].astype(int) - rows[5]).max() <= 90


def test_a_study_of_recordings() -> None:
    study = Study(
        X, Y, modality=AUDIO, arms=["real", "noise+echo", "specaugment+shift"], n_seeds=1,
        training=Training(15), split=Split(),
    )  # fmt: skip
    result = study.run()
    assert result.trials["error"].isna().all()
    assert result.scores()["real"].mean() > 0.7


def test_a_sheet_has_low_notes_at_the_bottom() -> None:
    codec, rows = AUDIO.fit(X[:2])  # low, then high
    sheet = AUDIO.sheet(codec, rows, 2)
    left, right = np.array_split(sheet.mean(axis=2)[2:], 2, axis=1)
    assert left.mean(axis=1).argmax() > right.mean(axis=1).argmax()
    assert 0 <= sheet.min() <= sheet.max() <= 1


@pytest.mark.parametrize("name", ["n_mels", "n_frames"])
def test_spectrograms_fit_in_memory(name: str) -> None:
    options: dict[str, Any] = {name: 10**9}
    with pytest.raises(InputError, match=f"{name}=1000000000: a spectrogram has at most"):
        Audio(sample_rate=8000, **options)
