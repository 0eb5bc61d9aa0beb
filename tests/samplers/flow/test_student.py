"""A student against closed forms, and where samples come from a student or from the flow."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gen_augment import ConditionalFlow, DivergedError, InputError
from gen_augment.batch_share import batch_share
from gen_augment.samplers.flow import student as student_module
from gen_augment.samplers.flow.student import HALF, draw_paths, sample_in_two
from gen_augment.training import Callback, Checkpoint
from tests.conftest import toy_table
from tests.training.toys import InterruptAt

MEAN, SCALE = 3.0, 0.4
KWARGS: dict[str, Any] = {"max_steps": 60, "width": 4, "random_state": 0, "device": "cpu"}


def velocity(x: Tensor, t: float, y: Tensor) -> Tensor:
    """The velocity that carries N(0, 1) to N(MEAN, SCALE^2)."""
    variance = (1 - t) ** 2 + (t * SCALE) ** 2
    return MEAN + (t * SCALE**2 - (1 - t)) / variance * (x - t * MEAN)


def test_paths_are_those_of_the_velocity() -> None:
    paths = draw_paths(velocity, (2,), torch.zeros(500, dtype=torch.int64), batch_size=64)
    z, middle, end = paths.unbind(dim=1)
    assert z.shape == (500, 2)
    assert z.std().item() == pytest.approx(1, abs=0.1)
    spread = (HALF**2 + (HALF * SCALE) ** 2) ** 0.5
    torch.testing.assert_close(middle, HALF * MEAN + spread * z, atol=0.1, rtol=0)
    torch.testing.assert_close(end, MEAN + SCALE * z, atol=0.1, rtol=0)


def test_two_steps_of_mean_velocities_are_exact() -> None:
    z, spread = torch.randn(50, 2), (HALF**2 + (HALF * SCALE) ** 2) ** 0.5

    def mean_velocity(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        later = t[:, None] > 0
        noise = torch.where(later, (x - HALF * MEAN) / spread, x)
        end = torch.where(later, MEAN + SCALE * noise, HALF * MEAN + spread * noise)
        return (end - x) / HALF

    found = sample_in_two(mean_velocity, z, torch.zeros(50, dtype=torch.int64))
    torch.testing.assert_close(found, MEAN + SCALE * z)


def test_a_student_learns_the_map_of_the_flow() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    X = rng.normal(size=(2000, 2)) * 0.3 + np.where(y, 2.0, -1.0)[:, None]
    sampler = ConditionalFlow(
        max_steps=300, student_steps=200, width=16, random_state=0, device="cpu"
    ).fit(X, y)
    calls = []
    sampler.network_.student.register_forward_hook(lambda *_: calls.append(1))  # type: ignore[union-attr]
    z, codes = torch.randn(400, 2), torch.arange(400) % 2
    with torch.no_grad():
        found, exact = sampler._generate(z, codes), sampler._integrate(z, codes, 0.0)
    assert len(calls) == 2
    assert (found - exact).square().mean().sqrt() < 0.1 * exact.std()
    made, _ = sampler.sample(y={0: 500, 1: 500})
    np.testing.assert_allclose(made[:500].mean(axis=0), -1, atol=0.15)
    np.testing.assert_allclose(made[500:].mean(axis=0), 2, atol=0.15)


@pytest.mark.parametrize("n", [2, 4])
def test_processes_that_share_a_batch_have_the_loss_of_one(n: int) -> None:
    paths, y = torch.randn(12, 3, 2), torch.arange(12)

    def student(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return x * (1 + t[:, None]) + y[:, None]

    whole = student_module._loss(student, paths, y)["loss"]
    parts = []
    for rank, here in enumerate(torch.arange(12).chunk(n)):  # three rows each, of four processes
        with batch_share(rank, n):
            parts.append(student_module._loss(student, paths[here], y[here])["loss"])
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_samples_with_other_guidance_are_the_flows(tmp_path: Path) -> None:
    X, y = toy_table()
    plain = ConditionalFlow(**KWARGS).fit(X, y)
    taught = ConditionalFlow(student_steps=20, **KWARGS).fit(X, y)
    assert not np.array_equal(
        taught.sample(5, random_state=0)[0], plain.sample(5, random_state=0)[0]
    )
    # The flow itself is the same, and so are all methods that use it.
    np.testing.assert_array_equal(
        taught.vary(X, y, random_state=0), plain.vary(X, y, random_state=0)
    )
    np.testing.assert_array_equal(taught.log_prob(X[:3], y[:3]), plain.log_prob(X[:3], y[:3]))
    taught.save(tmp_path / "flow")
    loaded = ConditionalFlow.load(tmp_path / "flow", device="cpu")
    np.testing.assert_array_equal(
        loaded.sample(5, random_state=0)[0], taught.sample(5, random_state=0)[0]
    )
    for sampler in (plain, taught):
        sampler.set_params(guidance=1.5)
    np.testing.assert_array_equal(
        taught.sample(5, random_state=0)[0], plain.sample(5, random_state=0)[0]
    )


def test_a_student_that_was_not_finished_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = toy_table()
    plain = ConditionalFlow(**KWARGS).fit(X, y)
    expected = plain.sample(5, random_state=0)[0]

    def diverging(student: Any, paths: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"loss": student(paths[:, 0], y.float(), y).mean() * torch.inf}

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    for error, replaced in ((DivergedError, diverging), (KeyboardInterrupt, interrupted)):
        sampler = ConditionalFlow(student_steps=5, **KWARGS).fit(X, y)
        monkeypatch.setattr(student_module, "_loss", replaced)
        with pytest.raises(error):
            sampler.fit(X, y)
        monkeypatch.undo()
        np.testing.assert_array_equal(sampler.sample(5, random_state=0)[0], expected)


def test_more_training_teaches_the_student_again() -> None:
    X, y = toy_table()
    sampler = ConditionalFlow(student_steps=10, **KWARGS).fit(X, y)
    before = sampler.sample(5, random_state=0)[0]
    again = ConditionalFlow(student_steps=10, **KWARGS).fit(X, y)
    np.testing.assert_array_equal(again.sample(5, random_state=0)[0], before)
    sampler.partial_fit(X, y)
    assert sampler.n_steps_ == 120
    assert float(sampler.network_.taught) == 1.0  # type: ignore[arg-type]
    assert not np.array_equal(sampler.sample(5, random_state=0)[0], before)


def test_a_finished_checkpoint_holds_the_student(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = toy_table()
    params = {"student_steps": 10, **KWARGS}
    expected = ConditionalFlow(**params).fit(X, y).sample(5, random_state=0)[0]

    def fit(*more: Callback) -> ConditionalFlow:
        callbacks = [Checkpoint(tmp_path / "flow", every=20), *more]
        return ConditionalFlow(callbacks=callbacks, **params).fit(X, y)

    with pytest.raises(KeyboardInterrupt):
        fit(InterruptAt(33))
    untaught: Any = ConditionalFlow.load(tmp_path / "flow").network_.taught
    assert float(untaught) == -1
    np.testing.assert_array_equal(fit().sample(5, random_state=0)[0], expected)
    loaded = ConditionalFlow.load(tmp_path / "flow", device="cpu")
    np.testing.assert_array_equal(loaded.sample(5, random_state=0)[0], expected)
    monkeypatch.setattr(student_module, "draw_paths", None)  # a student is not taught again
    np.testing.assert_array_equal(fit().sample(5, random_state=0)[0], expected)


@pytest.mark.parametrize("bad", [-1, 2.5, True])
def test_steps_of_a_student_are_a_whole_number(bad: Any) -> None:
    with pytest.raises(InputError, match="student_steps"):
        ConditionalFlow(student_steps=bad, **KWARGS).fit(*toy_table())
