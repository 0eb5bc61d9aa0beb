"""Labels as plain values: members of enums, and labels that are refused."""

import json
from enum import Enum, IntEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gen_augment import InputError
from gen_augment.data import LabelCodec
from gen_augment.data.label_values import read_labels


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


FORMS = {
    "list": list,
    "objects": lambda y: np.array(y, dtype=object),
    "strings": lambda y: pd.Series(y, dtype="str"),
    "object series": lambda y: pd.Series(y, dtype=object),
    "category": lambda y: pd.Series(y, dtype="category"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(st.lists(st.sampled_from(["a", "b", "é", "longer", "nul\0", None]), min_size=1))
def test_strings_are_read_as_numpy_does_or_refused_with_their_row(form: Any, y: list[Any]) -> None:
    bad = [row for row, label in enumerate(y) if label is None]
    bad = bad or [row for row, label in enumerate(y) if label.endswith("\0")]
    if bad:
        with pytest.raises(InputError, match=rf"row {bad[0]}\b"):
            LabelCodec.fit(form(y))
    else:
        np.testing.assert_array_equal(read_labels(form(y)), np.array(y))
