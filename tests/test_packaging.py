"""The distribution: every file that the package reads, and one version."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import gen_augment
from gen_augment import ConditionalVAE

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


def test_slow_packages_are_imported_when_they_are_used(
    table_sampler: ConditionalVAE, tmp_path: Path
) -> None:
    """torchvision imports torch's compiler, which takes as long as torch itself."""
    table_sampler.save(tmp_path / "a")
    code = (
        "import sys\nfrom gen_augment import AugmentedDataset, ConditionalFlow, GenerativeOverSampler\n"
        "from gen_augment import LanguageSampler, SampleBank, Study, augment_loader, load_sampler\n"
        "load_sampler(sys.argv[1]).sample(3)\n"
        "slow = ('torchvision', 'torch._dynamo', 'matplotlib', 'albumentations', 'transformers',\n"
        "        'diffusers', 'lightning_fabric')\n"
        "print([name for name in slow if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


#: The package that an extra installs, if a message names it by another word.
WORDS = {"TensorBoard": "tensorboard", "huggingface_hub": "huggingface-hub"}


def test_every_extra_that_an_error_names_installs_what_is_missing() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    text = "\n".join(path.read_text() for path in sorted(PACKAGE.rglob("*.py")))
    raised = re.findall(r"raise MissingDependencyError\((.*?)\n *\)", text, re.S)
    assert len(raised) > 8
    for words in raised:
        message = "".join(re.findall(r'"([^"\n]*)"', words))
        (name,) = set(re.findall(r"gen_augment\[(\w+)\]", message))
        packages = [re.split(r"[<>=\[]", package)[0] for package in extras[name]]
        said = {WORDS.get(word, word) for word in re.findall(r"[\w-]+", message)}
        assert said & set(packages), message


def test_the_oldest_versions_are_those_that_the_project_states() -> None:
    stated = {
        name: version
        for package in [
            *PROJECT["project"]["dependencies"],
            *PROJECT["project"]["optional-dependencies"]["imbalanced"],
        ]
        for name, version in [package.split(">=")]
    }
    lines = (ROOT / "constraints/oldest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert set(pinned) == set(stated)
    for name, version in pinned.items():
        assert re.fullmatch(rf"{re.escape(stated[name])}(\.0)*", version), name
