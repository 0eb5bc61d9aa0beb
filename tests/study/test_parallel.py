"""Trials in several processes, within a budget, through kills; and looks at a study that may stop early."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from joblib.parallel import MultiprocessingBackend
from sklearn.naive_bayes import GaussianNB

from gen_augment.errors import InputError, LeakError
from gen_augment.study import parallel
from gen_augment.study.copies import near_copies
from gen_augment.study.parallel import Clock, Jobs
from gen_augment.study.trial_store import TrialStore
from tests.study.test_runner import X, Y, image_study, scores
from tests.study.toys import (
    Copies,
    Failing,
    Log,
    TrueDraws,
    centred_images,
    gaussians,
    rows_of,
    small_study,
    unlabelled,
)

ARMS = ["real", "oversample", "copies", "copies:0.5", "copies:2"]


@pytest.mark.slow
def test_two_processes_give_the_table_of_one(tmp_path: Path) -> None:
    alone = small_study(X, Y, arms=ARMS, n_seeds=3).run()
    told: list[Any] = []
    together = small_study(X, Y, arms=ARMS, n_seeds=3).run(
        tmp_path, n_jobs=2, on_trial=lambda trial, done, total: told.append((done, total))
    )
    pd.testing.assert_frame_equal(scores(together), scores(alone))
    assert told == [(done, 15) for done in range(1, 16)]
    pd.testing.assert_frame_equal(
        scores(small_study(X, Y, arms=ARMS, n_seeds=3).run(tmp_path)), scores(alone)
    )


def test_backend_is_joblib_s_and_threads_are_refused() -> None:
    with (
        joblib.parallel_config(backend="threading", n_jobs=2),
        pytest.raises(InputError, match="ThreadingBackend"),
    ):
        small_study(X, Y).run()
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        assert Jobs(None).n == 2


class OnlyLists(MultiprocessingBackend):  # type: ignore[misc]
    """As ray's backend: it gives all results at once, or none."""

    supports_return_generator = False


@pytest.mark.slow
def test_a_backend_without_generators_gives_the_same_table() -> None:
    joblib.register_parallel_backend("lists", OnlyLists)
    told: list[Any] = []
    with joblib.parallel_config(backend="lists", n_jobs=2):
        found = small_study(X, Y, arms=ARMS, n_seeds=3).run(
            on_trial=lambda trial, done, total: told.append(done)
        )
    pd.testing.assert_frame_equal(
        scores(found), scores(small_study(X, Y, arms=ARMS, n_seeds=3).run())
    )
    assert told == list(range(1, 16))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_a_dask_cluster_gives_the_same_table() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        found = small_study(X, Y, arms=ARMS, n_seeds=3).run()
    pd.testing.assert_frame_equal(
        scores(found), scores(small_study(X, Y, arms=ARMS, n_seeds=3).run())
    )


@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "2"])
def test_number_of_jobs(n_jobs: Any) -> None:
    with pytest.raises(InputError, match="n_jobs="):
        small_study(X, Y).run(n_jobs=n_jobs)


class Tick:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    tick = Tick()
    monkeypatch.setattr(parallel.time, "monotonic", tick)
    return tick


def test_clock_begins_no_lap_that_would_not_end_in_time(tick: Tick) -> None:
    clock = Clock(1.0)
    for seconds in (20, 15, 10):
        assert clock.has_time(16)
        with clock.lap(16):
            tick.now += seconds
    assert not clock.has_time(16)  # after 45 s, a fourth of up to 20 s could end after the minute
    assert clock.has_time(12)  # but a smaller one of up to 15 s could not
    assert clock.has_time(16, overtime=True)
    tick.now += 8
    assert not clock.has_time(16, overtime=True)  # 53 s and 20 s are more than 72 s
    assert Clock(None).has_time(16)
    clock = Clock(1.0)
    clock.spend(59)
    assert clock.has_time(0)
    clock.spend(2)
    assert not clock.has_time(0)


def test_budget_ends_a_study_with_whole_seeds(tick: Tick, tmp_path: Path) -> None:
    def pass_time(*_: Any) -> None:
        tick.now += 10

    study = small_study(X, Y, n_seeds=9)
    with pytest.warns(UserWarning, match="3 of 9 seeds"):
        short = study.run(tmp_path, budget=1.2, on_trial=pass_time)  # 20 s a seed
    assert (short.n_seeds, short.protocol["n_seeds_planned"]) == (3, 9)
    assert len(short.trials) == 6
    assert "3 paired seeds" in short.verdict()
    with pytest.warns(UserWarning, match="6 of 9 seeds"):
        longer = study.run(tmp_path, budget=2.5, on_trial=pass_time)
    assert longer.n_seeds == 6
    with pytest.raises(InputError, match="budget=0"):
        study.run(budget=0)


# Looks


def test_sequential_study_stops_when_it_is_certain() -> None:
    settings: dict[str, Any] = {
        "test": gaussians(2000, dim=10, seed=1), "per_class": 10, "n_seeds": 12, "sequential": True,
    }  # fmt: skip
    found = small_study(
        *gaussians(1000, dim=10), samplers={"copies": TrueDraws()}, **settings
    ).run()
    assert found.verdict().startswith("Yes")
    assert 3 <= found.n_seeds < 12
    assert found.design.alpha < 0.05
    assert f"{found.design.level} interval" in found.verdict()
    nothing = small_study(*gaussians(1000, dim=10), samplers={"copies": Copies()}, **settings).run()
    assert nothing.n_seeds == 12
    assert nothing.verdict().startswith("No")


# Honesty


