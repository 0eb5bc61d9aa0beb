"""Numbers, settings and names of arms as text."""

from typing import Any

import pytest

from gen_augment.study.report.wording import as_number, as_words, breakable


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("vae:share=0.25+randaugment", ["vae:", "share=0.25+", "randaugment"]),
        ("interval -14.88 to +7.76, <b>", ["interval -14.88 to +7.76, &lt;b&gt;"]),
        ("gan@30", ["gan@30"]),
    ],
)
def test_lines_break_between_the_steps_of_an_arm_only(text: str, pieces: list[str]) -> None:
    assert breakable(text).split("<wbr>") == pieces


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((0.12345,), "0.12"),
        ((-0.0004, 3), "0.000"),
        ((0.12345, 1, 100), "12.3"),
        ((0.5, 1, 1, True), "+0.5"),
        ((-0.04, 1, 1, True), "-0.0"),
        ((None,), "–"),
        ((float("nan"),), "–"),
        ((float("inf"),), "–"),
    ],
)
def test_numbers_are_rounded_and_missing_ones_are_dashes(arguments: Any, expected: str) -> None:
    assert as_number(*arguments) == expected


def test_settings_become_words() -> None:
    settings = {"flow": {"lr": 0.1, "width": None, "steps": [1, 2]}, "none": None, "n": 3}
    assert as_words(settings) == "flow: lr=0.1, steps=1, 2; n: 3"
