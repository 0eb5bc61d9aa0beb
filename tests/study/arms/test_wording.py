"""Arms in words."""

import pytest

from gen_augment.study.arms import describe_arm, parse_arm
from tests.study.toys import (
    Copies,
)


@pytest.mark.parametrize(
    "name, words",
    [
        ("oversample+shift", "rows of small classes repeated until classes are equal; batches"),
        ("gan:2:prior:agreement", "2 per real row, with the class shares of the real rows, that"),
        ("gan:vary=0.5:guidance=2", "new versions of real rows of gan (Copies), enough"),
        ("gan:vary=0.25/0.5", "at strengths 0.25 and 0.5"),
        ("gan:1:soft+logit", "with labels predicted by a network trained on the real rows; logits"),
        ("gan:pretrain", "used alone for the first half of the steps"),
        ("gan:1:shuffled", "labels of the synthetic rows are shuffled (a control"),
    ],
)
def test_arms_are_described_in_words(name: str, words: str) -> None:
    assert words in describe_arm(parse_arm(name, {"gan": Copies()}))
