"""``gen-augment audit``: tables, images and bad options."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from gen_augment import (
    ConditionalVAE,
)
from gen_augment.cli import main
from tests.auditing.toys import (
    GROUPS,
    TRAIN,
    UNSEEN,
)
from tests.study.pages import Page


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in a temporary folder, with classifiers of few steps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_module("gen_augment.auditing.audit"), "N_STEPS", 20)

    def call(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(["audit", *arguments, "--device", "cpu"])
        return int(ended.value.code or 0)

    return call


def test_tables_with_unseen_rows_and_a_group(run: Callable[..., int], capsys: Any) -> None:
    for name, (X, y) in (("train", TRAIN), ("unseen", UNSEEN)):
        frame = pd.DataFrame(X[:120], columns=["a", "b", "c"]).assign(
            old=GROUPS[240:360] == "left", y=y[:120]
        )
        frame.to_csv(f"{name}.csv", index=False)
    train = pd.read_csv("train.csv")
    vae = ConditionalVAE(max_steps=30, width=4, random_state=0, device="cpu").fit(
        train.drop(columns="y"), train["y"]
    )
    vae.save("vae")
    options = "vae", "train.csv", "--target", "y", "-o", "page.html"
    assert run(*options, "--unseen", "unseen.csv", "--group", "old", "-n", "60") == 0
    sheet = json.loads(Path("page.json").read_text())
    assert sheet["unseen_rows"] == 60
    assert sheet["groups"].keys() == {"False", "True"}
    assert sheet["columns"].keys() == {"a", "b", "c", "old"}
    assert "Groups" in Page(Path("page.html").read_text(encoding="utf-8")).text
    capsys.readouterr()
    assert run(*options, "--group", "old") == 2
    assert "give holdout" in capsys.readouterr().err
    assert run(*options, "--features", "resnet0") == 2
    assert "resnet0" in capsys.readouterr().err


def test_images(run: Callable[..., int], capsys: Any) -> None:
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8).astype(np.uint8)
    ConditionalVAE(max_steps=20, width=4, random_state=0, device="cpu").fit(images, y).save("vae")
    options = "--per-class 12 -n 80 --features values -o page.html"
    assert run("vae", "digits", *options.split()) == 0
    assert "page.html" in capsys.readouterr().out
    page = Page(Path("page.html").read_text(encoding="utf-8"))
    assert len(page.all("img")) == 7
    assert "Distinguishable from real rows" in page.text
    assert json.loads(Path("page.json").read_text())["training_rows"] == 120
    assert run("vae", "wine", "-o", "other.html") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not Path("other.html").exists()
