"""Fits of several processes: the result of one process, endings, checkpoints and bad input."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import ConditionalVAE, DivergedError, InputError
from gen_augment.samplers import NetworkSampler
from gen_augment.training import Callback, Checkpoint, EarlyStopping, Loop
from gen_augment.training.placement import count_devices
from tests.conftest import small_sampler, toy_images, toy_table
from tests.training.together import together

TABLE, IMAGES = toy_table(), toy_images()
TEXTS = [" ".join("abcdefgh"[i % 8 :]) for i in range(40)], [0, 1] * 20
CASES: list[tuple[str, Any, dict[str, Any]]] = [
    ("flow", TABLE, {"student_steps": 4}),
    ("flow", IMAGES, {"mirror": True}),
    ("vae", TABLE, {}),
    ("vae", IMAGES, {}),
    ("paired", TABLE, {}),
    ("paired", IMAGES, {}),
    ("gan", TABLE, {}),
    ("gan", IMAGES, {"augment": "adaptive"}),
    ("lm", TEXTS, {"width": 64, "n_layers": 1, "dropout": 0.0}),
]


def fitted(name: str, data: Any, **params: Any) -> NetworkSampler:
    sampler: NetworkSampler = small_sampler(name, **({"max_steps": 6} | params))
    return sampler.fit(*data)


def described(sampler: NetworkSampler) -> tuple[dict[str, torch.Tensor], Any, str]:
    return sampler._to_archive()[1], sampler.history_, sampler.fingerprint()


def fit_all(rank: int, devices: Any) -> list[Any]:
    return [described(fitted(name, data, devices=devices, **more)) for name, data, more in CASES]


class Call(Callback):
    """Calls a function after a step."""

    def __init__(self, step: int, function: Any) -> None:
        self.step, self.function = step, function

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        if loop.step == self.step:
            self.function(loop)


@pytest.mark.parametrize("n", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_fit_of_several_processes_is_that_of_one(n: int) -> None:
    every = together(n, fit_all, n)
    for case, alone, *ranks in zip(CASES, fit_all(0, 1), *every, strict=True):
        assert len({rank[2] for rank in ranks}) == 1, f"{case[0]}: ranks differ"
        assert all(rank[1] == ranks[0][1] for rank in ranks)
        for name, weight in alone[0].items():
            found = ranks[0][0][name].double()
            error = (found - weight.double()).abs().max() / (weight.double().abs().max() + 1e-3)
            assert error < 1e-3, f"{case[0]}: {name} differs by {error:.1e}"
        for name, values in alone[1].items():
            np.testing.assert_allclose(ranks[0][1][name], values, rtol=1e-4, atol=1e-4)


def interrupt(loop: Loop) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def endings(rank: int, folder: Path) -> dict[str, Any]:
    """Fits that end in different ways, and should do so in the same way on every rank."""
    found: dict[str, Any] = {}

    def fit(case: str, data: Any = TABLE, **params: Any) -> None:
        params = {"max_steps": 60, "devices": "auto", "random_state": 0} | params
        sampler, error = small_sampler("vae", **params), ""
        try:
            sampler.fit(*data)
        except (InputError, DivergedError, KeyboardInterrupt) as caught:
            error = f"{type(caught).__name__} {caught}"
        steps = getattr(sampler, "n_steps_", 0)
        found[case] = error, steps, sampler.fingerprint() if steps else ""

    fit("random seed", random_state=None)
    fit("early stop", callbacks=[EarlyStopping(patience=1, min_delta=1e9)])
    fit("diverged", lr=1e30)
    fit("Ctrl-C", callbacks=[Checkpoint(folder / "two", every=10), Call(33, interrupt)])
    fit("resumed", callbacks=[Checkpoint(folder / "one")])
    fit("other rows", (TABLE[0] + rank, TABLE[1]))
    return found


def test_all_processes_end_alike_and_resume_what_another_number_began(tmp_path: Path) -> None:
    whole = fitted("vae", TABLE, max_steps=60)
    stop = [Checkpoint(tmp_path / "one"), Call(33, interrupt)]
    with pytest.raises(KeyboardInterrupt):
        fitted("vae", TABLE, max_steps=60, callbacks=stop)
    first, second = together(2, endings, tmp_path)
    assert first == second
    ends = {case: (error.split()[:1], steps) for case, (error, steps, _) in first.items()}
    assert ends == {
        "random seed": ([], 60),
        "early stop": ([], fitted_steps()),
        "diverged": (["DivergedError"], 0),
        "Ctrl-C": (["KeyboardInterrupt"], 50),  # at the next reading
        "resumed": ([], 60),
        "other rows": (["InputError"], 0),
    }
    two = fitted("vae", TABLE, max_steps=60, callbacks=[Checkpoint(tmp_path / "two")])
    one = ConditionalVAE.load(tmp_path / "one", device="cpu")
    for sampler in (one, two):
        torch.testing.assert_close(
            sampler.sample(50, random_state=1)[0], whole.sample(50, random_state=1)[0],
            rtol=1e-3, atol=1e-3,
        )  # fmt: skip


def fitted_steps() -> int:
    """Return when one process stops early."""
    callbacks = [EarlyStopping(patience=1, min_delta=1e9)]
    return fitted("vae", TABLE, max_steps=60, callbacks=callbacks).n_steps_


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"devices": 0}, "devices=0 is not a whole number"),
        ({"devices": "all"}, "devices='all' is not a whole number"),
        ({"devices": 3}, "batch_size=8 cannot be divided among 3 devices: .* multiple of 3.* 6"),
        ({"devices": 2, "device": "cpu:0"}, "device='cpu:0' is one device"),
        ({"devices": 2, "torch_compile": True}, "torch_compile=True is for one device"),
    ],
)
def test_bad_devices(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fitted("vae", TABLE, **params)


def test_all_cuda_devices_and_all_processes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert count_devices("auto", "auto") == (4, 1)
    assert count_devices("cpu", "auto") == (1, 1)
    with pytest.raises(InputError, match="there are 4 CUDA devices"):
        count_devices("cuda", 5)
    for name, value in {"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "6"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    assert count_devices("cpu", "auto") == count_devices("cuda", 2) == (2, 3)
    assert count_devices("cpu", 1) == (1, 1)
    with pytest.raises(InputError, match="torchrun started 2 processes"):
        count_devices("cpu", 3)
