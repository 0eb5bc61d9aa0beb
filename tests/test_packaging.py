"""What is shipped: every file that the package reads, and one version."""

import re
import tomllib
from pathlib import Path

import gen_augment

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "gen_augment"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_all_files_that_are_no_modules_are_shipped() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["gen_augment"]
    shipped = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    found = {
        path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert found - shipped == set()


def test_the_version_is_written_once_and_cited() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cited
    assert cited[1] == gen_augment.__version__
