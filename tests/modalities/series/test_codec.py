"""Series keep their form, dtype, range, names and lengths."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_augment.errors import ArchiveError, InputError
from gen_augment.modalities import Series, codec_from_json, codec_to_json
from gen_augment.modalities.series.codec import SeriesCodec
from gen_augment.modalities.series.forms import as_objects

DTYPES = ["bool", "uint8", "int16", "int64", "float16", "float32", "float64", ">f4"]
FORMS = ["ndarray", "tensor", "list", "tensors", "objects", "frames", "nested", "wide", "flat"]


def same(a: Any, b: Any) -> bool:
    """Whether two series have one type, dtype, shape and names, and nearly equal values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (pd.DataFrame, pd.Series)):
        pd.testing.assert_frame_equal(pd.DataFrame(a), pd.DataFrame(b), rtol=1e-5, atol=1e-5)
        return True
    exact = a.dtype in (torch.bool, np.bool_) or "int" in str(a.dtype)
    x, z = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    tolerance = 0 if exact else 1e-2 if "16" in str(a.dtype) else 1e-5
    return a.dtype == b.dtype and a.shape == b.shape and np.allclose(x, z, rtol=0, atol=tolerance)


def made(form: str, dtype: str, lengths: list[int], n_channels: int, seed: int) -> Any:
    """Random series of a form; stacked forms have the first length."""
    rng = np.random.default_rng(seed)
    if form in ("ndarray", "tensor", "wide", "flat"):
        lengths = [lengths[0]] * len(lengths)
    rows = [rng.uniform(-3, 3, (n_channels, n)) for n in lengths]
    rows = [np.abs(row * 40).astype(dtype) if "i" in dtype else row.astype(dtype) for row in rows]
    native = [row.astype(row.dtype.newbyteorder("=")) for row in rows]
    names = [f"c{i}" for i in range(n_channels)]
    if form == "nested":
        return pd.DataFrame(
            [{c: pd.Series(v) for c, v in zip(names, r, strict=True)} for r in native]
        )
    return {
        "ndarray": lambda: np.stack(rows),
        "tensor": lambda: torch.from_numpy(np.stack(native)),
        "list": lambda: rows,
        "tensors": lambda: [torch.from_numpy(row) for row in native],
        "objects": lambda: as_objects(rows),
        "frames": lambda: [pd.DataFrame(row.T, columns=names) for row in native],
        "wide": lambda: pd.DataFrame(np.stack(native)[:, 0]).add_prefix("t"),
        "flat": lambda: np.stack(rows)[:, 0],
    }[form]()


@settings(deadline=None, max_examples=150)
@given(
    form=st.sampled_from(FORMS),
    dtype=st.sampled_from(DTYPES),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    n_channels=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_series_are_restored(
    form: str, dtype: str, lengths: list[int], n_channels: int, seed: int
) -> None:
    X = made(form, dtype, lengths, n_channels, seed)
    codec, rows = SeriesCodec.fit(X)
    assert rows.shape == (len(X), *codec.shape)
    assert torch.equal(codec.encode(X), rows)
    again = codec_from_json(json.loads(json.dumps(codec_to_json(codec))))
    assert again == codec
    for back in (again.decode(rows), again.unpack(again.pack(again.decode(rows)))):
        assert type(back) is type(X)
        if isinstance(X, pd.DataFrame) and form == "nested":
            assert list(back.columns) == list(X.columns)
            pairs = list(zip(back.to_numpy().ravel(), X.to_numpy().ravel(), strict=True))
        elif isinstance(X, pd.DataFrame):
            pairs = [(back, X)]
        else:
            pairs = list(zip(back, X, strict=True))
        assert all(same(a, b) for a, b in pairs)


def test_channels_are_standardised_and_lengths_marked() -> None:
    X = [np.arange(12.0).reshape(2, 6), np.ones((2, 4))]
    codec, rows = SeriesCodec.fit(X)
    assert codec.shape == (3, 6)
    inside = rows[:, 2] > 0
    assert inside.sum(dim=1).tolist() == [6, 4]
    for channel in range(2):
        known = rows[:, channel][inside]
        np.testing.assert_allclose([known.mean(), known.std(unbiased=False)], [0, 1], atol=1e-6)
    assert (rows[1, :2, 4:] == rows[1, :2, 3:4]).all()  # padded with the last values


def test_values_stay_in_the_range_of_their_channel() -> None:
    X = np.stack([np.linspace(-1, 5, 8), np.linspace(0, 100, 8)])[None]
    codec, _ = SeriesCodec.fit(X)
    out = codec.decode(100 * torch.randn(50, *codec.shape))
    assert out[:, 0].min() == -1
    assert out[:, 0].max() == 5
    assert out[:, 1].min() == 0
    assert out[:, 1].max() == 100


def test_a_constant_channel_stays_constant() -> None:
    X = np.full((4, 1, 9), 7.5)
    codec, rows = SeriesCodec.fit(X)
    assert not rows.any()
    assert (codec.decode(torch.randn(6, 1, 9)) == 7.5).all()


@pytest.mark.parametrize("level", [0.0, 1e8, 1e12])
def test_a_joined_encoding_has_the_moments_of_all_rows(level: float) -> None:
    X = np.random.default_rng(0).normal(size=(3, 20, 2, 9)) + np.array([[level], [-level / 3]])
    X[:, :, 1] += np.arange(3)[:, None, None]  # sites that differ in their means
    first, *others = (SeriesCodec.fit(part)[0] for part in X)
    joined, whole = first.joined(others), SeriesCodec.fit(X.reshape(60, 2, 9))[0]
    for name in ("low", "high", "mean", "scale"):
        np.testing.assert_allclose(
            getattr(joined, name), getattr(whole, name), rtol=1e-4, atol=1e-9
        )
    flat = SeriesCodec.fit(np.full((4, 1, 9), 0.1))[0]
    assert flat.joined([flat, flat]).scale == (0.0,)


def test_lengths_of_noisy_masks_are_the_ones_that_fit_best() -> None:
    X = [np.zeros(n) + np.arange(n) for n in (3, 5, 9)]
    codec, rows = SeriesCodec.fit(X)
    noisy = rows + 0.3 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))
    assert [len(row) for row in codec.decode(noisy)] == [3, 5, 9]
    assert set(codec.lengths_of(torch.randn(200, 2, 9)).tolist()) <= set(range(3, 10))


