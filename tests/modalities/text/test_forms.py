"""Containers of texts are read, refilled and described in JSON exactly."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.data import Rows
from gen_augment.modalities.text.forms import TextForm, read_texts

TEXTS = ["Where is it?", "\u0645\u0631\u062d\u0628\u0627", "", " "]
CONTAINERS = {
    "list": TEXTS,
    "strings": np.array(TEXTS),
    "objects": np.array(TEXTS, dtype=object),
    "variable": np.array(TEXTS, dtype=np.dtypes.StringDType()),
    "series": pd.Series(TEXTS, name="query", dtype="string"),
    "unnamed": pd.Series(TEXTS, dtype=object),
    "categories": pd.Series(TEXTS, dtype="category"),
    "frame": pd.DataFrame({3: TEXTS}),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_other_texts_get_the_container_that_was_read(name: str) -> None:
    """The reference is the container. For categories, new texts only have its dtype."""
    X: Any = CONTAINERS[name]
    assert read_texts(X) == TEXTS
    form = TextForm.of(X)
    assert TextForm.from_json(json.loads(json.dumps(form.to_json()))) == form
    new = form.fill(["new", "words"])
    assert read_texts(new) == ["new", "words"]
    assert type(new) is type(X)
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(form.fill(TEXTS), X)
    elif name == "categories":
        assert new.dtype == X.cat.categories.dtype
    elif isinstance(X, pd.Series):
        pd.testing.assert_series_equal(form.fill(TEXTS), X)
    elif name != "list":
        assert new.dtype.kind == X.dtype.kind


def test_polars_comes_back() -> None:
    polars = pytest.importorskip("polars")
    for X in (polars.DataFrame({"query": TEXTS}), polars.Series("query", TEXTS)):
        form = TextForm.of(X)
        back = TextForm.from_json(form.to_json()).fill(read_texts(X))
        assert type(back) is type(X)
        assert back.equals(X)


@pytest.mark.parametrize("name", [("a", "b"), 1.5, True, pd.Timestamp("2024-01-01")])
def test_a_name_that_could_not_be_saved_is_refused(name: Any) -> None:
    for X in (pd.Series(TEXTS, name=name), pd.DataFrame(TEXTS, columns=pd.Index([name]))):
        with pytest.raises(InputError, match=r"X has the name .*: rename it to a string"):
            TextForm.of(X)


@pytest.mark.parametrize(
    "change",
    [{"container": "tensor"}, {"library": "dask"}, {"name": 1.5}, {"dtype": "int64"}],
    ids=str,
)
def test_a_damaged_description_is_refused(change: dict[str, Any]) -> None:
    record = TextForm.of(CONTAINERS["series"]).to_json()
    with pytest.raises((InputError, ValueError, TypeError)):
        TextForm.from_json(record | change)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a", None], "row 1 of X is None, not a string: leave"),
        ([np.nan, "a"], "row 0 of X is nan, not a string: leave"),
        (pd.Series(["a", pd.NA], dtype="string"), "row 1 of X is <NA>"),
        ([b"a", b"b"], "row 0 of X is b'a', not a string: decode"),
        (["a", 3], "row 1 of X is 3, not a string: convert"),
        (["a", "\ud83d"], "row 1 of X, .* half of a surrogate pair"),
        (np.array([["a"], ["b"]]), r"shape \(2, 1\)"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), r"columns \['a', 'b'\].*X\['a'\]"),
        (np.eye(2), r"shape \(2, 2\)"),
    ],
)
def test_bad_rows_are_named(rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rows.read(rows, [0, 1][: len(rows)], modality="text").codec  # noqa: B018


def test_long_rows_are_shortened_in_errors() -> None:
    with pytest.raises(InputError, match=r"^row 1 of X, 'x{59}\.\.\., holds half") as caught:
        read_texts(["a", "x" * 1000 + "\ud83d"])
    assert "text.encode" in str(caught.value)
    for X in (pd.DataFrame(index=[0, 1]), 3):
        with pytest.raises(InputError, match="one column"):
            read_texts(X)
