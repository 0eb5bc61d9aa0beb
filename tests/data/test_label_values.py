"""Labels as plain values: members of enums, and labels that are refused."""

import json
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment import InputError
from gen_augment.data import LabelCodec


def through_json(codec: LabelCodec) -> LabelCodec:
    return LabelCodec.from_json(json.loads(json.dumps(codec.to_json())))


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
    # An archive stores values, which are equal to their members.
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
