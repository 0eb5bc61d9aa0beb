"""Rows that meet conditions: exact counts, the conditional law, bounded work."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import BootstrapSampler, ExhaustedError, InputError
from gen_augment.modalities import TableCodec
from gen_augment.modalities.table import Table
from gen_augment.modalities.table.conditions import matcher
from tests.conftest import small_sampler, toy_images, toy_table
from tests.samplers.test_mixed import draw_mixed

X, Y = draw_mixed(400)
SAMPLER = BootstrapSampler(random_state=0).fit(X, Y)  # its distribution is that of the rows


@pytest.mark.parametrize(
    "where, check",
    [
        ({"kind": "a"}, lambda X: X["kind"] == "a"),
        ({"kind": ["a", "c"], "flag": True}, lambda X: X["kind"].isin(["a", "c"]) & X["flag"]),
        ({"x": (0, 1.5)}, lambda X: X["x"].between(0, 1.5)),
        ({"x": None}, lambda X: X["x"].isna()),
        ({"x": np.nan}, lambda X: X["x"].isna()),
        ({"x": [pd.NA, (2, 9)]}, lambda X: X["x"].isna() | X["x"].between(2, 9)),
        ({"x": [None, (2, 9)]}, lambda X: X["x"].isna() | X["x"].between(2, 9)),
        ({"count": 3}, lambda X: X["count"] == 3),
        (
            {"day": ("2024-02-01", "2024-02-20")},
            lambda X: X["day"].between("2024-02-01", "2024-02-20"),
        ),
        ({"day": "2024-02"}, lambda X: X["day"].dt.month == 2),
        ({"day": ("2024-02", "2024-03")}, lambda X: X["day"].dt.month.isin([2, 3])),
        ({"day": "2024"}, lambda X: X["day"].dt.year == 2024),
        (
            {"day": (pd.Timestamp("2024-03-01"), pd.Timestamp("2030-01-01"))},
            lambda X: X["day"] >= "2024-03-01",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_rows_meet_the_conditions_with_the_conditional_distribution(
    where: dict[str, Any], check: Any
) -> None:
    np.testing.assert_array_equal(matcher(TableCodec.fit(X)[0], where)(X), check(X))
    rows, labels = SAMPLER.sample(500, where=where, random_state=1)
    assert len(rows) == len(labels) == 500
    assert check(rows).all()
    expected = (Y[check(X)] == "yes").mean()  # not the share of the class among all rows
    assert abs((labels == "yes").mean() - expected) < 4 * np.sqrt(
        max(expected * (1 - expected), 0.01) / 500
    )


def test_counts_of_labels_are_exact() -> None:
    rows, labels = SAMPLER.sample(y={"yes": 7, "no": 30}, where={"kind": "c"}, random_state=3)
    assert labels.tolist() == ["yes"] * 7 + ["no"] * 30
    assert (rows["kind"] == "c").all()
    one_by_one = SAMPLER.sample(y=["no", "yes"] * 10, where={"kind": "c"}, random_state=3)
    assert one_by_one[1].tolist() == ["no", "yes"] * 10
    fewer = SAMPLER.sample(y={"no": 10}, where={"kind": "c"}, random_state=3)[0]
    pd.testing.assert_frame_equal(fewer, rows.iloc[7:17].reset_index(drop=True))


def test_an_int_repeats_rows_and_none_continues() -> None:
    sampler = BootstrapSampler(random_state=0).fit(X, Y)
    first, second = (sampler.sample(20, where={"flag": True})[0] for _ in range(2))
    both = sampler.sample(40, where={"flag": True}, random_state=0)[0]
    pd.testing.assert_frame_equal(pd.concat([first, second], ignore_index=True), both)


def test_networks_and_arrays_accept_conditions() -> None:
    rows, _ = small_sampler("vae").fit(*toy_table()).sample(30, where={0: (0, 5)}, random_state=0)
    assert ((rows[:, 0] >= 0) & (rows[:, 0] <= 5)).all()
    rows, _ = small_sampler("vae").fit(X, Y).sample(30, where={"kind": "b"}, random_state=0)
    assert (rows["kind"] == "b").all()


def test_work_is_bounded() -> None:
    where = {"kind": "a", "x": (1.0, 1.0001)}
    with pytest.raises(
        ExhaustedError, match=r"\d+ of 500 rows meet the conditions of where, and 50 are needed"
    ) as caught:
        SAMPLER.sample(50, where=where, max_draws=10)
    assert caught.value.drawn == 500
    assert caught.value.kept < 50
    with pytest.raises(ExhaustedError, match="label 'no'"):
        SAMPLER.sample(50, y="no", where=where, max_draws=10)


@pytest.mark.parametrize(
    "text, found",
    [
        ("1/3/2024..31/03/2024", ("2024-03-01T00:00:00", "2024-03-31T00:00:00")),
        ("..05/01/2024", (None, "2024-01-05T00:00:00")),
        ("2024-03-01..", ("2024-03-01", None)),
        ("2024-03", "2024-03"),
        ("32/01/2024", "32/01/2024"),  # which the column refuses
        ("", None),
    ],
)
def test_dates_of_a_file_are_written_in_its_form(text: str, found: Any) -> None:
    table = Table(file={"readings": {"day": "%-d/%m/%Y"}})
    codec, _ = table.fit(X)
    assert table.read_conditions(codec, [f"day={text}"]) == {"day": [found]}


@pytest.mark.parametrize(
    "where, message",
    [
        ({"country": "NO"}, r"a column 'country' that the table does not have; it has \['kind'"),
        ({"kind": "z"}, r"where\['kind'\]='z' was not seen in fit; known: \["),
        ({"kind": ["a", "z"]}, "'z' was not seen"),
        ({"kind": None}, "None was not seen"),
        ({"kind": []}, "allows no value"),
        ({"x": (50, 60)}, r"leaves nothing: -.* to .* was seen"),
        ({"x": (1, 0)}, "leaves nothing"),
        ({"x": "tall"}, "is not a value of float64"),
        ({"x": (1, 2, 3)}, "is not a value of float64"),
        ({"count": None}, "no value of that column was missing"),
        ({"day": ("1999-01-01", "2001-01-01")}, "leaves nothing: 2024-01-0"),
        ({"day": "2024-13"}, "is not a value of datetime64"),
        ({"day": "Tuesday"}, "is not a value of datetime64.*: write dates as 2024-03-01"),
        ({"day": ("01/02/2024", None)}, "is not a value of datetime64.*: write dates as"),
    ],
    ids=str,
)
def test_impossible_conditions_are_refused(where: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SAMPLER.sample(5, where=where)


def test_images_have_no_columns() -> None:
    with pytest.raises(InputError, match="needs columns, and image rows have none"):
        BootstrapSampler().fit(*toy_images()).sample(5, where={0: 1})
