"""Calls in several processes: backends, and kills of a study."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
from joblib.parallel import MultiprocessingBackend

from gen_augment.errors import InputError, LostProcessError
from gen_augment.jobs import Jobs
from gen_augment.study.trial_store import TrialStore
from tests.processes import CONTEXT
from tests.study.small_studies import X, Y, scores
from tests.study.toys import gaussians, small_study

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


def test_backend_is_that_of_joblib_and_threads_are_refused() -> None:
    with (
        joblib.parallel_config(backend="threading", n_jobs=2),
        pytest.raises(InputError, match="ThreadingBackend"),
    ):
        small_study(X, Y).run()
    with joblib.parallel_config(backend="multiprocessing", n_jobs=2):
        assert Jobs(None).n == 2


class OnlyLists(MultiprocessingBackend):  # type: ignore[misc]
    """A backend like ray's, which returns all results at once."""

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


def slow_study(folder: Path) -> None:
    small_study(*gaussians(60), arms=["real", "oversample", "copies", "copies:2"], n_seeds=6).run(
        folder, on_trial=lambda *_: time.sleep(0.05)
    )


def test_repeated_kills_give_the_same_table(tmp_path: Path) -> None:
    whole = small_study(X, Y, arms=["real", "oversample", "copies", "copies:2"], n_seeds=6).run()
    folder = tmp_path / "study"
    for more in (3, 7):
        done = _n_lines(folder)
        process = CONTEXT.Process(target=slow_study, args=(folder,))
        process.start()
        while _n_lines(folder) < done + more and process.is_alive():
            time.sleep(0.01)
        process.kill()
        process.join()
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


def kill_own_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_process_is_named_with_a_remedy() -> None:
    with pytest.raises(
        LostProcessError, match=r"one of 2 processes was killed, .* fewer processes"
    ):
        list(Jobs(2).run([(kill_own_process,)] * 2))
