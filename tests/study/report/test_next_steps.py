"""What a report tells its reader to do."""

from email.message import Message

import pytest

from gen_augment.study.report import next_steps as module
from gen_augment.study.report.next_steps import guide_url, next_steps
from tests.study.results import REAL, Rows, make_result, redesigned, rows


@pytest.mark.parametrize(
    "arms, words",
    [
        ({"real": REAL, "gan": rows(0.8, 0.75, 0.78, 0.76, 0.74)}, "Train as gan does"),
        ({"real": REAL, "gan": rows(0.8, 0.65, 0.66, 0.66, 0.64)}, "Train as real does"),
        ({"real": REAL, "gan": rows(0.8, 0.72, 0.71, 0.71, 0.72)}, "Train as real does"),
        ({"real": REAL[:2], "gan": REAL[:2]}, "n_seeds=5"),
        ({"real": REAL}, "failed trials"),
    ],
    ids=["helped", "hurt", "no evidence", "too few seeds", "no arm"],
)
def test_each_outcome_has_a_step(arms: Rows, words: str) -> None:
    assert words in next_steps(make_result(arms))[0]


def test_an_interim_report_asks_to_run_again() -> None:
    result = redesigned(make_result({"real": REAL, "gan": REAL}), interim=True)
    assert "same folder again" in next_steps(result)[0]


@pytest.mark.parametrize(
    "urls, expected",
    [
        ((), None),
        (("Source, https://example.org/code",), None),
        (
            ("Source, https://example.org/code", "Documentation, https://example.org/docs/"),
            "https://example.org/docs/does-it-help.html",
        ),
    ],
)
def test_the_guide_is_where_the_package_says(
    monkeypatch: pytest.MonkeyPatch, urls: tuple[str, ...], expected: str | None
) -> None:
    described = Message()
    for url in urls:
        described["Project-URL"] = url
    monkeypatch.setattr(module, "metadata", lambda name: described)
    assert guide_url() == expected
