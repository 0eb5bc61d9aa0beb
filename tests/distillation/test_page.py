"""Pages and pictures of trees."""

import re
from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from gen_augment.distillation.page import COLOURS, draw_tree, tree_figure, tree_page
from gen_augment.distillation.readable import Feature, Node, ReadableTree
from tests.distillation.toys import fitted

#: One question with two answers.
STUMP = ReadableTree(
    ("no", "yes"),
    (Feature("age"),),
    (
        Node((0.5, 0.5), 1.0, 0, 40.0, low=1, high=2),
        Node((1.0, 0.0), 0.5),
        Node((0.0, 1.0), 0.5),
    ),
)
LEAF = ReadableTree(("no", "yes"), (), (Node((0.75, 0.25), 1.0),))


def test_a_page_escapes_names() -> None:
    _, tree = fitted("classifier")
    page = tree_page(tree, "<i>title</i>", ["a & b"], {"student": {"accuracy": "1"}})
    assert "&lt;i&gt;title" in page
    assert "<i>" not in page
    assert "<b> & co" not in page
    assert page.count("<svg") == 1
    # All questions of the first levels, and no others, are drawn.
    drawn = tree_figure(tree, levels=2).axes[0].texts
    first = [i for level, i in tree.walk() if level <= 2]
    assert len(drawn) == len(first) + len(first) - 1  # one word on each branch


def test_a_picture_has_the_question_above_its_answers() -> None:
    axes = Figure().subplots()
    draw_tree(STUMP, axes)
    boxes = {text.get_text(): text for text in axes.texts if text.get_bbox_patch() is not None}
    assert [text.split(":")[0] for text in boxes] == ["no", "yes", "age <= 40"]
    places = [text.get_position() for text in boxes.values()]
    assert places == [(0.0, -1), (1.0, -1), (0.5, 0)]
    words = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert words["yes"] < words["no"]  # rows with at most 40 go left


def test_answers_have_the_colour_of_their_likely_class() -> None:
    for number, colour in ((1, COLOURS[0]), (2, COLOURS[1])):
        leaf = ReadableTree(STUMP.classes, (), (STUMP.nodes[number],))
        (text,) = tree_figure(leaf).axes[0].texts
        patch = text.get_bbox_patch()
        assert patch is not None
        assert "".join(f"{round(255 * c):02x}" for c in patch.get_facecolor()[:3]) == colour[1:]


def test_a_long_name_does_not_shorten_the_threshold() -> None:
    long = replace(STUMP, features=(Feature("income of the whole household"),))
    root = replace(STUMP.nodes[0], threshold=123458.5)
    (text,) = (
        text.get_text()
        for text in tree_figure(replace(long, nodes=(root, *STUMP.nodes[1:]))).axes[0].texts
        if "income" in text.get_text()
    )
    assert text == "income of the whole house…\n<= 123458.5"


def test_deeper_questions_are_three_dots() -> None:
    (text,) = tree_figure(STUMP, levels=0).axes[0].texts
    assert text.get_text().endswith("…")


@pytest.mark.parametrize("tree", [STUMP, LEAF], ids=["question", "leaf"])
def test_a_page_has_scores_and_rules_and_no_date(tree: ReadableTree) -> None:
    page = tree_page(tree, "T", ["Said."], {"a": {"size": 1}, "b": {"size": 2}})
    assert page == tree_page(tree, "T", ["Said."], {"a": {"size": 1}, "b": {"size": 2}})
    assert re.findall(r"<tr><th>(.*?)</th><t[hd]>(.*?)</t", page) == [
        ("model", "size"), ("a", "1"), ("b", "2"),
    ]  # fmt: skip
    assert tree.rules().replace("<", "&lt;") in page.replace("&gt;", ">")
