"""The distribution: every file that the package reads, and one version."""

import re
import subprocess
import sys
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


def test_slow_packages_are_imported_when_they_are_used() -> None:
    """torchvision imports torch's compiler, which takes as long as torch itself."""
    code = (
        "import sys\nfrom gen_augment import AugmentedDataset, ConditionalFlow, GenerativeOverSampler\n"
        "from gen_augment import LanguageSampler, SampleBank, Study, augment_loader, load_sampler\n"
        "slow = 'torchvision', 'torch._dynamo', 'matplotlib', 'albumentations', 'transformers'\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