def test_longer_series_of_a_list_are_resampled() -> None:
    codec, _ = SeriesCodec.fit([np.linspace(0, 1, 5), np.linspace(0, 1, 9)])
    longer = codec.decode(codec.encode([np.linspace(0, 1, 33)]))
    np.testing.assert_allclose(longer[0], np.linspace(0, 1, 9), atol=1e-6)
    with pytest.raises(InputError, match="fitted with length 9, got 8"):
        SeriesCodec.fit(np.zeros((2, 9)))[0].encode(np.zeros((2, 8)))


NAN = np.ones((5, 2, 6))
NAN[3, 1, 4] = np.nan
INFINITE = [np.ones(4), np.array([1.0, np.inf])]
MIXED = pd.DataFrame({"a": [1.0], "b": ["x"]})
UNEQUAL = pd.DataFrame({"a": [pd.Series([1.0, 2.0])], "b": [pd.Series([1.0])]})
BAD: dict[str, tuple[Any, str]] = {
    "missing step": (NAN, r"series 3 of X has no value \(NaN\) at step 4 of channel 1"),
    "infinity": (INFINITE, "series 1 of X has infinity at step 1"),
    "no rows": (np.zeros((0, 3, 5)), "no series"),
    "no steps": ([np.ones(3), np.ones(0)], "series 1 of X has no steps"),
    "no channels": (np.zeros((2, 0, 5)), "at least one channel"),
    "axes": (np.zeros((2, 3, 4, 5)), "4 dimensions"),
    "one axis": (np.zeros(5), "1 dimensions"),
    "texts": (["ab", "cd"], "series 0 of X is a str"),
    "complex": (np.zeros((2, 5), complex), "complex128"),
    "channels differ": ([np.zeros((2, 5)), np.zeros((3, 5))], "one number of channels"),
    "axes differ": ([np.zeros((1, 5)), np.zeros(5)], "one number of channels"),
    "ragged rows": ([[[1, 2], [3]], [[1, 2], [3, 4]]], "series 0 of X is not an array"),
    "too large": (np.full((2, 5), 1e35), "too large to be scaled"),
    "large integers": (np.full((2, 5), 2**60), "too large to be scaled"),
    "text column": (MIXED, "not numbers of NumPy"),
    "steps of channels": (UNEQUAL, "series 0 of X has channels of shapes"),
    "other columns": ([pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})], "same channels"),
    "no container": (5, "X is a int"),
}


@pytest.mark.parametrize("X, message", BAD.values(), ids=BAD)
def test_unusable_rows_are_named(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Series().fit(X)


def test_other_channels_and_dtypes_are_refused() -> None:
    codec, _ = SeriesCodec.fit(np.zeros((2, 3, 5)))
    with pytest.raises(InputError, match="got 2 channels"):
        codec.encode(np.zeros((2, 2, 5)))
    with pytest.raises(InputError, match="fitted as float64, got int64"):
        codec.encode(np.zeros((2, 3, 5), int))
    assert codec.encode(np.zeros((0, 3, 5))).shape == (0, 3, 5)


@pytest.mark.parametrize(
    "change",
    [{"lengths": [5, 2]}, {"low": [1.0]}, {"scale": [-1.0]}, {"mean": ["x"]}, {"lengths": [1, 5]}],
    ids=str,
)
def test_a_damaged_record_is_refused(change: dict[str, Any]) -> None:
    record = codec_to_json(SeriesCodec.fit(np.zeros((2, 5)))[0])
    with pytest.raises(ArchiveError, match="series codec is damaged"):
        codec_from_json({**record, **change})
