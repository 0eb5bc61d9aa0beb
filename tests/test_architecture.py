"""The structure of the package: one-way imports, no circles, one owner of each form of data."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from sklearn.base import BaseEstimator

import gen_augment

ROOT = Path(gen_augment.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}

#: A package may import those before it. Every import counts, also in functions and for types.
LAYERS = [
    {"errors", "types", "progress", "user_warnings"},
    {"rng", "validation", "archive", "containers", "neighbours", "jobs", "batch_share"},
    {"modalities"},
    {"data", "training"},
    {"privacy"},
    {"samplers"},
    {"bank", "metrics", "distillation", "classify"},
    {"filters"},
    {"inject"},
    {"study"},
    {"auditing"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
#: Branches that only the owner of a form of data may write.
KIND = re.compile(r"(?<!dtype\.)(?<!\.dtype\.)\bkind (==|!=|in) |(?<!dtype)\.kind\b|infer_codec")
#: Modules without a test file of their own, and why.
UNTESTED = {
    "types.py": "protocols and aliases, which mypy checks",
    "modalities/file_rows.py": "named tuples without methods",
    "study/spec.py": "dataclasses without methods, which study/preparation.py checks",
}
MAX_LINES, MAX_PUBLIC_NAMES, MAX_CONSTRUCTOR = 350, 25, 40


def imported(path: Path) -> Iterator[str]:
    """Yield the names of all gen_augment modules and members that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_file(name: str) -> str | None:
    """Return the file of the package that an imported name comes from."""
    parts = name.split(".")
    if parts[0] != "gen_augment":
        return None
    for length in range(len(parts), 0, -1):
        stem = "/".join(parts[1:length])
        for file in (f"{stem}.py", f"{stem}/__init__.py" if stem else "__init__.py"):
            if file in FILES:
                return file
    return None


def arrows(file: str) -> set[str]:
    """Return the files that a file imports, without the `__init__` of the package."""
    found = {module_file(name) for name in imported(FILES[file])} - {None, file, "__init__.py"}
    return {str(target) for target in found}


GRAPH = {file: arrows(file) for file in FILES if file != "__init__.py"}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one file (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            cut = stack.index(node)
            if len(stack) - cut > 1:
                found.append(sorted(stack[cut:]))
            del stack[cut:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_no_files_import_each_other() -> None:
    assert circles(GRAPH) == []


def package(file: str) -> str:
    """Return the package or the module at the top that a file belongs to."""
    return file.split("/")[0].removesuffix(".py")


def test_imports_go_one_way() -> None:
    assert {package(file) for file in GRAPH} <= set(RANK), "give the new module a layer"
    outside = re.compile(r"(benchmarks|examples|tests)\b")
    assert [
        (file, name) for file in GRAPH for name in imported(FILES[file]) if outside.match(name)
    ] == []
    assert [
        (file, target)
        for file, targets in GRAPH.items()
        for target in targets
        if package(target) != package(file) and RANK[package(target)] >= RANK[package(file)]
    ] == []


def test_no_branch_on_a_kind_of_data_outside_modalities() -> None:
    assert [
        (file, line)
        for file, path in FILES.items()
        if not file.startswith("modalities/")
        for line in path.read_text(encoding="utf-8").splitlines()
        if KIND.search(line)
    ] == []


def test_files_are_short() -> None:
    lengths = {
        file: len(path.read_text(encoding="utf-8").splitlines()) for file, path in FILES.items()
    }
    assert {file: lines for file, lines in lengths.items() if lines > MAX_LINES} == {}


def mirrored(file: str) -> Path:
    """Return the place of the tests of a module."""
    path = Path(file)
    return Path(__file__).parent / path.parent / f"test_{path.name}"


def test_every_module_has_a_test_file_at_the_mirrored_path() -> None:
    without = {file for file in FILES if not file.endswith("__.py") and not mirrored(file).exists()}
    assert without == set(UNTESTED), "write the test files, or give reasons in UNTESTED; not both"


def classes() -> Iterator[type]:
    """Yield every class that the package defines."""
    for file in FILES:
        if file.endswith("__main__.py"):
            continue
        stem = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        name = "gen_augment" if stem == "__init__" else f"gen_augment.{stem}"
        module = importlib.import_module(name)
        for member in vars(module).values():
            if inspect.isclass(member) and member.__module__ == name:
                yield member


def public_names(cls: type) -> set[str]:
    """Return the public names of a class and of its bases in the package."""
    bases = [base for base in cls.__mro__ if base.__module__.startswith("gen_augment")]
    names = {name for base in bases for name in vars(base) if not name.startswith("_")}
    return names - set(dir(BaseEstimator))


def constructor_lines(cls: type) -> int:
    """Return the length of the body of a class's own, written constructor."""
    if not inspect.isfunction(vars(cls).get("__init__")) or hasattr(cls, "__dataclass_fields__"):
        return 0
    body = ast.parse(textwrap.dedent(inspect.getsource(cls.__init__))).body[0].body  # type: ignore[attr-defined]
    return int(body[-1].end_lineno - body[0].lineno + 1)


def test_classes_are_small() -> None:
    found = list(classes())
    assert len(found) > 100
    many = {
        cls: sorted(public_names(cls))
        for cls in found
        if not issubclass(cls, tuple) and not getattr(cls, "_is_protocol", False)
        if len(public_names(cls)) > MAX_PUBLIC_NAMES
    }
    assert many == {}
    assert [cls for cls in found if constructor_lines(cls) > MAX_CONSTRUCTOR] == []


def test_public_names_are_sorted_and_there() -> None:
    assert gen_augment.__all__ == sorted(gen_augment.__all__)
    assert len(set(gen_augment.__all__)) == len(gen_augment.__all__)
    for name in gen_augment.__all__:
        assert getattr(gen_augment, name).__module__.startswith("gen_augment.")


def test_the_walks_name_files_that_exist() -> None:
    text = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:gen_augment|tests|examples)/[\w./]+)`", text)
    written = [name for name in named if "NAME" not in name]
    assert len(written) > 10
    assert [name for name in written if not (ROOT.parent / name).exists()] == []
