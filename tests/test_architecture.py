"""Imports go one way, as section 2 of the design draws them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gen_augment
from gen_augment.samplers import CLASSICAL, SAMPLERS

#: A layer may import those before it. Type-checking imports do not count, imports inside functions do.
LAYERS = [
    {"errors", "types"},
    {"rng", "validation", "archive", "counts", "neighbours"},
    {"codecs", "nets", "training"},
    {"samplers", "rejection"},
    {"bank", "metrics", "data", "export"},
    {"filters"},
    {"inject"},
    {"study"},
    {"auditing"},
    {"terminal"},
    {"cli_study"},
    {"cli"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
ROOT = Path(gen_augment.__file__).parent
#: What is no sampler among the samplers.
PLUMBING = {path.stem for path in ROOT.glob("samplers/*.py")} - {
    sampler.__module__.rpartition(".")[2] for sampler in (*SAMPLERS.values(), *CLASSICAL.values())
}
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py"
)


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a module imports when it is loaded or run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (
                f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names
            )
        yield from imports(node)


def is_wrong(module: str, name: str) -> bool:
    """Whether `module` importing `name` goes against the arrows."""
    package, _, rest = module.removesuffix(".py").partition("/")
    root, target, inner = [*name.split("."), "", ""][:3]
    if root != "gen_augment":
        return root in ("", "benchmarks", "examples", "tests")
    if target not in RANK or (target != package and RANK[target] >= RANK[package]):
        return True
    if target == "samplers" and package == "samplers" and rest not in PLUMBING:
        return inner not in PLUMBING
    return target == "samplers" and package == "inject"


def problems(module: str, tree: ast.AST) -> list[str]:
    """Imports of `module` that go against the arrows."""
    return [name for name in imports(tree) if is_wrong(module, name)]


@pytest.mark.parametrize("module", MODULES)
def test_arrows_go_one_way(module: str) -> None:
    assert module.removesuffix(".py").split("/")[0] in RANK, "give the new module a layer"
    assert problems(module, ast.parse((ROOT / module).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "module, source",
    [
        ("codecs/image.py", "from gen_augment.study.task import take"),
        ("codecs/image.py", "def f():\n    from gen_augment.samplers import SAMPLERS"),
        ("codecs/image.py", "import gen_augment.modalities.networks"),
        ("archive.py", "from gen_augment import rng"),
        ("rng.py", "from gen_augment import ConditionalVAE"),
        ("samplers/vae.py", "from gen_augment.samplers.gan import ConditionalGAN"),
        ("samplers/vae.py", "from gen_augment.samplers import ConditionalGAN"),
        ("inject/loader.py", "from gen_augment.samplers.vae import ConditionalVAE"),
        ("inject/loader.py", "import gen_augment.samplers"),
        ("study/runner.py", "from benchmarks import protocol"),
        ("study/runner.py", "from . import task"),
    ],
)
def test_an_import_against_the_arrows_is_seen(module: str, source: str) -> None:
    assert len(problems(module, ast.parse(source))) == 1


@pytest.mark.parametrize(
    "module, source",
    [
        ("codecs/image.py", "from gen_augment.containers import stack_rows"),
        ("codecs/image.py", "if TYPE_CHECKING:\n    from gen_augment.study import Study"),
        (
            "samplers/vae.py",
            "from gen_augment.samplers.base import Sampler\nfrom gen_augment import archive",
        ),
        ("cli.py", "import numpy\nfrom gen_augment.study import Study"),
    ],
)
def test_an_import_along_the_arrows_is_none(module: str, source: str) -> None:
    assert problems(module, ast.parse(source)) == []


def test_public_names_are_sorted_and_there() -> None:
    assert gen_augment.__all__ == sorted(gen_augment.__all__)
    assert len(set(gen_augment.__all__)) == len(gen_augment.__all__)
    for name in gen_augment.__all__:
        assert getattr(gen_augment, name).__module__.startswith("gen_augment.")
