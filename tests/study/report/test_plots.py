"""Plots of a report."""

import re
from pathlib import Path

import numpy as np
import pytest

from gen_augment.study import StudyResult
from gen_augment.study.report.plots import curve_plot, difference_plot, ratios
from tests.study.pages import numbers
from tests.study.results import REAL, make_result, rows
from tests.study.toys import TrueDraws, gaussians, small_study


def test_difference_plot_leaves_the_reference_out() -> None:
    result = make_result({"real": REAL, "shift": rows(0.6, 0.7, 0.7, 0.7, 0.6), "gan": REAL})
    drawn = set(
        re.findall(r"<!-- (.*?) -->", difference_plot(result, "real"))
    )  # letters are drawn, with their text aside
    assert {"shift", "gan"} <= drawn
    assert "real" not in drawn


def test_difference_plot_puts_each_arm_next_to_its_name() -> None:
    arms = {
        "real": REAL,
        "shift": rows(0.6, 0.60, 0.62, 0.61, 0.59),
        "gan": rows(0.9, 0.80, 0.83, 0.81, 0.79),
    }
    svg = difference_plot(make_result(arms), "real")
    label = r'<!-- {} -->\s*<g transform="translate\(\S+ (\S+)\)'
    heights = {arm: numbers(label.format(arm), svg)[0][0] for arm in ("shift", "gan")}
    ((zero,),) = numbers(r'<path d="M (\S+) [^>]*stroke: #1f2933', svg)
    for arm, colour, right in (("shift", "#52606d", False), ("gan", "#b44d12", True)):
        marks = numbers(rf'<use [^>]*x="(\S+)" y="(\S+)" style="fill: {colour}', svg)
        assert len(marks) == 5  # four seeds and their mean
        assert all((x > zero) is right for x, _ in marks)
        assert all(min(heights, key=lambda name: abs(heights[name] - y)) == arm for _, y in marks)


def test_ratio_families() -> None:
    assert ratios(make_result({"real": REAL, "gan:1": REAL, "gan:0.5": REAL})) == {}
    arms = ["real", "gan:2+flip", "gan:0.5+flip", "gan:1+flip", "gan:1", "gan:prior:1"]
    found = ratios(make_result(dict.fromkeys(arms, REAL)))
    assert found == {"gan+flip": {0.5: "gan:0.5+flip", 1.0: "gan:1+flip", 2.0: "gan:2+flip"}}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResult, Path]:
    """A sampler that draws from the truth: of use where there are few rows."""
    folder = tmp_path_factory.mktemp("curve")
    study = small_study(
        *gaussians(800, dim=10), test=gaussians(2000, dim=10, seed=1), arms=["real", "oversample", "true:8"],
        samplers={"true": TrueDraws()}, n_seeds=4, per_class=100, sizes=(5, 20),
    )  # fmt: skip
    return study.run(folder), folder


def test_curve_plot_puts_arms_at_their_scores(found: tuple[StudyResult, Path]) -> None:
    result, _ = found
    reference = result.best(generative=False)
    svg = curve_plot(result, str(reference), "true:8")
    curve = result.learning_curve()
    for arm, colour in ((reference, "#52606d"), ("true:8", "#b44d12")):
        marks = numbers(rf'<use [^>]*x="(\S+)" y="(\S+)" style="fill: {colour}; stroke', svg)[:3]
        x, y = np.array(marks).T
        mean = curve[curve["arm"] == arm]["mean"].to_numpy()
        assert np.corrcoef(y, mean)[0, 1] < -0.999  # down is more in SVG
        np.testing.assert_allclose(
            np.diff(x) / np.ptp(x), [0.5, 0.5], atol=1e-3
        )  # 10, 40, 160 on a log axis
