"""Labels as plain values: members of enums, and labels that are refused."""

import json
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from gen_augment import InputError
from gen_augment.data import LabelCodec


def through_json(codec: LabelCodec) -> LabelCodec:
    return LabelCodec.from_json(json.loads(json.dumps(codec.to_json())))


BAD: dict[str, tuple[Any, str]] = {
    "NaN": ([1.0, 0.0, np.nan], "no label in row 2, but nan"),
    "NaN in an array": (np.array([1.0, 0.0, np.nan]), "y contains NaN .*row 2"),
    "inf": (np.array([1.0, np.inf]), "y contains infinity .*row 1"),
    "None": (["a", None], "no label in row 1, but None"),
    "NaN in a Series": (pd.Series(["a", "b", None]), "no label in row 2"),
    "NA": (pd.Series([1, None], dtype="Int64"), "row 1"),
    "missing category": (pd.Series(pd.Categorical(["a", None])), "no label in row 1"),
    "mixed list": ([1, "a"], r"1 \(row 0\) and 'a' \(row 1\)"),
    "mixed array": (np.array(["a", "b", 1], object), r"'a' \(row 0\) and 1 \(row 2\)"),
    "bools and ints": ([True, False, 2], r"True \(row 0\) and 2 \(row 2\)"),
    "2-D": (np.zeros((4, 2), int), r"\(4, 2\)"),
    "one-hot": (torch.eye(3), r"\(3, 3\)"),
    "one-hot rows": ([np.array([0, 1]), np.array([1, 0])], r"\(2, 2\)"),
    "ragged objects": (np.array([[1], [2, 3]], object), "one class label a row"),
    "ragged": ([[1], [2, 3]], "one class label a row"),
    "0-D": (5, "1d array"),
    "text": ("abc", "1d array"),
    "no y": (None, "1d array"),
    "empty": ([], "empty"),
    "measurements": (np.array([1.0, 2.0, 0.5]), r"row 2 has 0\.5"),
    "dates": (pd.Series(pd.to_datetime(["2020-01-01", "2021-01-01"])), "datetime64"),
    "bytes": (np.array([b"a", b"b"]), r"\|S1"),
    "complex": (np.array([1j, 2]), "[Cc]omplex"),
    "huge ints": ([10**30, 1], "dtype object"),
    "intervals": (pd.cut(pd.Series([1, 2, 3]), 2), "dtype object"),
}


class Mood(str, Enum):  # noqa: UP042
    GOOD = "fine"
    GREAT = "superb"
    BAD = "awful"


class Level(IntEnum):
    LOW = 3
    HIGH = 1


class Plain(Enum):
    A = "a"


@pytest.mark.parametrize("members", [list(Mood), list(Level)], ids=["str", "int"])
@pytest.mark.parametrize("container", ["list", "array", "series", "category"])
def test_enum_members_come_back(members: list[Any], container: str) -> None:
    labels = [members[i % len(members)] for i in range(7)]
    y: Any = labels
    if container != "list":
        y = np.array(labels, dtype=object)
    if container in ("series", "category"):
        y = pd.Series(y, dtype=object, name="mood")
    if container == "category":
        y = y.astype(pd.CategoricalDtype(pd.Index(members, dtype=object)))
    codec, codes = LabelCodec.fit(y)
    assert codec.classes.tolist() == sorted(member.value for member in members)
    back = codec.decode(codes)
    assert type(back) is type(y)
    assert all(a is b for a, b in zip(back, labels, strict=True))
    assert codec.encode(members[0]) == codec.encode(members[0].value)
    # An archive holds values, which compare as equal to their members.
    assert list(through_json(codec).decode(codes)) == labels


def test_enum_members_without_a_value_in_archives_are_refused() -> None:
    with pytest.raises(InputError, match=r"Plain.A.*label.value for label in y"):
        LabelCodec.fit([Plain.A, Plain.A])


@pytest.mark.parametrize(
    "y", [["a", "a\0"], [2**53 + 1, 1.0], np.array(["b\0", "a"], object)], ids=str
)
def test_labels_that_an_array_would_change_are_refused(y: Any) -> None:
    with pytest.raises(InputError, match="would become"):
        LabelCodec.fit(y)
