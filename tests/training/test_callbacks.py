"""Callbacks on real, small fits."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gen_augment import (
    ArchiveError,
    InputError,
    MissingDependencyError,
    NotFittedError,
)
from gen_augment.samplers import Sampler
from gen_augment.training import Callback, Checkpoint, EarlyStopping, Loop, SampleGrid, TensorBoard
from tests.conftest import toy_images
from tests.training.toys import InterruptAt, X, make, weights, y


def test_a_checkpoint_creates_its_folder_or_fails_before_the_first_step(tmp_path: Path) -> None:
    make(max_steps=2, callbacks=[Checkpoint(tmp_path / "new" / "checkpoint")]).fit(X, y)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["checkpoint"]
    (tmp_path / "file").touch()
    steps: list[int] = []

    class Count(Callback):
        def on_step_end(self, sampler: Sampler, loop: Loop) -> None:
            steps.append(loop.step)

    with pytest.raises(ArchiveError, match=r"cannot write .*Choose a folder"):
        make(callbacks=[Count(), Checkpoint(tmp_path / "file" / "checkpoint")]).fit(X, y)
    assert not steps


def test_callbacks_that_fail_leave_the_previous_fit(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    make(random_state=1, callbacks=[Checkpoint(path)]).fit(X, y)
    sampler = make().fit(X, y)
    expected, state = sampler.generate([0, 1], [0, 1]), dict(sampler.__dict__)
    for callback in (EarlyStopping("elbow"), SampleGrid(tmp_path), Checkpoint(path)):
        sampler.set_params(callbacks=[callback])
        for again in (sampler.fit, sampler.partial_fit):
            with pytest.raises((InputError, ArchiveError)):
                again(X[:30], y[:30])
            assert sampler.__dict__ == state | {"callbacks": [callback]}
            np.testing.assert_array_equal(sampler.generate([0, 1], [0, 1]), expected)
        fresh = make(callbacks=[callback])
        with pytest.raises((InputError, ArchiveError)):
            fresh.fit(X, y)
        with pytest.raises(NotFittedError):
            fresh.sample(1)


def test_early_stopping_continues_counting_after_a_resumption(tmp_path: Path) -> None:
    def callbacks() -> list[Callback]:
        return [
            EarlyStopping("kl", patience=50, min_delta=1e9),
            Checkpoint(tmp_path / "checkpoint"),
        ]

    with pytest.raises(KeyboardInterrupt):
        make(max_steps=1000, callbacks=[*callbacks(), InterruptAt(50)]).fit(X, y)
    for _ in range(2):  # the second fit finds a stopped run
        assert make(max_steps=1000, callbacks=callbacks()).fit(X, y).n_steps_ == 75


def test_early_stopping_waits_for_its_patience() -> None:
    stopping = EarlyStopping("kl", patience=50, min_delta=1e9)
    sampler = make(max_steps=1000, callbacks=[stopping]).fit(X, y)
    assert sampler.n_steps_ == 75  # the best reading is at step 25
    with pytest.raises(InputError, match=r"'elbow'.*'kl', 'loss'"):
        make(callbacks=[EarlyStopping("elbow")]).fit(X, y)


def test_sample_grid_shows_the_same_noise_throughout_training(tmp_path: Path) -> None:
    images, labels = toy_images()
    sampler = make(latent="prior", callbacks=[SampleGrid(tmp_path, every=30, n_per_class=3)]).fit(
        images, labels
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000030.png",
        "step-000060.png",
    ]
    picture = np.asarray(Image.open(tmp_path / "step-000060.png"))
    assert picture.shape == (2 * 12, 3 * 12)
    rows = sampler.generate(np.arange(6), [0, 0, 0, 1, 1, 1], seed=sampler.seed_)
    np.testing.assert_allclose(picture[:12, :12], rows[0, ..., 0], atol=1.01)
    assert torch.equal(
        weights(sampler)[0], weights(make().fit(images, labels))[0]
    )  # the callback does not change the result
    with pytest.raises(InputError, match="table"):
        make(callbacks=[SampleGrid(tmp_path)]).fit(X, y)


def test_tensorboard_gets_every_reading(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    sampler = make(callbacks=[TensorBoard(tmp_path)]).fit(X, y)
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    scalars = events.Scalars("loss")
    assert [event.step for event in scalars] == sampler.history_["step"] == [25, 50, 60]
    np.testing.assert_allclose(
        [event.value for event in scalars], sampler.history_["loss"], rtol=1e-5
    )


def test_missing_tensorboard_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if "tensorboard" in name:
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"gen_augment\[tensorboard\]"):
        make(callbacks=[TensorBoard(tmp_path)]).fit(X, y)


def test_verbose_draws_a_bar_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    make(verbose=True).fit(X, y)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "fit ConditionalVAE" in printed.err
