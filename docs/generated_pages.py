"""Pages generated from the package and the benchmarks."""

import importlib
import pkgutil
import shutil
from collections.abc import Iterator
from pathlib import Path

import gen_augment

__all__ = ["write_api", "write_results"]

#: Packages that are no part of the public interface.
INTERNAL = {"cli", "codecs", "nets"}
#: Modules that are imported by themselves, because they need optional packages.
APART = (
    "errors",
    "inject.torchvision",
    "inject.albumentations",
    "inject.resample",
    "inject.resampled_estimator",
    "study.statistics",
)
OPENING = (
    "API reference\n=============\n\n"
    "Every public name, by the module to import it from. Other names may change without notice.\n"
)


def write_results(results: Path, target: Path) -> None:
    """Write a page for the full table of each benchmark."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(results.glob("*.md")):
        include = f"../../../benchmarks/results/{path.name}"
        (target / path.name).write_text(f"```{{include}} {include}\n:relative-images:\n```\n")


def write_api(target: Path) -> None:
    """Write the index of the API reference from `__all__` of every public module."""
    parts, listed, pages = [OPENING], set(), set()
    for name in public_modules():
        module = importlib.import_module(name)
        optional = {"GenerativeOverSampler", "audit"} if name == "gen_augment" else set()
        names = sorted(optional | set(getattr(module, "__all__", ())), key=str.lower)
        new = [each for each in names if id(getattr(module, each)) not in listed]
        listed |= {id(getattr(module, each)) for each in new}
        pages |= {f"{name}.{each}.rst" for each in new}
        if new:
            parts.append(section(name, module.__doc__ or "", new))
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(parts))
    for stale in (target.parent / "generated").glob("*.rst"):
        if stale.name not in pages:
            stale.unlink()


def section(module: str, doc: str, names: list[str]) -> str:
    """Return a heading, the module's first paragraph and a table of names."""
    intro = "" if module == "gen_augment" else doc.strip().split("\n\n")[0]
    lines = [module, "-" * len(module), "", intro, "", f".. currentmodule:: {module}", ""]
    lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    return "\n".join([*lines, *(f"   {name}" for name in names), ""])


def public_modules() -> Iterator[str]:
    """Yield the package, its public subpackages, and modules that are imported by themselves."""
    yield "gen_augment"
    for found in pkgutil.iter_modules(gen_augment.__path__):
        if found.ispkg and found.name not in INTERNAL:
            yield f"gen_augment.{found.name}"
    yield from (f"gen_augment.{name}" for name in APART)
