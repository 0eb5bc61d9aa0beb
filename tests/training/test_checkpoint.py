"""Checkpoints: interrupted runs end in the same weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gen_augment import (
    ArchiveError,
    ConditionalVAE,
)
from gen_augment.samplers import Sampler
from gen_augment.training import Callback, Checkpoint, Loop
from tests.conftest import NETWORKS, toy_images, toy_table
from tests.training.toys import InterruptAt, X, make, weights, y


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("step", [1, 33, 50])
@pytest.mark.parametrize("data", [toy_images, toy_table], ids=["images", "table"])
def test_interrupted_and_resumed_ends_in_the_same_weights(
    name: str, step: int, data: Any, tmp_path: Path
) -> None:
    rows, labels = data()
    undisturbed = make(name).fit(rows, labels)
    path = tmp_path / "checkpoint"
    sampler = make(name, callbacks=[Checkpoint(path, every=20), InterruptAt(step)])
    with pytest.raises(KeyboardInterrupt):
        sampler.fit(rows, labels)
    assert sampler.n_steps_ == step
    usable = type(sampler).load(path)
    assert usable.n_steps_ == step
    assert len(usable.sample(3)[0]) == 3

    torch.manual_seed(123)  # the global random state has no effect on the resumed run
    resumed = make(name, callbacks=[Checkpoint(path, every=20)]).fit(rows, labels)
    assert resumed.n_steps_ == 60
    assert all(
        torch.equal(a, b) for a, b in zip(weights(resumed), weights(undisturbed), strict=True)
    )
    assert resumed.history_["step"][-1] == 60


def test_checkpoint_of_another_run_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    make(callbacks=[Checkpoint(path)]).fit(X, y)
    content = path.read_bytes()
    for params, rows in (({"lr": 0.1}, X), ({"random_state": 1}, X), ({}, X + 1)):
        with pytest.raises(ArchiveError, match="another run"):
            make(callbacks=[Checkpoint(path)], **params).fit(rows, y)
        assert path.read_bytes() == content
    make().fit(X, y).save(path)
    with pytest.raises(ArchiveError, match="not a checkpoint"):
        make(callbacks=[Checkpoint(path)]).fit(X, y)
    make(callbacks=[Checkpoint(path, resume=False)], lr=0.1).fit(X, y)
    assert ConditionalVAE.load(path).lr == 0.1


def test_diverging_run_leaves_the_checkpoint_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"

    class Poison(Callback):
        def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
            if loop.step == 33:
                next(sampler.network_.parameters()).data.fill_(float("nan"))

    sampler = make(callbacks=[Checkpoint(path, every=10), Poison()])
    with pytest.raises(RuntimeError, match="became nan"):
        sampler.fit(X, y)
    assert ConditionalVAE.load(path).n_steps_ == 30
    assert sampler.n_steps_ == 30
    assert np.isfinite(sampler.sample(5)[0]).all()


def test_divergence_after_a_resumption_keeps_the_weights_of_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        make(callbacks=[Checkpoint(path), InterruptAt(30)]).fit(X, y)
    kept = ConditionalVAE.load(path)

    class Poison(Callback):
        def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
            next(sampler.network_.parameters()).data.fill_(float("nan"))

    sampler = make(callbacks=[Poison(), Checkpoint(path)])
    with pytest.raises(RuntimeError, match="the weights of step 30 were kept"):
        sampler.fit(X, y)
    pairs = zip(sampler.network_.parameters(), kept.network_.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_run_with_a_drawn_seed_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        make(random_state=None, callbacks=[Checkpoint(path), InterruptAt(30)]).fit(X, y)
    seed = ConditionalVAE.load(path).seed_
    resumed = make(random_state=None, callbacks=[Checkpoint(path)]).fit(X, y)
    assert (resumed.seed_, resumed.n_steps_) == (seed, 60)
    undisturbed = make(random_state=seed).fit(X, y)
    assert all(
        torch.equal(a, b) for a, b in zip(weights(resumed), weights(undisturbed), strict=True)
    )
    with pytest.raises(ArchiveError, match="another run"):
        make(random_state=None, callbacks=[Checkpoint(path)]).fit(X + 1, y)
    assert (
        make(random_state=None, callbacks=[Checkpoint(path, resume=False)]).fit(X, y).seed_ != seed
    )


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="looks at the maps of Linux")
def test_a_resumed_run_holds_no_mapping_of_its_checkpoint(tmp_path: Path) -> None:
    """Windows cannot replace a memory-mapped file."""
    path, mapped = tmp_path / "run.safetensors", []

    class Stop(Callback):
        def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
            if loop.step == 2:
                loop.stop()

    class Look(Callback):
        def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
            mapped.append(path.name in Path("/proc/self/maps").read_text())

    data = toy_table(48)
    make(max_steps=6, callbacks=[Checkpoint(path), Stop()]).fit(*data)
    make(max_steps=6, callbacks=[Checkpoint(path), Look()]).fit(*data)
    assert len(mapped) == 4
    assert not any(mapped)
