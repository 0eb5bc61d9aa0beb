"""Studies as `gen-augment study` configures them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.cli.studying import apart, choose_samplers, minutes, place, read_sizes
from gen_augment.data import Rows
from gen_augment.samplers import SAMPLERS
from tests.conftest import toy_images, toy_table


@pytest.mark.parametrize(
    "text, expected", [("20m", 20), ("1.5h", 90), ("90s", 1.5), ("7", 7), ("0.5", 0.5)]
)
def test_times_are_read_as_minutes(text: str, expected: float) -> None:
    assert minutes(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "m", "2d", "soon", "1h30"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--budget '.*': give a time such as 20m, 1\.5h or 90s"):
        minutes(text)


def test_sizes_are_whole_numbers() -> None:
    assert read_sizes("10, 30,100") == [10, 30, 100]
    assert read_sizes(None) == read_sizes("") == []
    with pytest.raises(InputError, match="--sizes '10,many': give rows of each class"):
        read_sizes("10,many")


def test_a_column_of_groups_is_taken_out() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "who": ["a", "b"]})
    rest, groups = apart(Rows.read(frame, [0, 1]), "who")
    assert list(rest.X.columns) == ["x"]
    assert groups.tolist() == ["a", "b"]
    with pytest.raises(InputError, match="'id': there is no such column; columns: x, who"):
        apart(Rows.read(frame, [0, 1]), "id")
    with pytest.raises(InputError, match="image rows have no columns"):
        apart(Rows.read(*toy_images()), "id")


def test_samplers_are_those_of_the_default_arms_or_all() -> None:
    where = place("cpu", None)
    table, images = Rows.read(*toy_table()), Rows.read(*toy_images())

    def names(rows: Rows, arms: list[str] | None, *given: str, search: bool = False) -> list[str]:
        path = Path("x") if search else None
        return list(choose_samplers(rows, arms, given, 9, where, path))

    assert names(images, None) == ["flow", "gan", "vae"]
    assert names(table, None) == ["flow", "gan", "vae", "kde", "mixture"]
    assert names(table, None, "gan") == ["gan"]
    assert names(table, ["real"])[0] in SAMPLERS
    assert names(table, ["real", "vae:0.5+shift"], search=True) == ["vae"]
    made = choose_samplers(table, None, ["vae", "kde"], 9, where, None)
    assert (made["vae"].max_steps, made["vae"].device) == (9, "cpu")


def test_a_precision_that_does_not_exist_is_found_before_the_study() -> None:
    assert place("cpu", "32-true") == {"device": "cpu", "precision": "32-true"}
    with pytest.raises(InputError, match="precision"):
        choose_samplers(
            Rows.read(np.eye(4), [0, 1, 0, 1]), None, ["vae"], None, place("cpu", "8-true"), None
        )
