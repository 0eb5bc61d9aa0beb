"""``gen-augment fit --init``: starting from another sampler."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets

from gen_augment import ConditionalFlow, ConditionalGAN, load_sampler
from gen_augment.cli import main


def fit(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "fit",
                "wine",
                *map(str, arguments),
                "--steps",
                "3",
                "--batch-size",
                "8",
                "--device",
                "cpu",
            ]
        )
    return int(ended.value.code or 0)


def test_training_starts_from_the_sampler_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = datasets.load_wine(return_X_y=True, as_frame=True)
    params: dict[str, Any] = {"max_steps": 3, "batch_size": 8, "random_state": 0, "device": "cpu"}
    first = ConditionalFlow(**params | {"random_state": 9}).fit(X, y)
    first.save("first")
    assert fit("--init", "first", "-o", "second") == 0
    expected = ConditionalFlow(**params).fit(X, y, init=first).generate([0, 1], [0, 1])
    found = load_sampler("second", device="cpu").generate([0, 1], [0, 1])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert fit("-o", "scratch") == 0
    first.set_params(guidance=1.5).save("guided")
    assert fit("--init", "guided", "-o", "third") == 0
    assert load_sampler("third", device="cpu").guidance == 1.5
    assert not np.allclose(load_sampler("scratch", device="cpu").generate([0, 1], [0, 1]), expected)


def test_an_unsuitable_sampler_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    gan = ConditionalGAN(max_steps=1, batch_size=8, device="cpu")
    gan.fit(*datasets.load_wine(return_X_y=True)).save("gan")
    for init, message in (
        ("gan", "can only start from a fitted ConditionalFlow"),
        ("none", "none is not a file"),
    ):
        assert fit("--init", init, "--sampler", "flow", "-o", "second") == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not Path("second").exists()
