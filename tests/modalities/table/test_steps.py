"""The step of a column: found in numbers that have one, and in no others."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.modalities import TableCodec
from gen_augment.modalities.table.steps import Steps

FLOAT = np.dtype(np.float64)
RNG = np.random.default_rng(0)


STEPS = ["1", "0.1", "0.01", "0.5", "0.25", "0.05", "0.001", "5", "100", "1000"]


@pytest.mark.parametrize(
    "step, dtype",
    [*((s, np.float64) for s in [*STEPS, "0.000001"]), *((s, np.float32) for s in STEPS)],
)
def test_the_step_of_decimals_is_found(step: str, dtype: Any) -> None:
    exact = Fraction(step)
    counts = np.random.default_rng(1).integers(-300, 900, 200)
    values = np.array([float(int(count) * exact) for count in counts], dtype)
    steps = Steps.find(values.astype(np.float64), np.dtype(dtype))
    assert steps is not None
    assert steps.step == float(exact)
    between = np.random.default_rng(2).uniform(values.min(), values.max(), 500)
    nearest = [float(round(Fraction(float(v)) / exact) * exact) for v in between]
    assert steps.nearest(between).tolist() == nearest


def test_values_on_a_grid_with_an_offset_keep_it() -> None:
    prices = RNG.integers(0, 400, 100) + 0.99
    steps = Steps.find(prices, FLOAT)
    assert steps is not None
    assert steps.step == 1
    assert steps.nearest(np.array([7.2, 7.6])).tolist() == [6.99, 7.99]


def test_rounding_errors_of_products_disappear() -> None:
    values = np.arange(50) * 0.1  # 0.30000000000000004 is one of them
    steps = Steps.find(values, FLOAT)
    assert steps is not None
    assert steps.nearest(values).tolist() == [i / 10 for i in range(50)]


@pytest.mark.parametrize("n", [3, 9, 10, 12, 30, 500])
@pytest.mark.parametrize(
    "dtype, scale",
    [
        (np.float16, 1.0),
        *((d, 10.0**e) for d in (np.float64, np.float32) for e in (-6, -3, 0, 7, 12)),
    ],
)
def test_continuous_numbers_have_no_step(n: int, dtype: Any, scale: float) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        for values in (rng.normal(size=n), rng.random(n) + 5, rng.exponential(size=n)):
            numbers = (values * scale).astype(dtype).astype(np.float64)
            assert Steps.find(numbers, np.dtype(dtype)) is None


@pytest.mark.parametrize("centre, spread", [(1e7, 1e-4), (1.7e9, 1.0), (1e15, 100.0)])
def test_narrow_continuous_numbers_have_no_step(centre: float, spread: float) -> None:
    values = centre + spread * np.random.default_rng(0).normal(size=400)
    assert Steps.find(values, FLOAT) is None


@pytest.mark.parametrize(
    "values",
    [[1.0, 7, 9], [2.0] * 50, [0.0] * 20, [*range(40), 0.123456789012], [*np.pi * np.arange(20)]],
    ids=["few", "constant", "zeros", "one odd value", "multiples of pi"],
)
def test_too_little_evidence_gives_no_step(values: list[float]) -> None:
    assert Steps.find(np.array(values, float), FLOAT) is None


def test_whole_numbers_have_a_step_of_one_or_more() -> None:
    whole = np.dtype(np.int64)
    assert Steps.find(np.array([5.0]), whole) == Steps(5, 1)
    assert Steps.find(np.array([5.0, 8.0]), whole) == Steps(5, 1)  # two values show no step
    assert Steps.find(np.arange(0, 200_000, 1000.0), whole) == Steps(0, 1000)


FORMS: dict[str, Any] = {
    "frame": lambda x: pd.DataFrame({"x": x}),
    "float32 frame": lambda x: pd.DataFrame({"x": x.astype(np.float32)}),
    "nullable": lambda x: pd.DataFrame({"x": pd.array(x, dtype="Float64")}),
    "arrow": lambda x: pd.DataFrame({"x": pd.array(x, dtype="double[pyarrow]")}),
    "array": lambda x: x[:, None],
    "float32 array": lambda x: x[:, None].astype(np.float32),
    "tensor": lambda x: torch.tensor(x[:, None], dtype=torch.float32),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per", [1, 2, 10, 100])
def test_decoded_numbers_are_on_the_step(form: str, per: int) -> None:
    counts = np.random.default_rng(3).integers(0, 5000, 300)
    X = FORMS[form](counts / per)
    codec, rows = TableCodec.fit(X)
    again = TableCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert list(again.steps.values()) == [1 / per]
    wild = torch.randn(400, *codec.shape, generator=torch.Generator().manual_seed(0))
    decoded = np.asarray(again.decode(wild)).ravel()
    on_grid = (np.rint(decoded.astype(float) * per) / per).astype(decoded.dtype)
    assert len(set(decoded)) > 100
    np.testing.assert_array_equal(decoded, on_grid)
    np.testing.assert_array_equal(np.asarray(again.decode(rows)), np.asarray(X))


def test_missing_values_do_not_hide_the_step() -> None:
    X = pd.DataFrame({"age": [float(i % 70) if i % 9 else np.nan for i in range(400)]})
    codec, rows = TableCodec.fit(X)
    assert codec.steps == {"age": 1.0}
    pd.testing.assert_frame_equal(codec.decode(rows), X)


def test_continuous_columns_have_no_step() -> None:
    X = pd.DataFrame(
        {"price": RNG.integers(0, 9999, 300) / 100, "n": RNG.integers(0, 50, 300) * 10}
    )
    assert TableCodec.fit(X)[0].steps == {"price": 0.01, "n": 10.0}
    codec, _ = TableCodec.fit(X, {"price": "continuous", "n": "continuous"})
    assert codec.steps == {"n": 1.0}  # whole by its dtype
    wild = codec.decode(torch.randn(200, *codec.shape))
    assert (wild["price"].mul(100) % 1 > 1e-6).mean() > 0.9


@given(st.lists(st.integers(-(2**40), 2**40), min_size=10, max_size=40, unique=True))
def test_values_on_a_step_stay_where_they_are(counts: list[int]) -> None:
    values = np.array(counts) / 100
    steps = Steps.find(values, FLOAT)
    assert steps is None or np.array_equal(steps.nearest(values), values)


@pytest.mark.parametrize(
    "change", [{"size": 0}, {"per": -1}, {"first": 0.5}, {"first": 2**60}, {"per": None}, {"a": 1}]
)
def test_damaged_records_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises((InputError, TypeError)):
        Steps.from_json(Steps(0, 1).to_json() | change)