def test_trials_have_no_test_labels_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the last trial has ended, nobody has asked for them."""
    study, asked = small_study(X, Y), []
    task = study.check().task
    truth = task.truth
    monkeypatch.setattr(task, "truth", lambda seed: asked.append(seed) or truth(seed))
    study.run(on_trial=lambda *_: asked.append("trial"))
    assert asked[:4] == ["trial"] * 4
    assert len(asked) == 6
    assert (task.split(0).test.codes == -1).all()


def test_near_copies_of_training_rows_are_told() -> None:
    rows, y = gaussians(80, dim=6)
    test = gaussians(30, dim=6, seed=1)
    test[0][3] = rows[5] + 1e-4
    settings: dict[str, Any] = {
        "test": test,
        "n_seeds": 1,
        "validation_size": 0.05,
        "arms": ["real"],
    }
    with pytest.warns(
        UserWarning, match=r"1 test rows are near copies of training rows \(first: test row 3\)"
    ):
        small_study(rows, y, **settings).run()
    with pytest.raises(LeakError, match="near copies"):
        small_study(rows, y, near_copies="error", **settings).run()
    small_study(rows, y, near_copies="ignore", **settings).run()


def test_near_copies_of_images_and_none_by_chance() -> None:
    images, _ = centred_images(60)
    moved = images[:5].copy()
    moved[:, 6, 6] ^= 1  # one grey level of one pixel
    assert near_copies(rows_of(images, np.arange(60) % 2), unlabelled(moved)).tolist() == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert (
        near_copies(rows_of(images[:30], np.arange(30) % 2), unlabelled(images[30:])).tolist() == []
    )
    assert (
        near_copies(
            rows_of(np.arange(20.0)[:, None], np.arange(20) % 2),
            unlabelled(np.arange(20.0)[:, None] + 1e-9),
        ).tolist()
        == []
    )


# The cache of rows


def test_rows_on_disk_are_used_for_the_same_data_code_and_sampler_alone(tmp_path: Path) -> None:
    log = Log()
    samplers = {"copies": Copies(log)}
    small_study(X, Y, samplers=samplers, arms=["copies"]).run(tmp_path)
    (tmp_path / "trials.jsonl").unlink()
    again = small_study(X, Y, samplers=samplers, arms=["copies"]).run(tmp_path)
    assert len(log) == 2
    pd.testing.assert_frame_equal(scores(again), scores(small_study(X, Y, arms=["copies"]).run()))
    small_study(X, Y, samplers=samplers, arms=["copies:3"]).run(tmp_path)
    assert len(log) == 4
    assert len(list((tmp_path / "rows").iterdir())) == 4


@pytest.mark.parametrize("form", ["frame", "tensor", "images"])
def test_rows_on_disk_have_the_form_of_the_data(form: str, tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "frame": (pd.DataFrame(X, columns=["a", "b"]), Y),
        "tensor": (torch.from_numpy(X), Y),
        "images": centred_images(40),
    }
    for _ in range(2):
        found = small_study(*data[form], samplers={"copies": Rows()}, model=GaussianNB()).run(
            tmp_path
        )
        assert found.trials["error"].isna().all()
        (tmp_path / "trials.jsonl").unlink()


class Rows(Copies):
    """Copies in the container of the data."""

    def draw(self, labels: np.ndarray, rng: np.random.Generator) -> Any:
        index = np.array([rng.choice(np.flatnonzero(self.y_ == label)) for label in labels])
        return (
            self.X_.iloc[index].reset_index(drop=True)
            if isinstance(self.X_, pd.DataFrame)
            else self.X_[index]
        )


def test_a_failed_use_leaves_the_others() -> None:
    result = image_study(arms=["copies", "copies:vary", "copies:realism"], n_seeds=1).run()
    assert result.trials["arm"].tolist()[0] == "real"  # added: a verdict needs it
    assert result.trials["error"].isna().tolist() == [True, True, False, False]
    failed = image_study(
        arms=["copies", "copies:2"], samplers={"copies": Failing(Log(), at=(0,))}, n_seeds=1
    ).run()
    assert failed.trials["error"].tolist()[1:] == ["RuntimeError: planned"] * 2


def test_controls_are_told_and_never_chosen() -> None:
    result = small_study(
        *gaussians(1000), test=gaussians(2000, seed=1), per_class=20, n_seeds=8,
        arms=["real", "repeat", "copies", "wrong:shuffled"], samplers={"copies": TrueDraws(), "wrong": TrueDraws()},
    ).run()  # fmt: skip
    assert result.controls == {"wrong:shuffled"}
    assert result.best(generative=True) == "copies"
    assert any(words.startswith("The control wrong:shuffled") for words in result.details())


KILLED = """
import sys, time
from tests.study.toys import Copies, gaussians, small_study
small_study(*gaussians(60), arms=["real", "oversample", "copies", "copies:2"], n_seeds=6).run(
    sys.argv[1], on_trial=lambda *_: time.sleep(0.05))
"""


@pytest.mark.slow
def test_killed_again_and_again_it_ends_in_the_same_table(tmp_path: Path) -> None:
    whole = small_study(X, Y, arms=["real", "oversample", "copies", "copies:2"], n_seeds=6).run()
    folder = tmp_path / "study"
    for more in (3, 7):
        done = _n_lines(folder)
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(folder)], env=os.environ | {"PYTHONPATH": "."}
        )
        while _n_lines(folder) < done + more and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    known = _n_lines(folder)
    told: list[Any] = []
    study = small_study(X, Y, arms=["real", "oversample", "copies", "copies:2"], n_seeds=6)
    resumed = study.run(folder, on_trial=lambda trial, *_: told.append(trial["arm"]))
    pd.testing.assert_frame_equal(scores(resumed), scores(whole))
    assert len(told) == 24 - known
    assert len(TrialStore(folder, study.check().fingerprint).read()) == 24


def _n_lines(folder: Path) -> int:
    file = folder / "trials.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0
