"""Processes of another interpreter, which has imported the package already."""

import contextlib
import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")


def run_elsewhere(function: Callable[..., Any], *args: Any) -> Any:
    """Return the result of a function of a module, called in another process.

    Hashes of strings and memory addresses differ from those of this process.
    """
    with ProcessPoolExecutor(1, mp_context=CONTEXT) as pool:
        return pool.submit(function, *args).result()


def _run_script(path: str, out: str) -> None:
    with Path(out).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.argv = [path]
        with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            runpy.run_path(path, run_name="__main__")


def run_script(path: Path) -> str:
    """Return what a script prints. It runs unchanged, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out")
        with ProcessPoolExecutor(1, mp_context=CONTEXT) as pool:
            failed = pool.submit(_run_script, str(path), out).exception()
        printed = Path(out).read_text()
    assert failed is None, f"{printed}\n{failed!r}"
    return printed
