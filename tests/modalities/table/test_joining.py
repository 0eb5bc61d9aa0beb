"""Encodings of tables that were fitted apart, as one."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment.errors import InputError
from gen_augment.modalities.table.codec import TableCodec


def joined(*frames: Any) -> TableCodec:
    first, *others = (TableCodec.fit(frame)[0] for frame in frames)
    return first.joined(others)


def test_all_values_of_both_tables_come_back() -> None:
    rng = np.random.default_rng(0)
    n = 200

    def table(low: float, names: list[Any], start: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "price": np.round(rng.gamma(2, 10, n) + low, 2),
                "count": rng.integers(low, low + 9, n),
                "city": pd.Series(rng.choice(np.array(names, object), n), dtype=object),
                "kind": pd.Categorical(rng.choice(names, n)),
                "flag": rng.random(n) < 0.5,
                "day": pd.Timestamp(start) + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
                "visits": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            }
        )

    frames = table(0, ["a", "b"], "2001-01-01"), table(500, ["b", "c", "d"], "2020-06-01")
    codec = joined(*frames)
    for frame in frames:
        same = codec.adopted(frame)
        codec.check_known(same)
        again = codec.decode(codec.encode(same))
        assert again["kind"].dtype == pd.CategoricalDtype(["a", "b", "c", "d"])
        pd.testing.assert_frame_equal(again, same, check_exact=False, atol=2e-3)
    assert codec.steps["count"] == 1


def test_arrays_keep_their_form() -> None:
    X = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    codec = joined(X, X + 100)
    rows = codec.decode(codec.encode(X + 100))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, X + 100, atol=1e-3)


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        ({"a": [1, 2]}, {"a": [1.0, 2.0]}, "column 'a' is int64"),
        ({"a": [1.0, 2.0]}, {"a": ["x", "y"]}, "column 'a' is float64"),
        ({"a": [1.0, 2.0], "n": [1, 2]}, {"a": [1.0, 2.0]}, "sampler 1 has no column 'n'.*Int64"),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.0], "t": [True, False]}, "sampler 0 has no column 't'.*boolean"),
        (
            {"a": pd.Categorical(["x", "y"], ordered=True)},
            {"a": pd.Categorical(["x", "z"], ordered=True)},
            "column 'a' is category",
        ),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_joined(one: Any, two: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        joined(pd.DataFrame(one), pd.DataFrame(two))


def test_a_category_for_one_and_a_number_for_the_other() -> None:
    frame = pd.DataFrame({"zip": [1, 2, 3]})
    first, second = TableCodec.fit(frame, {"zip": "category"})[0], TableCodec.fit(frame)[0]
    with pytest.raises(InputError, match="'zip' is a category for one sampler"):
        first.joined([second])


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    one = polars.DataFrame({"a": [1.0, 2.5, 3.0], "city": ["x", "y", "x"]})
    two = polars.DataFrame({"a": [7.0, 8.0, 9.5], "dose": [0.5, 1.0, 2.0]})
    codec = joined(one, two)
    rows = codec.decode(codec.encode(codec.adopted(two)))
    assert isinstance(rows, polars.DataFrame)
    assert rows["city"].is_null().all()
