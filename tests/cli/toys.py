"""Small files, and processes, for tests of the command line."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from tests.conftest import toy_images, toy_table

Run = Callable[..., tuple[int, str, str]]


COMMAND = [sys.executable, "-m", "gen_augment"]


def everything_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def write_table(path: Path, *, labels: tuple[str, str] = ("stays", "goes")) -> pd.DataFrame:
    X, y = toy_table(40)
    frame = pd.DataFrame(
        {"score": X[:, 0], "visits": np.rint(X[:, 1] * 9).astype(int), "member": X[:, 2] > 0}
    )
    frame["churn"] = np.array(labels)[y]
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return frame


def write_images(root: Path, n: int = 12, channels: int = 1) -> Path:
    images, y = toy_images(n, channels=channels, seed=len(root.name))
    for number, (image, code) in enumerate(zip(images, y, strict=True)):
        folder = root / ("up", "down")[code]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(folder / f"{number}.png")
    return root


def start(*arguments: Any, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    for _ in range(6000):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.01)
    assert path.exists(), process.communicate()
