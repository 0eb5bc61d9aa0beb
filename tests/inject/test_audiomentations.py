import json
import random
from pathlib import Path

import numpy as np
import pytest

from gen_augment import BootstrapSampler, SampleBank
from gen_augment.errors import InputError
from gen_augment.modalities import Audio
from tests.modalities.audio.tones import HERTZ, RATE, main_frequency, recordings

audiomentations = pytest.importorskip("audiomentations")

X, Y = recordings(8)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SampleBank:
    sampler = BootstrapSampler(modality=Audio(sample_rate=RATE), random_state=0).fit(X, Y)
    return SampleBank.build(sampler, {"low": 3, "high": 3}, tmp_path_factory.mktemp("b") / "bank")


def test_rows_have_the_label_and_the_length_of_the_recording(bank: SampleBank) -> None:
    from gen_augment.inject.audiomentations import SyntheticReplace

    replace = SyntheticReplace(bank, p=1.0)
    pipeline = audiomentations.Compose([replace, audiomentations.Gain(0, 0, p=1.0)])
    silence = np.zeros(1000, np.float32)
    for label, hertz in HERTZ.items():
        replace.label = label
        found = pipeline(silence, sample_rate=RATE)
        assert found.shape == silence.shape
        assert found.dtype == np.float32
        assert np.abs(found).max() < 1
        assert abs(main_frequency(found) - hertz) < 50
    replace.label = "low"
    long = pipeline(np.zeros(5000, np.float32), sample_rate=RATE)
    assert not long[2400:].any()


def test_the_share_is_kept_and_random_state_repeats_it(bank: SampleBank) -> None:
    from gen_augment.inject.audiomentations import SyntheticReplace

    replace, silence = SyntheticReplace(str(bank.path), p=0.3), np.zeros(500, np.float32)

    def drawn() -> list[bool]:
        random.seed(0)
        found = []
        for _ in range(200):
            replace.label = "high"
            found.append(bool(replace(silence, RATE).any()))
        return found

    assert drawn() == drawn()
    assert 40 < sum(drawn()) < 80
    written = json.dumps(replace.to_dict_private())
    assert str(Path(bank.path)) in written


def test_what_does_not_match_is_named(bank: SampleBank) -> None:
    from gen_augment.inject.audiomentations import SyntheticReplace

    replace, silence = SyntheticReplace(bank, p=1.0), np.zeros(500, np.float32)
    with pytest.raises(InputError, match=r"replace.label"):
        replace(silence, RATE)
    for samples, rate, message in (
        (silence, 16000, "16000 Hz and the bank 8000"),
        (silence.astype(np.int16), RATE, "is int16: give floats"),
        (np.stack([silence, silence]), RATE, r"\(2, 500\)"),
    ):
        replace.label = "low"
        with pytest.raises(InputError, match=message):
            replace(samples, rate)
    replace.label = "middle"
    with pytest.raises(InputError, match="middle"):
        replace(silence, RATE)
