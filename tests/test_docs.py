"""The README and the documentation: every code block runs, links resolve, and the text is easy to read."""

import re
import runpy
import statistics
from pathlib import Path

import pytest

from gen_augment.modalities import registry as modalities
from gen_augment.samplers import registry as samplers
from gen_augment.study.arms import BALANCES, FILTERS, ROW_STEPS
from gen_augment.study.arms.synthetic import LABEL_MIXES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GENERATED = ("_build", "gallery", "gallery_source")
PAGES = [
    ROOT / "README.md",
    *sorted(
        path
        for path in DOCS.rglob("*.md")
        if not set(path.relative_to(DOCS).parts) & {*GENERATED, "results"}
    ),
]
#: The text that a newcomer reads; benchmark pages hold numbers by design.
READING = [
    ROOT / "README.md",
    DOCS / "install.md",
    DOCS / "quickstart.md",
    *sorted((DOCS / "guide").glob("*.md")),
    *sorted((DOCS / "extending").glob("*.md")),
    DOCS / "how-it-works.md",
    DOCS / "glossary.md",
]
FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.M | re.S)
#: Stands in the line before a block that needs a GPU, weights or a command line.
NOT_RUN = re.compile(r"<!-- not run: [^\n]+ -->\s*$")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_blocks(text: str) -> list[str]:
    """Return Python blocks padded with empty lines, so that errors name the line of the file."""
    return [
        "\n" * text.count("\n", 0, match.start("body")) + match["body"]
        for match in FENCE.finditer(text)
        if match["info"].strip() == "python" and not NOT_RUN.search(text[: match.start()])
    ]


WITH_CODE = [path for path in PAGES if python_blocks(path.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_CODE, ids=name)
def test_code_blocks_of_a_page_run_in_order(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(modalities, "_MODALITIES", dict(modalities._MODALITIES))
    monkeypatch.setattr(samplers, "SAMPLERS", dict(samplers.SAMPLERS))
    namespace: dict[str, object] = {"__name__": "documentation"}
    for block in python_blocks(path.read_text()):
        exec(compile(block, str(path), "exec"), namespace)  # noqa: S102


def test_an_error_in_a_block_is_reported_with_its_line() -> None:
    (block,) = python_blocks("# Title\n\n```python\nraise ValueError\n```\n")
    with pytest.raises(ValueError) as caught:
        exec(compile(block, "page.md", "exec"), {})  # noqa: S102
    assert caught.traceback[-1].lineno + 1 == 4


def test_marked_and_other_blocks_are_left_out() -> None:
    text = "<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n\n```console\nmake\n```\n"
    assert python_blocks(text) == []


def source_of(page: Path) -> Path:
    """Return the source file of a page of the built documentation."""
    if page.parent.parent == DOCS / "gallery":
        return ROOT / "examples" / page.parent.name / f"{page.stem}.py"
    if page.parent == DOCS / "benchmarks" / "results":
        return ROOT / "benchmarks" / "results" / page.name
    return page


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_local_links_resolve(path: Path) -> None:
    text = FENCE.sub("", path.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"(https?:|mailto:|#)", target):
            where = source_of((path.parent / target.split("#")[0]).resolve())
            assert where.exists(), f"{target} in {name(path)}"


def test_the_check_of_built_pages_finds_broken_links(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = runpy.run_path(str(DOCS / "check_links.py"))["main"]
    (tmp_path / "a.html").write_text('<p id="x"><a href="b.html#y"></a><a href="#x"></a></p>')
    (tmp_path / "b.html").write_text('<p id="y"><a href="https://example.org/none"></a></p>')
    assert check(str(tmp_path)) == 0
    (tmp_path / "b.html").write_text('<a href="a.html#z"></a><img src="none.png">')
    assert check(str(tmp_path)) == 3
    assert "b.html: a.html#z: no such anchor" in capsys.readouterr().out


def prose(text: str) -> list[str]:
    """Paragraphs and list items as plain text; code, tables, headings and directives are left out."""
    text = re.sub(r"<!--.*?-->", "", FENCE.sub("\n\n", text), flags=re.S)
    lines = [
        "" if re.match(r"\s*(#|\||!\[|:::|\(.*\)=|\[\^|<)", line) else line
        for line in text.splitlines()
    ]
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:[*-]|\d+\.)\s)", "\n".join(lines))
    return [plain for part in parts if (plain := " ".join(plain_words(part)))]


def plain_words(text: str) -> list[str]:
    """Words; a link is its text, and inline code is one word without numbers."""
    text = re.sub(r"`[^`]+`", "code", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\{[a-z:]+\}", "", text)
    text = re.sub(r"(?m)^\s*(?:[*-]|\d+\.)\s", "", text)
    return re.sub(r"[*_#|]", " ", text).split()


def sentences(text: str) -> list[str]:
    return [
        sentence
        for paragraph in prose(text)
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z\"(]|code)", paragraph)
        if len(sentence.split()) > 1
    ]


def lengths(paths: list[Path]) -> list[int]:
    return [len(found.split()) for path in paths for found in sentences(path.read_text())]


def share_of_numbers(text: str) -> float:
    """Numbers in 100 words, tables included and the benchmarks' section left out."""
    text = re.sub(r"(?ms)^## Benchmarks\n.*?(?=^## |\Z)", "", text)
    words = plain_words(re.sub(r"<!--.*?-->", "", FENCE.sub("", text), flags=re.S))
    numbers = [word for word in words if re.match(r"[-+(]*\d", word)]
    return 100 * len(numbers) / len(words)


def test_sentences_are_counted_as_a_reader_would() -> None:
    text = "# A title here\n\nOne two three. Four `a b c` six:\n\n* seven [eight nine](x.md)\n"
    assert [len(found.split()) for found in sentences(text)] == [3, 3, 3]


@pytest.mark.parametrize("paths", [[ROOT / "README.md"], READING[1:]], ids=["README", "guide"])
def test_sentences_are_short(paths: list[Path]) -> None:
    found = lengths(paths)
    assert statistics.median(found) <= 18
    assert statistics.quantiles(found, n=10)[-1] <= 32


@pytest.mark.parametrize("path", READING, ids=name)
def test_there_are_few_numbers(path: Path) -> None:
    assert share_of_numbers(path.read_text()) <= 2


def test_the_glossary_has_every_word_of_an_arm() -> None:
    recipes = {step for each in modalities.registered().values() for step in each.recipes}
    options = {"real", "share", "vary", "guidance", "pretrain", "soft", "shuffled", "teacher"}
    words = {*FILTERS, *LABEL_MIXES, *ROW_STEPS, *BALANCES, *recipes, *options}
    text = (DOCS / "glossary.md").read_text()
    assert not {word for word in words if not re.search(rf"(?m)^{word}$|`{word}`|:{word}", text)}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
