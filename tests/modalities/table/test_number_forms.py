"""Numbers in the forms of files: what is read is written again."""

import re

import pandas as pd
import pyarrow
import pyarrow.compute
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment.modalities.table import number_forms
from gen_augment.modalities.table.number_forms import FORMATTED, NumberForm, find_form, without_unit


def strings(values: list[str]) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")


FORMS = ["$#,0.00", "0%", "0.#%", "+0.0", "#.0 €", "CHF #'0.00", "# 0.000 kg", "£0"]


@given(
    st.sampled_from(FORMS),
    st.lists(st.integers(-(10**9), 10**9), min_size=2, unique=True),
)
def test_numbers_are_written_and_read(reading: str, whole: list[int]) -> None:
    form = NumberForm.of(reading)
    assert form is not None
    assert form.reading == reading
    decimal = "," if form.mark == "." else "."
    scale = 10 ** (3 if form.places is None else form.places)
    text = strings([form.written(value / scale, decimal) for value in whole])
    back = form.plain(text, decimal).astype(float)
    assert back.tolist() == [value / scale for value in whole]


@pytest.mark.parametrize("reading", FORMS)
def test_a_form_is_found(reading: str) -> None:
    form = NumberForm.of(reading)
    assert form is not None
    decimal = "," if form.mark == "." else "."
    per = 8 if form.places is None else 10**form.places
    text = strings([form.written(n / per, decimal) for n in (-1234567, -15, 10, 99999, 7)])
    assert find_form(text, decimal) == form


@pytest.mark.parametrize("reading", ["whole", "number", "decimal", "text", "%d.%m.%Y", "ISO8601"])
def test_other_readings_are_no_forms(reading: str) -> None:
    assert NumberForm.of(reading) is None


def test_units_are_removed_where_all_are_numbers() -> None:
    assert without_unit(strings(["5 €", "7,5 €"])).tolist() == ["5", "7,5"]
    assert without_unit(strings(["5 €", "many"])).tolist() == ["5 €", "many"]


@pytest.mark.parametrize("pattern", [FORMATTED, number_forms._PARTS])
def test_pandas_may_give_the_patterns_to_pyarrow(pattern: str) -> None:
    """Text columns of pandas 3 are arrays of pyarrow, whose RE2 has another syntax than re."""
    texts = ["12 kg", "12\u00a0kg", "1\u202f234", "1’234.50", "-$1,234.50", "$\u00a05", "x", ""]
    found = pyarrow.compute.match_substring_regex(pyarrow.array(texts), f"^(?:{pattern})$")
    assert found.to_pylist() == [bool(re.fullmatch(pattern, text, re.ASCII)) for text in texts]
    assert found.to_pylist()[:6] == [True] * 6
