"""HTML pages as visible text."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

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


def table_rows(html: str, number: int) -> list[list[str]]:
    html = re.sub(r'<table class="arms explained">.*?</table>', "", html, flags=re.DOTALL)
    table = re.findall(r"<tbody>(.*?)</tbody>", html, re.DOTALL)[number]
    lines = re.findall(r"<tr.*?>(.*?)</tr>", table, re.DOTALL)
    return [
        [Page(cell).text.strip() for cell in re.findall(r"<t[hd].*?>.*?</t[hd]>", line)]
        for line in lines
    ]


def numbers(pattern: str, svg: str) -> list[tuple[float, ...]]:
    found = [match.groups() for match in re.finditer(pattern, svg)]
    return [tuple(map(float, groups)) for groups in found]
