"""The HTML report: one file with the whole result, which works without a network."""

import base64
import io
import re
from dataclasses import replace

import pytest
from PIL import Image
from sklearn.naive_bayes import GaussianNB
from torch import nn

from gen_augment.study import StudyResult
from gen_augment.study.report import render
from tests.study.pages import HOSTILE, Page, table_rows
from tests.study.results import REAL, make_result, redesigned, rows
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    centred_images,
    gaussians,
    make_study,
    small_study,
)


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


def test_verdict_arms_and_settings_are_shown(page: Page, images_result: StudyResult) -> None:
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
        ["real", "70.00", "72.00", "71.00", "69.00"],
        ["gan", "75.00", "78.00", "74.00", "74.00"],
    ]


def test_numbers_of_a_metric_without_a_percentage() -> None:
    result = make_result({"real": REAL, "gan": rows(0.5, 0.5, 0.4, 0.5, 0.5)}, metric="nll")
    html = render(result)
    assert table_rows(html, 0)[1][4] == "+0.230"
    assert [line[1] for line in table_rows(html, 1)] == ["0.700", "0.500"]


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
    html = render(redesigned(make_result({"real": REAL, "gan": REAL}), fixed_test=True))
    assert "All seeds are tested on the same rows" in html
    assert "Nadeau" not in html


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


def test_arms_and_the_data_are_described_in_words(images_result: StudyResult) -> None:
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


def test_words_are_explained_on_hover_and_at_the_end(images_result: StudyResult) -> None:
    page = Page(render(images_result))
    meanings = [attributes["title"] for attributes in page.all("abbr")]
    assert len(meanings) > 5
    for meaning in meanings:
        assert page.text.count(meaning) == 1
    assert "Images, or other rows, are moved by a random amount." in page.text


def test_what_was_compared_and_what_to_do_come_before_the_plots(
    images_result: StudyResult,
) -> None:
    text = Page(render(images_result)).text
    arm = images_result.best(generative=True)
    places = [
        text.index(words)
        for words in (
            images_result.verdict(),
            images_result.protocol["explained"][arm],
            "What to do next",
            "Paired differences",
            "What the arms do",
        )
    ]
    assert places == sorted(places)


def test_headings_and_tables_can_be_read_aloud(images_result: StudyResult) -> None:
    page = Page(render(images_result))
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    assert all(head.get("scope") in ("col", "row") for head in page.all("th"))
