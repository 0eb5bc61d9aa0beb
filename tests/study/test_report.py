"""The report: one file that says what the result says, to everyone, without a network."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, recall_score
from sklearn.naive_bayes import GaussianNB
from torch import nn

from gen_augment.data import Rows
from gen_augment.errors import ArchiveError
from gen_augment.study import StudyResult, load_result
from gen_augment.study.arms import describe_arm, parse_arm
from gen_augment.study.pictures import example_grid
from gen_augment.study.predictions import class_recall, confusion, robustness
from gen_augment.study.report import render
from gen_augment.study.report.plots import difference_plot, ratios
from gen_augment.study.report.wording import breakable
from tests.study.test_result import REAL, make_result, rows
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    centred_images,
    gaussians,
    make_study,
    rows_of,
    small_study,
)

HOSTILE = np.array(["<script>alert(1)</script>", "$\\frac$ & \"'> $"])


class Page(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    VOID = ("meta", "link", "img", "wbr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def images_result() -> StudyResult:
    images, y = centred_images(40)
    return make_study(
        images,
        HOSTILE[y],
        model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)),
        arms=["real", "shift", "copies", "copies+shift"],
        samplers={"copies": Copies()},
        n_seeds=2,
        n_steps=3,
        device="cpu",
    ).run()


@pytest.fixture(scope="module")
def page(images_result: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> Page:
    path = tmp_path_factory.mktemp("report") / "report.html"
    images_result.to_html(path)
    assert list(path.parent.iterdir()) == [path]
    return Page(path.read_text())


def test_verdict_arms_and_settings_are_told(page: Page, images_result: StudyResult) -> None:
    assert images_result.verdict() in page.text
    for word in (
        *images_result.arms,
        "negative log-likelihood",
        "batch_size",
        "network Sequential",
        "Nadeau and Bengio",
    ):
        assert word in page.text
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]


def test_nothing_is_fetched(page: Page) -> None:
    links = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action", "data")
    ]
    assert any(link.startswith("data:image/png;base64,") for link in links)
    assert all(link.startswith(("data:", "#")) for link in links)
    assert not page.all("script")
    assert [link["href"] for link in page.all("link")] == [
        "data:,"
    ]  # else browsers ask for a favicon


def test_styles_fetch_nothing(images_result: StudyResult) -> None:
    html = render(images_result)
    assert "@import" not in html
    assert all(found.startswith("#") for found in re.findall(r"url\(['\"]?([^)]*)", html))


def test_pictures_have_words_and_can_be_opened(page: Page) -> None:
    images = page.all("img")
    assert len(images) == 1
    assert "rows from copies in the middle" in images[0]["alt"]
    png = base64.b64decode(images[0]["src"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(png)).size[0] > 600
    plot, *_ = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert "Difference of each arm to" in plot["aria-label"]


def test_labels_with_html_are_shown_as_they_are(page: Page, images_result: StudyResult) -> None:
    for label in HOSTILE:
        assert label in page.text
        assert label not in render(images_result)


def test_errors_with_html_are_shown_as_they_are() -> None:
    samplers = {"copies": Failing(Log(), at=(0,), error=type("<b>Error", (RuntimeError,), {}))}
    html = render(small_study(*gaussians(60), samplers=samplers).run())
    assert "copies, seed 0: &lt;b&gt;Error: planned" in html
    assert "<b>" not in html
    assert "(1 failed)" in Page(html).text


def table_rows(html: str, number: int) -> list[list[str]]:
    html = re.sub(r'<table class="arms explained">.*?</table>', "", html, flags=re.DOTALL)
    table = re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)[number]
    lines = re.findall(r"<tr.*?>(.*?)</tr>", table, re.DOTALL)
    return [
        [Page(cell).text.strip() for cell in re.findall(r"<t[hd].*?>.*?</t[hd]>", line)]
        for line in lines
    ]


def test_numbers_are_those_of_the_table() -> None:
    result = make_result({"real": REAL, "gan": rows(0.8, 0.75, 0.78, 0.74, 0.74)})
    html, table = render(result), result.table()
    real, gan = table_rows(html, 0)
    assert real == [
        "real",
        "70.50",
        "70.50",
        "–",
        "–",
        "–",
        "–",
        "–",
        "2.5",
    ]
    low, high, p = table.loc["gan", ["low", "high", "p_holm"]]
    assert gan[3:] == [
        "+4.75",
        f"{low * 100:+.2f} to {high * 100:+.2f}",
        f"{p:.3f}",
        "2.0",
        "–",
        "2.5",
    ]
    assert table_rows(html, 1) == [
        ["0", "70.00", "75.00"], ["1", "72.00", "78.00"], ["2", "71.00", "74.00"], ["3", "69.00", "74.00"],
    ]  # fmt: skip


def test_numbers_of_a_metric_without_a_percentage() -> None:
    result = make_result({"real": REAL, "gan": rows(0.5, 0.5, 0.4, 0.5, 0.5)}, metric="nll")
    html = render(result)
    assert table_rows(html, 0)[1][4] == "+0.230"
    assert table_rows(html, 1)[0] == ["0", "0.700", "0.500"]


def test_one_seed_shows_no_interval() -> None:
    html = render(make_result({"real": rows(0.7, 0.7), "gan": rows(0.9, 0.99)}))
    assert table_rows(html, 0)[1][3:5] == ["+29.00", "–"]
    assert "inf" not in Page(html).text


@pytest.mark.parametrize(
    "result",
    [
        make_result({"real": REAL}),
        make_result({"gan": REAL}),
        make_result({"real": [None] * 3, "gan": [None] * 3}),
        small_study(*gaussians(60)).result(),
    ],
    ids=["no sampler", "no baseline", "all failed", "no trials"],
)
def test_report_of_a_study_without_a_verdict(result: StudyResult) -> None:
    page = Page(render(result))
    assert "No verdict" in page.text
    assert not page.all("svg")
    assert "Failed trials" in page.text or result.trials["error"].isna().all()


def test_given_test_part_is_named_as_a_limit() -> None:
    html = render(make_result({"real": REAL, "gan": REAL}, overlap=0))
    assert "All seeds are tested on the same rows" in html
    assert "Nadeau" not in html


def test_difference_plot_leaves_the_reference_out() -> None:
    result = make_result({"real": REAL, "shift": rows(0.6, 0.7, 0.7, 0.7, 0.6), "gan": REAL})
    drawn = set(
        re.findall(r"<!-- (.*?) -->", difference_plot(result, "real"))
    )  # letters are drawn, with their text aside
    assert {"shift", "gan"} <= drawn
    assert "real" not in drawn


def numbers(pattern: str, svg: str) -> list[tuple[float, ...]]:
    found = [match.groups() for match in re.finditer(pattern, svg)]
    return [tuple(map(float, groups)) for groups in found]


def test_difference_plot_puts_each_arm_beside_its_name_and_on_its_side() -> None:
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


def dark_pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).max(axis=2) < 10


def light_and_black(n_classes: int, colour: bool) -> tuple[Rows, Rows]:
    """Real images that are light but for one pixel, and synthetic ones that are black."""
    codes = np.arange(n_classes * 6) % n_classes
    real = np.zeros((len(codes), 9, 9, 3), np.uint8)
    real[..., 0] = 200
    real[:, 0, 0] = 0
    pictures = real if colour else real[..., 0]
    return rows_of(pictures, codes), rows_of(np.zeros_like(pictures), codes)


@pytest.mark.parametrize("n_classes", [2, 30])
@pytest.mark.parametrize("colour", [True, False])
def test_example_grid_has_real_rows_left_and_synthetic_right(n_classes: int, colour: bool) -> None:
    dark = dark_pixels(example_grid(*light_and_black(n_classes, colour)))
    columns = np.flatnonzero(dark.mean(axis=0) > 0.3)
    assert columns.min() > dark.shape[1] / 2
    assert len(columns) > dark.shape[1] / 4
    titles = dark[: np.flatnonzero(dark[:, columns].mean(axis=1) > 0.5).min()]
    left, right = np.array_split(titles.sum(axis=0), 2)
    assert 0 < left.sum() < right.sum()  # "real" is shorter than "synthetic"
    assert dark.shape[0] < 2500  # of many classes, the first 20 are shown


def test_example_grid_leaves_a_class_without_rows_empty() -> None:
    real, synthetic = light_and_black(2, False)
    one_class = rows_of(synthetic.X[synthetic.codes == 1], np.ones(6, int))
    both, one = (dark_pixels(example_grid(real, part)).sum() for part in (synthetic, one_class))
    assert 0.4 * both < one < 0.6 * both


def test_example_grid_stretches_dim_images() -> None:
    """Images of 0 to 16 out of 255, as those of scikit-learn's digits, are no black squares."""
    images, y = centred_images(20)
    png = example_grid(rows_of(images // 16, y), rows_of(images // 16, y))
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    assert np.ptp(pixels) > 200
    assert ((pixels > 80) & (pixels < 200)).mean() > 0.05


def test_example_grid_shows_the_nearest_training_image_beside_each() -> None:
    images, y = centred_images(24)
    real = rows_of(images, y)
    moved = rows_of(images[::-1].copy(), y[::-1].copy())  # copies: each is nearest to itself
    pixels = np.asarray(
        Image.open(io.BytesIO(example_grid(real, moved, neighbours=True))).convert("L")
    )
    bright = np.flatnonzero((pixels < 250).mean(axis=0) > 0.3)
    panels = np.split(bright, np.flatnonzero(np.diff(bright) > 12) + 1)
    assert len(panels) == 3
    left, right = (pixels[:, panel[0] : panel[-1] + 1] for panel in panels[1:])
    width = min(left.shape[1], right.shape[1])
    below = pixels.shape[0] // 4  # titles are above
    assert np.corrcoef(left[below:, :width].ravel(), right[below:, :width].ravel())[0, 1] > 0.9


@pytest.fixture(scope="module")
def tried() -> StudyResult:
    arms = ["real", "copies:0.5", "copies:1", "copies:2", "copies:shuffled"]
    X, y = gaussians(80)
    return small_study(
        X, HOSTILE[y], arms=arms, n_seeds=3, shifted={"later": (X + 0.5, HOSTILE[y])}
    ).run()


def test_classes_ratios_and_other_rows_are_shown(tried: StudyResult) -> None:
    page = Page(render(tried))
    labels = [
        attributes["aria-label"] for _, attributes in page.tags if attributes.get("role") == "img"
    ]
    assert [label.split()[0] for label in labels] == [
        "Difference",
        "Recall",
        "Confusion",
        "Difference",
    ]
    assert "The control copies:shuffled" in page.text
    for title in (
        "Each class, before and after",
        "How many synthetic rows",
        "Other rows to be tested on",
        "later",
    ):
        assert title in page.text
    assert page.open == []


def test_ratio_families() -> None:
    assert ratios(make_result({"real": REAL, "gan:1": REAL, "gan:0.5": REAL})) == {}
    arms = ["real", "gan:2+flip", "gan:0.5+flip", "gan:1+flip", "gan:1", "gan:prior:1"]
    found = ratios(make_result(dict.fromkeys(arms, REAL)))
    assert found == {"gan+flip": {0.5: "gan:0.5+flip", 1.0: "gan:1+flip", 2.0: "gan:2+flip"}}


def test_confusion_and_recall_are_scikit_learn_s(tried: StudyResult) -> None:
    codes = np.concatenate([tried.truth[seed]["test"] for seed in range(3)])
    predicted = np.concatenate(
        [tried.predictions["real", seed]["test"].argmax(axis=1) for seed in range(3)]
    )
    np.testing.assert_array_equal(confusion(tried, "real"), confusion_matrix(codes, predicted))
    np.testing.assert_allclose(
        class_recall(tried, "real"), recall_score(codes, predicted, average=None)
    )
    found = robustness(tried).loc["real", "later"]
    seeds = [
        balanced_accuracy_score(
            tried.truth[s]["later"], tried.predictions["real", s]["later"].argmax(axis=1)
        )
        for s in range(3)
    ]
    assert found == pytest.approx(np.mean(seeds))


def test_markdown_has_the_verdict_and_the_table(tried: StudyResult, tmp_path: Path) -> None:
    tried.to_markdown(tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text()
    assert tried.verdict() in text
    lines = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert lines == ["arm", "---", *tried.arms]
    tried.to_csv(tmp_path / "r.csv")
    tried.to_parquet(tmp_path / "r.parquet")
    for table in (pd.read_csv(tmp_path / "r.csv"), pd.read_parquet(tmp_path / "r.parquet")):
        np.testing.assert_allclose(table["test_accuracy"], tried.trials["test_accuracy"])


def test_a_saved_result_says_the_same(tmp_path: Path) -> None:
    images, y = centred_images(40)
    found = make_study(
        images, HOSTILE[y], model=lambda: nn.Sequential(nn.Flatten(), nn.Linear(144, 2)), arms=["real", "copies"],
        samplers={"copies": Copies()}, n_seeds=3, n_steps=3, device="cpu", margin=0.01,
    ).run(tmp_path)  # fmt: skip
    again = load_result(tmp_path)
    assert again.verdict() == found.verdict()
    assert again.details() == found.details()
    pd.testing.assert_frame_equal(again.table(), found.table(), check_dtype=False)
    assert again.examples == found.examples
    np.testing.assert_array_equal(confusion(again, "copies"), confusion(found, "copies"))
    (tmp_path / "truth.npz").write_bytes(b"damaged")
    with pytest.raises(ArchiveError, match="holds no result of a study"):
        load_result(tmp_path)


def test_a_report_of_estimators_says_nothing_of_steps() -> None:
    X, y = gaussians(60)
    estimator = make_study(X, y, model=GaussianNB(), arms=["real", "smote"], n_seeds=1).run()
    html = render(estimator)
    assert not re.search("equal steps|n_steps|batch_size|\\blr\\b", Page(html).text)
    assert "ConditionalFlow" not in html
    network = render(
        replace(estimator, protocol=estimator.protocol | {"model": "network Sequential"})
    )
    assert "equal steps from equal initial weights" in network
    assert "n_steps" in network
    assert "Soft labels come from one more network" not in network
    soft = replace(estimator, arms={"real": False, "gan:1:soft+shift": True})
    assert "Soft labels come from one more network" in render(soft)


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("vae:share=0.25+randaugment", ["vae:", "share=0.25+", "randaugment"]),
        ("interval -14.88 to +7.76, <b>", ["interval -14.88 to +7.76, &lt;b&gt;"]),
        ("gan@30", ["gan@30"]),
    ],
)
def test_lines_break_between_the_steps_of_an_arm_and_nowhere_in_a_number(
    text: str, pieces: list[str]
) -> None:
    assert breakable(text).split("<wbr>") == pieces


def test_arms_and_the_data_are_told_in_words(images_result: StudyResult) -> None:
    text = Page(render(images_result)).text
    assert "Trains on the real rows and synthetic rows of copies (Copies), enough to give" in text
    assert "batches are augmented by shift" in text
    protocol = images_result.protocol | {"name": "toys"}
    named = Page(render(replace(images_result, protocol=protocol))).text
    assert "Did synthetic data help on toys?" in named
    assert "it was chosen on" in named


def test_signed_ranks_are_shown_where_they_can_say_anything() -> None:
    arms = {"real": REAL * 2, "gan": rows(0.8, *[0.75, 0.78, 0.74, 0.74] * 2)}
    many = Page(render(make_result(arms))).text
    assert "p (Wilcoxon)" in many
    few = Page(render(make_result({"real": REAL[:3], "gan": REAL[1:]}))).text
    assert "p (Wilcoxon)" not in few
    assert "With 3 seeds, Wilcoxon's signed-rank test cannot give a p-value below 0.25" in few


@pytest.mark.parametrize(
    "name, words",
    [
        ("oversample+shift", "rows of small classes repeated until classes are equal; batches"),
        ("gan:2:prior:agreement", "2 per real row, with the class shares of the real rows, that"),
        ("gan:vary=0.5:guidance=2", "new versions of real rows of gan (Copies), enough"),
        ("gan:1:soft+logit", "with labels predicted by a network trained on the real rows; logits"),
        ("gan:pretrain", "used alone for the first half of the steps"),
        ("gan:1:shuffled", "labels of the synthetic rows are shuffled (a control"),
    ],
)
def test_words_of_arms(name: str, words: str) -> None:
    assert words in describe_arm(parse_arm(name, {"gan": Copies()}))
