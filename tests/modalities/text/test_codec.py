"""Texts survive encoding, packing and JSON exactly, in every container."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.data import Rows
from gen_augment.modalities import Text, TextCodec, codec_from_json, codec_to_json

#: Everything that Python's strings hold, but halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
X = ["Where is it?", "مرحبا", "e\u0301té 👩‍👩‍👧", "a\x00b\x00", "", " \n"]
FORMS = {
    "list": X,
    "tuple": tuple(X),
    "objects": np.array(X, dtype=object),
    "strings": np.array([*X[:3], "a\x00b", *X[4:]]),  # NumPy drops NUL at the end
    "series": pd.Series(X, name="query"),
    "string": pd.Series(X, dtype="string"),
    "object series": pd.Series(X, dtype=object),
    "frame": pd.DataFrame({"query": X}),
}


@given(st.lists(TEXT, min_size=1, max_size=5).filter(lambda rows: any(map(str.strip, rows))))
def test_any_text_comes_back(rows: list[str]) -> None:
    codec, encoded = TextCodec.fit(rows)
    assert encoded.shape == (len(rows), 1, codec.n_bytes)
    assert float(encoded.abs().max()) <= 1
    assert codec.decode(encoded) == rows
    assert codec.unpack(codec.pack(rows)) == rows


@given(TEXT, st.integers(1, 40))
def test_cut_texts_fit_and_are_a_beginning(text: str, n_bytes: int) -> None:
    cut = TextCodec(n_bytes).cut(text)
    assert text.startswith(cut)
    assert len(cut.encode()) <= n_bytes
    longer = text[: len(cut) + 1]
    assert longer == cut or len(longer.encode()) > n_bytes


@pytest.mark.parametrize("form", FORMS)
def test_texts_keep_their_form(form: str) -> None:
    given: Any = FORMS[form]
    codec, encoded = Text().fit(given)
    again = codec_from_json(json.loads(json.dumps(codec_to_json(codec))))
    assert again == codec
    back = again.decode(encoded)
    assert type(back) is (list if form == "tuple" else type(given))
    if isinstance(given, pd.DataFrame):
        pd.testing.assert_frame_equal(back, given)
    elif isinstance(given, pd.Series):
        pd.testing.assert_series_equal(back, given)
    else:
        assert list(back) == list(given)
        assert getattr(back, "dtype", None) == getattr(given, "dtype", None)


def test_longer_rows_are_cut_by_encode_and_refused_by_pack() -> None:
    codec, _ = TextCodec.fit(["a" * 9])
    assert codec.n_bytes == 32
    assert codec.decode(codec.encode(["é" * 20])) == ["é" * 16]
    for refuse in (codec.pack, codec.check_known):
        with pytest.raises(InputError, match="row 1 of X has 40 bytes"):
            refuse(["a", "é" * 20])


def test_anything_decodes_to_text() -> None:
    codec, encoded = TextCodec.fit(X)
    rows = codec.decode(torch.randn(50, *encoded.shape[1:]) * 2)
    assert all(isinstance(row, str) for row in rows)
    assert all(len(row.encode()) <= codec.n_bytes for row in rows)


def test_rows_that_are_all_blank_are_refused() -> None:
    with pytest.raises(InputError, match="other than blanks"):
        Rows.read(["", " \n"], [0, 1], modality="text").codec  # noqa: B018


def test_one_very_long_row_among_many_is_named() -> None:
    with pytest.raises(InputError, match="row 7 of X has 100,000 characters"):
        TextCodec.fit(["short"] * 7 + ["x" * 100_000] + ["short"] * 9000)


@pytest.mark.parametrize(
    "change",
    [{"n_bytes": 0}, {"n_bytes": "9"}, {"form": {"container": "tensor"}}, {"options": {"a": 1}}],
)
def test_a_damaged_record_is_refused(change: dict[str, Any]) -> None:
    record = codec_to_json(TextCodec.fit(X)[0])
    with pytest.raises(Exception, match="damaged"):
        codec_from_json(record | change)
