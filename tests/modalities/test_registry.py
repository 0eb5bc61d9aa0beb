"""The choice of a modality for rows, and codecs by the name of their modality."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import ArchiveError, InputError
from gen_augment.modalities import (
    Image,
    Table,
    codec_from_json,
    codec_to_json,
    find_modality,
    get_modality,
    modality_from_json,
    modality_to_json,
    register,
    registered,
)


@pytest.mark.parametrize(
    "X, expected",
    [
        (np.zeros((4, 3)), Table),
        (np.zeros((4, 9, 9), np.uint8), Image),
        (pd.DataFrame({"a": [1]}), Table),
    ],
)
def test_the_only_certain_reading_is_chosen(X: Any, expected: type) -> None:
    assert type(find_modality(X)) is expected
    assert type(find_modality(X, "table")) is Table  # the user's choice wins


@pytest.mark.parametrize(
    "X, message",
    [
        (
            np.zeros((10, 100, 12)),
            r"3 dimensions, shape \(10, 100, 12\) and float64.*say modality=",
        ),
        (np.zeros((2, 5000)), 'more than one way: say modality="audio" or .*modality="table"'),
        (np.zeros((2, 2, 2, 2, 2)), "X is a ndarray of 5 dimensions"),
        (["a", "b"], 'X is a list of str, .*say modality="text"'),
        (object(), "X is a object: give images"),
    ],
)
def test_uncertain_rows_are_described(X: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_modality(X)


def test_names_are_unique() -> None:
    assert {"table", "image"} <= set(registered())
    table = Table(types={"a": "category"})
    assert get_modality(table) is table
    assert register(Table) is Table

    class Other(Table):
        name = "table"

    with pytest.raises(InputError, match="called 'table' is registered: Table"):
        register(Other)
    with pytest.raises(InputError, match=r"modality='smell' is not known: give one of .*'image'"):
        get_modality("smell")


@pytest.mark.parametrize("modality", [None, "table", Table(types={0: "category"}), Image()])
def test_modalities_come_back_from_json(modality: Any) -> None:
    found = modality_from_json(modality_to_json(modality))
    if modality is None:
        assert found is None
    else:
        assert found is not None
        assert found.name == get_modality(modality).name
        assert found.options() == get_modality(modality).options()


def test_codecs_come_back_by_the_name_of_their_modality() -> None:
    X = np.arange(12.0).reshape(6, 2)
    codec, rows = Table().fit(X)
    record = codec_to_json(codec)
    assert record["modality"] == "table"
    assert np.array_equal(codec_from_json(record).encode(X).numpy(), rows.numpy())
    with pytest.raises(ArchiveError, match="modality 'smell'; known: "):
        codec_from_json(record | {"modality": "smell"})
    with pytest.raises(ArchiveError, match="table codec is damaged"):
        codec_from_json({"modality": "table"})
