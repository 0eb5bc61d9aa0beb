import json
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import MixtureSampler
from gen_augment.errors import InputError
from gen_augment.modalities import Audio, codec_from_json, codec_to_json
from tests.modalities.audio.tones import HERTZ, RATE, main_frequency, recordings, tone

X, Y = recordings(12)
AUDIO = Audio(sample_rate=RATE)


def test_lengths_dtype_and_pitch_come_back() -> None:
    codec, rows = AUDIO.fit(X)
    again = codec.decode(rows)
    assert rows.shape == (12, 641)
    assert [len(row) for row in again] == [len(row) for row in X]
    assert {row.dtype for row in again} == {np.dtype(np.int16)}
    for row, label in zip(again, Y, strict=True):
        assert abs(main_frequency(row) - HERTZ[label]) < 45  # half a mel band, of 40
    loud = [np.abs(row.astype(float)).mean() for row in again]
    np.testing.assert_allclose(loud, [np.abs(row.astype(float)).mean() for row in X], rtol=0.2)


def test_a_row_is_the_same_in_any_batch() -> None:
    codec, rows = AUDIO.fit(X)
    together = codec.decode(rows)
    for number in range(0, 12, 5):
        alone = codec.decode(rows[number : number + 1])[0]
        np.testing.assert_array_equal(alone, together[number])


def test_rows_of_a_mixture_do_not_depend_on_the_batch() -> None:
    sampler = MixtureSampler(random_state=0, modality=AUDIO).fit(*recordings(30))
    labels = sampler.classes_[np.arange(24) % 2]
    together = sampler.generate(np.arange(24), labels)
    for number in range(24):
        alone = sampler.generate([number], labels[number])[0]
        np.testing.assert_array_equal(alone, together[number])


@pytest.mark.parametrize(
    "form",
    [
        np.stack([row[:1200] for row in X]),
        torch.from_numpy(np.stack([row[:1200] for row in X])).float() / 32768,
        np.stack([row[:1200] for row in X])[:, None].repeat(2, axis=1),
        [torch.from_numpy(row) for row in X],
        [(row / 256 + 128).astype(np.uint8) for row in X],
    ],
    ids=["array", "tensor", "stereo", "tensors", "unsigned"],
)
def test_forms_come_back(form: Any) -> None:
    codec, rows = AUDIO.fit(form)
    again = codec.decode(rows)
    assert type(again) is type(form)
    assert [row.shape for row in again] == [row.shape for row in form]
    assert again[0].dtype == form[0].dtype
    for row, wave in zip(again, form, strict=True):
        first, fitted = (np.atleast_2d(np.asarray(w, float))[0] for w in (row, wave))
        pitch = main_frequency(fitted - fitted.mean())
        assert abs(main_frequency(first - first.mean()) - pitch) < 40
    unpacked = codec.unpack(codec.pack(again))
    assert all((a == b).all() for a, b in zip(unpacked, again, strict=True))
    other = codec_from_json(json.loads(json.dumps(codec_to_json(codec))))
    assert other == codec
    assert torch.equal(other.encode(form), rows)


def test_silence_stays_silent_beside_sound() -> None:
    codec, rows = AUDIO.fit([X[0], np.zeros(2000, np.int16)])
    assert not codec.decode(rows)[1].any()


def test_loud_rows_are_clipped_to_the_fitted_range() -> None:
    codec, rows = AUDIO.fit(X)
    loud = codec.decode(rows * 3)
    assert max(row.max() for row in loud) <= codec.high
    assert min(row.min() for row in loud) >= codec.low


@pytest.mark.parametrize(
    "wrong, message",
    [
        ([X[0].astype(float), np.full(900, np.nan)], "recording 1 of X has no value"),
        ([X[0], np.ones(1, np.int16)], "recording 1 of X has 1 sample"),
        ([np.zeros(900), np.zeros(800)], "silent"),
        ([X[0], np.stack([X[1], X[1]])], "channels"),
        ([], "no recordings"),
    ],
)
def test_unusable_rows_are_named(wrong: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AUDIO.fit(wrong)


def test_the_rate_must_be_said() -> None:
    with pytest.raises(InputError, match="sample_rate=8000"):
        Audio().fit(X)


def test_other_forms_are_refused() -> None:
    codec, _ = AUDIO.fit(X)
    with pytest.raises(InputError, match="fitted as int16"):
        codec.encode([row / 32768 for row in X])
    with pytest.raises(InputError, match="channel"):
        codec.encode([np.stack([X[0], X[0]])])
    stacked, _ = AUDIO.fit(np.stack([tone(500, 900)] * 2))
    with pytest.raises(InputError, match="900 samples, got 800"):
        stacked.encode(np.stack([tone(500, 800)] * 2))
