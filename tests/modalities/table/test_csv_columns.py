"""Columns of strings: how they are read and written."""

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.modalities.table.csv_columns import convert, settle, uses_comma, written

EMPTY = frozenset([""])


def read(values: list[str], wanted: str | None = None, decimal: str = ".") -> tuple[str, list[str]]:
    """Return a column as it is read, and as it is written again."""
    column = pd.Series(values, dtype="str")
    settled = settle(column.unique(), "x", wanted, EMPTY, decimal)
    made = convert(column, settled, decimal)
    word = next((value for value in values if value in settled.missing), "")
    again = written(made, settled.reading, decimal, word)
    text = pd.DataFrame({"x": again, "end": 0}).to_csv(index=False, header=False)
    return settled.reading, [line.removesuffix(",0") for line in text.splitlines()]


@pytest.mark.parametrize(
    "values, reading",
    [
        (["1", "-20", "300"], "whole"),
        (["1", "", "300"], "whole"),
        (["1", "NA", "300"], "whole"),
        (["-", "5", "-"], "whole"),
        (["18", "18.5"], "number"),
        (["0.25", "1e-05"], "number"),
        (["18.0", "20.0", "2.5"], "decimal"),
        (["9.90", "104.70", "", "-0.25"], "0.00"),
        (["1.000", "2.125"], "0.000"),
        (["9.99", "104.7"], "number"),
        (["$1200.50", "$990.00"], "$0.00"),
        (["$1,234", "-$990"], "$#,0"),
        (["53%", "7%", ""], "0%"),
        (["1,234.5", "12"], "#,0.#"),
        (["3,598,509", "879,573"], "#,0"),
        (["1 234 567", "12 000"], "# 0"),
        (["USD 5", "USD 1000"], "USD 0"),
        (["5 kg", "12 kg"], "0 kg"),
        (["+0.25", "-1.50", "0.00"], "+0.00"),
        (["5 kg", "3 lb"], "text"),
        (["123 456", "987 654"], "text"),
        (["+47", "+1"], "text"),
        (["007 kg", "5 kg"], "text"),
        (["0150", "9000"], "text"),
        (["+47 22", "+1 30"], "text"),
        (["01", "02"], "text"),
        (["00", "1"], "text"),
        (["12345678901234567", "12345678901234568"], "text"),
        (["NO", "NA", "SE"], "text"),
        (["None", "Street"], "text"),
        (["None", "NA"], "text"),
        (["True", "False"], "flag"),
        (["True", ""], "text"),
        (["true", "false"], "text"),
        (["", ""], "empty"),
        (["2024-01-02", ""], "%Y-%m-%d"),
        (["2024-01-02T03:04", "2023-12-31T00:00"], "%Y-%m-%dT%H:%M"),
        (["01.02.2024", "31.12.2023"], "%d.%m.%Y"),
        (["31/12/2023 10:20:30", "01/02/2024 00:00:00"], "%d/%m/%Y %H:%M:%S"),
        (["12/31/2023", "01/02/2024"], "%m/%d/%Y"),
        (["01/02/2024", "03/04/2024"], "text"),
        (["2024-13-45", "2024-01-02"], "text"),
        (["2024-01-02T03:04:05Z", "2023-12-31T00:00:00Z"], "%Y-%m-%dT%H:%M:%SZ"),
        (["2024-01-02 03:04 PM", "2023-12-31 12:00 AM"], "%Y-%m-%d %I:%M %p"),
        (["05 Feb 2020", "28 Jan 2021"], "%d %b %Y"),
        (["February 05, 2020", "May 28, 2021"], "%B %d, %Y"),
        (["23.09.20", "01.02.21"], "%d.%m.%y"),
        (["05-Feb-20", "28-Jan-21"], "%d-%b-%y"),
        (["5 Feb 2020", "28 Jan 2021"], "%-d %b %Y"),
        (["3.9.2020 10:20", "13.12.2020 09:00"], "%-d.%-m.%Y %H:%M"),
        (["3.09.2020", "13.12.2020"], "%-d.%m.%Y"),
        (["2020/1/5", "2020/1/25"], "%Y/%-m/%-d"),
        ([f"202401{day}" for day in range(10, 32)], "%Y%m%d"),
        (["20240110", "20240111"], "whole"),
        ([str(20240101 + day) for day in range(40)], "whole"),
        (["0.5", "#DIV/0!"], "number"),
        (["1", "one"], "text"),
    ],
)
def test_columns_are_written_as_they_were_read(values: list[str], reading: str) -> None:
    found, text = read(values)
    assert (found, [value.strip('"') for value in text]) == (reading, values)


