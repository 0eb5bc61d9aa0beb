"""The page of an audit, from tables made by hand."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gen_augment.auditing.figures import FIGURES
from gen_augment.auditing.page import MAX_COLUMNS, render
from tests.study.pages import HOSTILE, Page

FIGURE = next(iter(FIGURES))
PARTS: dict[str, Any] = {
    "verdict": "1 problem was found.",
    "findings": [HOSTILE[0]],
    "figures": pd.DataFrame(
        {"synthetic": [0.25], "reference": [np.nan], "ideal": [1.0]}, index=[FIGURE]
    ),
    "meanings": FIGURES,
    "classes": pd.DataFrame(
        {
            name: [0.5]
            for name in (
                "real", "synthetic", "label_agreement", "reference_agreement", "precision",
                "recall", "reference_recall", "memorisation",
            )
        },
        index=pd.Index(["yes"], name="class"),
    ),
    "columns": None,
    "groups": None,
    "examples": None,
    "pictures": {},
    "card": {},
}  # fmt: skip


def test_text_is_escaped_and_nothing_is_fetched() -> None:
    page = Page(render(**PARTS))
    assert page.open == []
    assert HOSTILE[0] in page.text
    assert "1 problem was found." in page.text
    assert not page.all("script")
    assert all(link["href"].startswith("data:") for link in page.all("link"))


def test_columns_are_listed_from_the_most_different_one_up_to_a_limit() -> None:
    n = MAX_COLUMNS + 10
    columns = pd.DataFrame(
        {
            "shape": np.linspace(1, 0, n),
            "reference": 1.0,
            "lost": 0.0,
            "copied": np.nan,
            "reference_copied": np.nan,
        },
        index=pd.Index([f"column{i}" for i in range(n)], name="column"),
    )
    html = render(**PARTS | {"columns": columns})
    shown = re.findall(r'<th scope="row">column(\d+)</th>', html)
    assert [int(number) for number in shown] == list(range(n - 1, 9, -1))
    assert f"{MAX_COLUMNS} of {n}" in Page(html).text


def test_pictures_are_inside_the_page() -> None:
    page = Page(render(**PARTS | {"pictures": {"Rows": b"png"}}))
    assert [image["src"] for image in page.all("img")] == ["data:image/png;base64,cG5n"]


def test_the_heading_names_sampler_and_data() -> None:
    assert "What are the synthetic rows like?" in Page(render(**PARTS)).text
    card = {"name": "birds <1>", "sampler": "ConditionalVAE(max_steps=5)"}
    said = "What are the synthetic rows of ConditionalVAE on birds <1> like?"
    assert said in Page(render(**PARTS | {"card": card})).text


@pytest.mark.parametrize(
    "finding, step",
    [
        ("100% of the rows are copies of training rows.", "Do not pass these rows on"),
        ("Classifiers agree with 3% of the labels.", "LabelAgreement"),
    ],
)
def test_a_finding_has_a_next_step(finding: str, step: str) -> None:
    assert step in Page(render(**PARTS | {"findings": [finding]})).text
    assert step not in Page(render(**PARTS | {"findings": []})).text
