"""HTML of results in notebooks: well-formed, with the verdict, and with escaped text."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

from gen_augment import KDESampler, SampleBank, Study
from gen_augment.auditing.result import Audit
from gen_augment.study import Training
from tests.study.test_result import make_result


def read(html: str) -> ElementTree.Element:
    """Fail unless the HTML is well-formed."""
    return ElementTree.fromstring(f"<div>{html}</div>")  # noqa: S314 # our own text


def cells(html: str) -> list[str]:
    return [cell.text or "" for cell in read(html).iter() if cell.tag in ("th", "td")]


def test_a_study_shows_its_verdict_and_its_arms() -> None:
    arms = {"real <raw> & more": [(0.5, 0.5)] * 3, "gan": [(0.6, 0.61), (0.6, 0.62), (0.6, 0.63)]}
    result = make_result(arms)
    html = result._repr_html_()
    assert next(read(html).iter("strong")).text == result.verdict()
    assert [p.text for p in read(html).iter("p")][1:] == result.details()
    assert {"real <raw> & more", "0.62", "0.12"} <= set(cells(html))


def test_a_study_and_an_audit_print_what_was_found_and_no_arrays() -> None:
    arms = {"real": [(0.5, 0.5)] * 3, "gan": [(0.6, 0.61), (0.6, 0.62), (0.6, 0.63)]}
    result = make_result(arms)
    assert repr(result) == f"<StudyResult of 2 arms and 3 seeds: {result.verdict()}>"
    assert str(result).startswith(f"{result.verdict()}\n\n")
    assert {"real", "gan", "difference", "0.62"} <= set(str(result).split())
    nothing = pd.DataFrame()
    card = {"synthetic_rows": 70}
    audit = Audit(["Copies: 3."], {"recall": (0.5, 0.6)}, nothing, None, None, nothing, None, card)
    assert repr(audit) == f"<Audit: {audit.verdict}>"
    assert {"Copies:", "recall", "0.6"} <= set(str(audit).split())


def test_a_study_prints_the_settings_that_were_given() -> None:
    assert repr(Study("data/people.csv", "churn")) == "Study(name='people')"
    given = Study([[1.0]], arms=["real"], n_seeds=3, training=Training(n_steps=7))
    assert repr(given).startswith("Study(arms=['real'], n_seeds=3, training=Training(n_steps=7")


def test_an_audit_shows_its_findings() -> None:
    audit = Audit(
        ["Copies: 3 < 4 & more."],
        {"precision": (0.51234, np.nan)},
        pd.DataFrame(),
        None,
        None,
        pd.DataFrame(),
        None,
        {"synthetic_rows": 70},
    )
    html = audit._repr_html_()
    assert [item.text for item in read(html).iter("li")] == audit.findings
    assert next(read(html).iter("strong")).text == audit.verdict
    assert {"precision", "0.512"} <= set(cells(html))


def test_a_bank_shows_its_counts(tmp_path: Path) -> None:
    X, y = load_wine(return_X_y=True)
    names = np.array(["<a>", "b & c", "d"])[y]
    sampler = KDESampler(random_state=0).fit(X, names)
    bank = SampleBank.build(sampler, {"<a>": 30, "b & c": 7}, tmp_path / "bank")
    assert cells(bank._repr_html_())[-4:] == ["<a>", "30", "b & c", "7"]


def test_a_sampler_shows_the_diagram_of_scikit_learn() -> None:
    assert "KDESampler" in KDESampler()._repr_html_()


def test_a_study_that_has_not_run_shows_its_settings_without_reading_the_data() -> None:
    study = Study("no such <data>", arms=["real", "kde:2"], samplers=[KDESampler()], name="a & b")
    html = study._repr_html_()
    assert "people" in cells(Study("data/people.csv")._repr_html_())
    assert {"a & b", "real, kde:2", "KDESampler()", "5", "balanced_accuracy"} <= set(cells(html))


def test_pictures_and_plots_are_inline() -> None:
    arms = {"real": [(0.5, 0.5)] * 3, "gan": [(0.6, 0.61), (0.6, 0.62), (0.6, 0.63)]}
    assert "<svg" in make_result(arms)._repr_html_()
    nothing = pd.DataFrame()
    audit = Audit(
        [], {}, nothing, None, None, nothing, None, {"synthetic_rows": 7}, lambda: {"rows": b"png"}
    )
    (image,) = read(audit._repr_html_()).iter("img")
    assert image.get("src") == "data:image/png;base64,cG5n"
    assert image.get("alt") == "rows"
