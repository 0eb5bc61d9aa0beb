"""A tree on a page: its scores, a picture of its first questions, and its rules."""

import io
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gen_augment.distillation.readable import ReadableTree

__all__ = ["draw_tree", "tree_figure", "tree_page"]

#: Colours of the most likely class, repeated if there are more classes.
COLOURS = ("#cfe0f3", "#f9d9c2", "#d5ead2", "#e6d8ef", "#f4e7b8", "#d9dde1")
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1f2933;max-width:76rem;margin:0 auto;"
    "padding:1.5rem 1rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}"
    "th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #e4e7eb}"
    "th:first-child{text-align:left}svg{max-width:100%;height:auto}pre{overflow-x:auto}"
)


def tree_figure(tree: ReadableTree, levels: int = 3) -> Figure:
    """Draw the first questions of a tree on a figure of its size; see `draw_tree`."""
    places = _places(tree, levels).values()
    n_leaves, depth = 1 + max(x for x, _ in places), max(level for _, level in places)
    figure = Figure(figsize=(max(4, 1.75 * n_leaves), 1.3 * (depth + 1)), layout="constrained")
    draw_tree(tree, figure.subplots(), levels)
    return figure


def draw_tree(tree: ReadableTree, axes: Axes, levels: int = 3) -> None:
    """Draw the first questions of a tree.

    Parameters
    ----------
    tree : ReadableTree
    axes : Axes
    levels : int
        Questions on the longest way that is drawn; deeper ones are three dots.
    """
    places = _places(tree, levels)
    axes.set_axis_off()
    axes.set_xlim(-0.6, max(x for x, _ in places.values()) + 0.6)
    axes.set_ylim(-max(level for _, level in places.values()) - 0.4, 0.4)
    for number, (x, level) in places.items():
        node = tree.nodes[number]
        for child, word in ((node.low, "yes"), (node.high, "no")):
            if node.feature is not None and child in places:
                _branch(axes, (x, level), places[child], word)
        asks = node.feature is not None and node.low in places
        text = tree.question(node) if asks else tree.answer(node).replace(", ", "\n")
        text += "\n…" if node.feature is not None and not asks else ""
        likely = max(range(len(tree.classes)), key=node.probabilities.__getitem__)
        colour = COLOURS[likely % len(COLOURS)]
        box = {"boxstyle": "round", "fc": "white" if asks else colour, "ec": "#52606d", "lw": 0.7}
        axes.text(x, -level, _short(text), ha="center", va="center", fontsize=7, bbox=box)


def tree_page(
    tree: ReadableTree, title: str, words: Sequence[str], scores: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return a page in HTML.

    Parameters
    ----------
    tree : ReadableTree
    title : str
    words : sequence of str
        Sentences below the title.
    scores : dict of str to dict of str to text
        A line of the table for each model.
    """
    drawn = io.StringIO()
    with rc_context({"svg.hashsalt": "tree", "svg.fonttype": "none"}):
        tree_figure(tree).savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    heads = ["model", *next(iter(scores.values()))]
    lines = [[name, *map(str, line.values())] for name, line in scores.items()]
    table = _line("th", heads) + "".join(_line("td", line) for line in lines)
    said = "".join(f"<p>{escape(text)}</p>" for text in words)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>{said}<table>{table}</table>"
        f"<h2>The first questions</h2>{svg[svg.index('<svg') :]}"
        f"<h2>All rules</h2><pre>{escape(tree.rules())}</pre></body></html>\n"
    )


def _places(tree: ReadableTree, levels: int) -> dict[int, tuple[float, int]]:
    """Return the place and the level of each node that is drawn; leaves are side by side."""
    found: dict[int, tuple[float, int]] = {}
    n_leaves = 0

    def place(number: int, level: int) -> float:
        nonlocal n_leaves
        node = tree.nodes[number]
        if node.feature is None or level == levels:
            x = float(n_leaves)
            n_leaves += 1
        else:
            x = (place(node.low, level + 1) + place(node.high, level + 1)) / 2
        found[number] = x, level
        return x

    place(0, 0)
    return found


def _branch(axes: Axes, start: tuple[float, int], end: tuple[float, int], word: str) -> None:
    x, y = [start[0], end[0]], [-start[1], -end[1]]
    axes.plot(x, y, color="#9aa5b1", lw=0.8, zorder=0)
    axes.text(sum(x) / 2, sum(y) / 2, word, fontsize=6, color="#52606d", ha="center", va="center")


def _short(text: str, width: int = 26) -> str:
    """Shorten long lines; a threshold, which would be wrong without its last digits, is kept."""
    if len(text) > width:
        text = text.replace(" <= ", "\n<= ")
    return "\n".join(
        line if len(line) <= width else f"{line[: width - 1]}…" for line in text.split("\n")
    )


def _line(tag: str, cells: Sequence[str]) -> str:
    first, *others = map(escape, cells)
    inner = "".join(f"<{tag}>{cell}</{tag}>" for cell in others)
    return f"<tr><th>{first}</th>{inner}</tr>"
