"""Tables as named columns, with one kind of missing value each."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from gen_augment import BootstrapSampler, load_sampler
from gen_augment.modalities import find_modality


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_masked_values_are_missing(dtype: Any) -> None:
    plain = (np.arange(24) % 7).reshape(12, 2).astype(dtype)
    X = np.ma.masked_array(plain, mask=np.arange(24).reshape(12, 2) % 5 == 0)
    codec, rows = find_modality(X).fit(X)
    back = codec.decode(rows)
    np.testing.assert_array_equal(np.isnan(back), X.mask)
    np.testing.assert_allclose(back[~X.mask], plain[~X.mask], rtol=1e-6)
    again = codec.unpack(codec.pack(X))
    np.testing.assert_array_equal(np.isnan(again), X.mask)
    unmasked, _ = find_modality(np.ma.masked_array(plain)).fit(np.ma.masked_array(plain))
    assert unmasked.decode(unmasked.encode(plain)).dtype == dtype


NAN = float("nan")
FLOATS = pd.arrays.FloatingArray(np.array([0, NAN, 1.5, 2]), np.array([True, False, False, False]))


def _nulls(library: str) -> Any:
    return pytest.importorskip(library).DataFrame({"o": [None, NAN, 1.5, 2.0] * 9})


@pytest.mark.parametrize(
    "make, kinds",
    [
        (lambda: pd.DataFrame({"o": ["a", None, NAN, "b"] * 9}, dtype=object), {"None"}),
        (lambda: pd.DataFrame({"o": ["a", pd.NaT, None, "b"] * 9}, dtype=object), {"NaT"}),
        (lambda: pd.DataFrame({"o": [Decimal("NaN"), NAN, 1, 2] * 9}, dtype=object), {"nan"}),
        (lambda: pd.DataFrame({"o": FLOATS}).iloc[[0, 1, 2, 3] * 9], {"<NA>"}),
        (
            lambda: pd.DataFrame(
                {"o": pd.arrays.ArrowExtensionArray(pa.array([None, NAN, 1.5, 2.0] * 9))}
            ),
            {"<NA>"},
        ),
        (lambda: _nulls("polars"), {"None"}),
    ],
    ids=["None", "NaT", "decimals", "nullable", "arrow", "polars"],
)
@pytest.mark.filterwarnings("ignore:columns .* hold numbers in dtype object")
def test_kinds_of_missing_values_become_one(make: Any, kinds: set[str], tmp_path: Path) -> None:
    X, y = make(), [0, 1, 1, 0] * 9
    with pytest.warns(UserWarning, match=r"columns \['o'\] of X hold several kinds of missing"):
        sampler = BootstrapSampler(random_state=0).fit(X, y)
    sampler.save(tmp_path / "s.safetensors")
    again = load_sampler(tmp_path / "s.safetensors")
    for each in (sampler, again):
        values = each.sample(200)[0]["o"]
        shown = {str(v) for v in values if pd.isna(v)}
        assert shown == kinds
    rows, other = (each.generate(range(36), y) for each in (sampler, again))
    assert rows["o"].to_list() == other["o"].to_list() or rows.equals(other)


def test_one_kind_of_missing_value_is_left_alone() -> None:
    X = pd.DataFrame({"o": pd.Series(["a", NAN], dtype=object), "x": [1.0, NAN]})
    assert find_modality(X).gather(X) is X
