"""The page of the demo shows its results and loads no other file."""

import base64
import re

import pandas as pd

from gen_augment.cli.demonstration_page import render
from tests.study.results import REAL, make_result, rows

NETWORK = make_result({"real": REAL, "gan": rows(0.8, 0.80, 0.83, 0.81, 0.80)})
TREE = make_result({"real": REAL, "gan <b>": rows(0.6, 0.60, 0.61, 0.59, 0.60)})
COUNTS = pd.DataFrame({"real": [40, 7], "one epoch": [40, 40]}, index=[3, 8])


def page() -> str:
    return render(b"picture", COUNTS, NETWORK, TREE, n_rows=321)


def test_the_page_has_verdicts_scores_and_counts() -> None:
    shown = page()
    assert "learns 321 digits" in shown
    assert "Synthetic digits helped a small network." in shown
    assert "Synthetic digits made a tree that learns from a forest worse." in shown
    for name, result in (("network", NETWORK), ("tree", TREE)):
        assert result.verdict().replace("<", "&lt;").replace(">", "&gt;") in shown
        assert f'href="{name}.html"' in shown
        mean = result.scores().mean()
        assert f"<td>{100 * mean['real']:.1f}</td>" in shown
    assert shown.count('<tr class="generative') == 2
    lines = re.findall(r'<tr><th scope="row">([^<]*)</th>((?:<td>\d+</td>)+)</tr>', shown)
    assert [(name, re.findall(r"\d+", cells)) for name, cells in lines] == [
        ("real", ["40", "7"]), ("one epoch", ["40", "40"]),
    ]  # fmt: skip


def test_the_picture_is_in_the_page_and_nothing_is_loaded() -> None:
    shown = page()
    (data,) = re.findall(r'src="data:image/png;base64,([^"]*)"', shown)
    assert base64.b64decode(data) == b"picture"
    assert shown.count("<svg") == 2
    assert "<script" not in shown
    assert not re.search(r'(src|href)="https?:', shown)


def test_names_are_escaped() -> None:
    assert "gan &lt;b&gt;" in page()
    assert "gan <b>" not in page()
