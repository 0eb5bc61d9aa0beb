"""The step loop on a problem with a known answer: fitting a mean."""

import os
import signal
import threading
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gen_augment import DivergedError
from gen_augment.training import Batches, Callback, Loop
from gen_augment.training.loop import CHECK_EVERY


class Mean(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.value).square().sum(dim=1).mean()


def make_loop(max_steps: int = 200, callbacks: list[Callback] | None = None, **params: Any) -> Loop:
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) + torch.tensor(
        [1.0, 2.0, 3.0]
    )
    batches = Batches(x, torch.zeros(50, dtype=torch.int64), batch_size=10, seed=0)
    return Loop(batches, Mean(), sampler=None, fabric=Fabric(accelerator="cpu"), max_steps=max_steps,
                callbacks=callbacks or [], **params)  # fmt: skip


def make_step(loop: Loop, bad_at: int | None = None, bad: float = float("nan")) -> Any:
    model, optimizer = loop.setup(loop.network, torch.optim.Adam(loop.network.parameters(), lr=0.1))

    def step(batch: Any) -> dict[str, Tensor]:
        loss = model(batch[0])
        optimizer.zero_grad()
        loop.fabric.backward(loss)
        optimizer.step()
        return {"loss": loss, "extra": torch.tensor(bad if loop.step + 1 == bad_at else 1.0)}

    return step


class Recorder(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_fit_begin(self, sampler: Any, loop: Loop) -> None:
        self.events.append("begin")

    def on_step_end(self, sampler: Any, loop: Loop) -> None:
        self.events.append(loop.step)

    def on_fit_end(self, sampler: Any, loop: Loop) -> None:
        self.events.append(loop.status)


def test_minimises_the_loss_and_reports_it() -> None:
    recorder = Recorder()
    loop = make_loop(callbacks=[recorder])
    loop.run(make_step(loop))
    torch.testing.assert_close(
        loop.network.value.detach(), loop.batches.x.mean(dim=0), atol=0.05, rtol=0
    )
    assert recorder.events == ["begin", *range(1, 201), "done"]
    assert loop.history["step"] == list(range(CHECK_EVERY, 201, CHECK_EVERY))
    assert loop.history["extra"] == [1.0] * 8
    assert loop.history["loss"][-1] < loop.history["loss"][0]


@pytest.mark.parametrize(
    ("schedule", "shape"),
    [
        ("cosine", lambda t: 0.5 * (1 + np.cos(np.pi * t / 100))),
        ("trapezoid", lambda t: 1 if t <= 50 else max(0.02, 2 - t / 50)),
    ],
)
def test_learning_rate_warms_up_and_decays(schedule: Any, shape: Any) -> None:
    loop = make_loop(max_steps=100, schedule=schedule)
    step = make_step(loop)
    rates = []
    loop.run(lambda batch: (rates.append(loop.optimizers[0].param_groups[0]["lr"]), step(batch))[1])
    expected = [0.1 * min(1, (t + 1) / 2) * shape(t) for t in range(100)]
    np.testing.assert_allclose(rates, expected)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_divergence_names_step_and_loss_and_keeps_the_last_good_weights(bad: float) -> None:
    recorder = Recorder()
    undisturbed = make_loop(max_steps=200)
    step = make_step(undisturbed)
    at_fifty: list[Tensor] = []

    def watched(batch: Any) -> dict[str, Tensor]:
        if undisturbed.step == 50:
            at_fifty.append(undisturbed.network.value.detach().clone())
        return step(batch)  # type: ignore[no-any-return]

    undisturbed.run(watched)
    loop = make_loop(callbacks=[recorder])
    with pytest.raises(
        DivergedError, match=f"extra became {bad} at step 63 of 200; the weights of step 50"
    ) as caught:
        loop.run(make_step(loop, bad_at=63, bad=bad))
    assert (caught.value.step, caught.value.loss) == (63, "extra")
    assert torch.equal(loop.network.value.detach(), at_fifty[0])
    assert loop.step == 50
    assert recorder.events[-1] == "diverged"


def test_non_finite_weights_are_found_even_if_losses_are_finite() -> None:
    loop = make_loop(max_steps=60)
    step = make_step(loop)

    def poisoned(batch: Any) -> dict[str, Tensor]:
        losses = step(batch)
        if loop.step == 59:
            loop.network.value.data.fill_(float("inf"))
        return losses  # type: ignore[no-any-return]

    with pytest.raises(DivergedError, match="weights became nan at step 60"):
        loop.run(poisoned)
    assert torch.isfinite(loop.network.value).all()


def test_ctrl_c_ends_between_two_steps_and_restores_the_handler() -> None:
    before = signal.getsignal(signal.SIGINT)
    recorder = Recorder()
    loop = make_loop(callbacks=[recorder])
    step = make_step(loop)
    finished = []

    def interrupted(batch: Any) -> dict[str, Tensor]:
        if loop.step == 30:
            os.kill(os.getpid(), signal.SIGINT)
        losses = step(batch)
        finished.append(loop.step)
        return losses  # type: ignore[no-any-return]

    with pytest.raises(KeyboardInterrupt):
        loop.run(interrupted)
    assert finished[-1] == 30
    assert loop.step == 31
    assert recorder.events[-1] == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_that_the_process_ignores_is_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        loop = make_loop(max_steps=5)
        step = make_step(loop)
        loop.run(lambda batch: (os.kill(os.getpid(), signal.SIGINT), step(batch))[1])
        assert (loop.step, loop.status) == (5, "done")
    except KeyboardInterrupt:
        pytest.fail("interrupted")
    else:
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_callback_ends_and_the_first_error_is_raised() -> None:
    class Failing(Callback):
        def on_fit_end(self, sampler: Any, loop: Loop) -> None:
            raise OSError("full")

    recorder = Recorder()
    loop = make_loop(max_steps=3, callbacks=[Failing(), recorder])
    with pytest.raises(OSError, match="full"):
        loop.run(make_step(loop))
    assert recorder.events == ["begin", 1, 2, 3, "done"]
    loop = make_loop(max_steps=30, callbacks=[Failing(), recorder])
    with pytest.raises(DivergedError):
        loop.run(make_step(loop, bad_at=3))
    assert recorder.events[-1] == "diverged"


def test_runs_outside_the_main_thread() -> None:
    loop = make_loop(max_steps=5)
    step = make_step(loop)
    thread = threading.Thread(target=loop.run, args=(step,))
    thread.start()
    thread.join()
    assert loop.status == "done"
