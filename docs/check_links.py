"""Check that every local link, picture and anchor of the built pages exists.

Run: python docs/check_links.py docs/_build/html
"""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Folders of the theme, and of source pages, whose links back Sphinx names by their module alone.
SKIPPED = {"_static", "_modules"}


class Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses and names of a tag."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            if name in ("id", "name") and value:
                self.anchors.add(value)


read = cache(Page)


def problem(page: Path, link: str) -> str | None:
    """Say what is wrong with a link, if anything is."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return "no such file"
    if parts.fragment and target.suffix == ".html":
        return None if unquote(parts.fragment) in read(target).anchors else "no such anchor"
    return None


def main(folder: str) -> int:
    """Print the broken links of a folder, and return their number."""
    read.cache_clear()
    root = Path(folder).resolve()
    pages = sorted(page for page in root.rglob("*.html") if not SKIPPED & {*page.parts})
    found = {(page, link): problem(page, link) for page in pages for link in read(page).links}
    broken = {key: reason for key, reason in found.items() if reason}
    for (page, link), reason in broken.items():
        print(f"{page.name}: {link}: {reason}")  # noqa: T201
    print(f"{len(pages)} pages, {len(found)} links, {len(broken)} broken")  # noqa: T201
    return len(broken)


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1])))
