"""Trials on disk: what is written comes back, whatever happened in between."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment.errors import ArchiveError
from gen_augment.study.store import Trial, TrialStore


def trial(arm: str, seed: int, **more: Any) -> Trial:
    return {"arm": arm, "seed": seed, "error": None, "test_nll": 0.1 + 0.2, "fit_seconds": None} | more


def test_trials_and_pictures_come_back(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "new" / "folder", "study")
    first, second = trial("real", 0), trial("gan", 0, test_nll=float("inf"))
    store.append(first, {})
    store.append(second, {"gan": b"picture"})
    assert TrialStore(store.folder, "study").read() == ([first, second], {"gan": b"picture"})


def test_empty_folder_has_no_trials(tmp_path: Path) -> None:
    assert TrialStore(tmp_path, "study").read() == ([], {})


def test_numbers_of_numpy_are_written(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(trial("real", 0, n_train=np.int64(7), test_nll=np.float32(0.5)), {})
    (found,), _ = store.read()
    assert (found["n_train"], found["test_nll"]) == (7, 0.5)


def test_failed_trials_are_written_and_not_read(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(trial("real", 0, error="ValueError: é\nno"), {})
    store.append(trial("real", 1), {})
    assert [t["seed"] for t in store.read()[0]] == [1]
    assert json.loads(store.trials.read_text().splitlines()[0])["error"] == "ValueError: é\nno"


def test_trial_that_was_run_again_counts_once(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    for error, score in (("failed", 0.0), (None, 0.1), (None, 0.2)):
        store.append(trial("real", 0, error=error, test_nll=score), {})
    assert [t["test_nll"] for t in store.read()[0]] == [0.2]


def test_line_cut_short_anywhere_costs_that_trial_alone(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    for seed in range(2):
        store.append(trial("real", seed), {})
    whole = store.trials.read_bytes()
    last = whole.index(b"\n") + 1
    for cut in range(last, len(whole) - 1):
        store.trials.write_bytes(whole[:cut])
        assert [t["seed"] for t in store.read()[0]] == [0]
        store.append(trial("real", 1), {})
        store.append(trial("real", 2), {})
        assert [t["seed"] for t in store.read()[0]] == [0, 1, 2]


def test_first_picture_is_kept(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(trial("gan", 0), {"gan": b"first"})
    store.append(trial("gan", 1), {"gan": b"second", "vae": b"other"})
    assert store.read()[1] == {"gan": b"first", "vae": b"other"}


@pytest.mark.parametrize("marker", [None, "", "{", "[]", '{"study": "other"}'])
def test_folder_of_another_study_is_refused_and_left_alone(tmp_path: Path, marker: str | None) -> None:
    TrialStore(tmp_path, "mine").append(trial("real", 0), {})
    if marker is not None:
        (tmp_path / "study.json").write_text(marker)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ArchiveError, match=r"holds another study .* choose another folder"):
        TrialStore(tmp_path, "theirs")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_place_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot make the folder"):
        TrialStore(tmp_path / "file" / "folder", "study")