@pytest.mark.parametrize(
    "values, reading",
    [
        (["1,50", "20,25"], "0.00"),
        (["1,5", "2"], "number"),
        (["-0,25", "-"], "number"),
        (["1.234,5", "7"], "#.0.#"),
        (["1.234,50 €", "7,00 €"], "#.0.00 €"),
        (["1.234", "7"], "text"),
    ],
)
def test_a_decimal_comma_comes_back(values: list[str], reading: str) -> None:
    found, text = read(values, decimal=",")
    assert (found, [value.strip('"') for value in text]) == (reading, values)


def test_types_and_values_are_those_of_pandas() -> None:
    numbers = np.random.default_rng(0).normal(size=50).round(6)
    text = pd.Series([repr(float(value)) for value in numbers], dtype="str")
    settled = settle(text.unique(), "x", None, EMPTY, ".")
    np.testing.assert_array_equal(convert(text, settled, "."), numbers)
    holes = pd.Series(["3", "", "4"], dtype="str")
    made = convert(holes, settle(holes.unique(), "x", None, EMPTY, "."), ".")
    pd.testing.assert_series_equal(made, pd.Series([3, None, 4], dtype="Int64"))


@pytest.mark.parametrize(
    "columns, comma",
    [
        ({"a": ["1,5", "2,25"]}, True),
        ({"a": ["0,125", "0,500"]}, True),
        ({"a": ["1.234,50", "7"]}, True),
        ({"a": ["12,50 €", "7 €"]}, True),
        ({"a": ["1,234.50", "7"]}, False),
        ({"a": ["1,234", "2,345"]}, False),
        ({"a": ["1,5", "2,5"], "b": ["1.5", "2"]}, False),
        ({"a": ["x,5", "1,5"]}, False),
        ({"a": ["1", "2"]}, False),
    ],
)
def test_a_decimal_comma_is_found_where_it_is_certain(
    columns: dict[str, list[str]], comma: bool
) -> None:
    assert uses_comma(pd.DataFrame(columns, dtype="str")) is comma


def test_the_user_chooses() -> None:
    assert read(["1", "2"], "text")[0] == "text"
    assert read(["NA", "2"], "number")[0] == "whole"
    assert read(["0150", "9000"], "number") == ("whole", ["150", "9000"])
    assert read(["1,234", "12"], "number") == ("#,0", ['"1,234"', "12"])
    assert read(["01/02/2024", "03/04/2024"], "%m/%d/%Y")[0] == "%m/%d/%Y"
    assert read(["31.12.2023", "?"], "date")[0] == "%d.%m.%Y"
    assert read(["3.9.2023", "31.12.2023"], "date") == ("%-d.%-m.%Y", ["3.9.2023", "31.12.2023"])
    assert read(["3.9.2023", "31.12.2023"], "%-d.%-m.%Y")[1] == ["3.9.2023", "31.12.2023"]
    assert read(["3.9.2023", "03.09.2023"], "date")[1] == ["03.09.2023"] * 2


@pytest.mark.parametrize(
    "values, wanted, message",
    [
        (["1", "tall"], "number", "column 'x' has 'tall', which is not a number"),
        (["soon", "2024"], "date", "column 'x' has 'soon', which is not a date"),
        (["31.12.2023"], "%m.%d.%Y", "column 'x' holds values that are not dates of the form"),
    ],
)
def test_a_choice_that_does_not_fit_is_named(values: list[str], wanted: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(values, wanted)


@pytest.mark.parametrize(
    "values, why",
    [
        (["0150", "9000"], "leading zero"),
        (["NA", "NO"], "'NA' is a value here; --na-values NA"),
        (["01/02/2024"], "--date COLUMN=%d/%m/%Y or %m/%d/%Y"),
        (["1,234"], "--decimal ,"),
        (["$5", "$7"], "numbers as $0; --category COLUMN keeps them"),
        (["10:30", "23:59"], "times of day"),
        (["5", "7", "11", "unknown"], "'unknown' is a value here; --na-values unknown"),
        (["12345678901234567"], "more than 15 digits"),
    ],
)
def test_doubts_are_explained(values: list[str], why: str) -> None:
    assert why in settle(pd.Series(values, dtype="str"), "x", None, EMPTY, ".").why
