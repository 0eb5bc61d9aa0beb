"""Trials on disk are restored exactly, also after an interruption."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment.errors import ArchiveError
from gen_augment.study.trial_store import Outcome, Trial, TrialStore


def trial(arm: str, seed: int, **more: Any) -> Trial:
    return {
        "arm": arm,
        "seed": seed,
        "error": None,
        "test_nll": 0.1 + 0.2,
        "fit_seconds": None,
    } | more


PREDICTIONS = {"test": np.array([[0.25, 0.75]], np.float32)}


def outcome(*args: Any, pictures: Any = None, **more: Any) -> Outcome:
    return Outcome(trial(*args, **more), PREDICTIONS, pictures or {})


def trials(store: TrialStore) -> list[Trial]:
    return [found.trial for found in store.read()]


def test_trials_predictions_and_pictures_come_back(tmp_path: Path) -> None:
    store = TrialStore(tmp_path / "new" / "folder", "study")
    store.append(outcome("real", 0))
    store.append(outcome("gan", 0, test_nll=float("inf"), pictures={"gan": b"picture"}))
    again = TrialStore(store.folder, "study")
    assert trials(again) == [trial("real", 0), trial("gan", 0, test_nll=float("inf"))]
    assert again.pictures() == {"gan": b"picture"}
    for found in again.read():
        np.testing.assert_array_equal(found.predictions["test"], PREDICTIONS["test"])
        assert found.predictions["test"].dtype == np.float32


def test_empty_folder_has_no_trials(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    assert (store.read(), store.pictures()) == ([], {})


def test_numbers_of_numpy_are_written(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(outcome("real", 0, n_train=np.int64(7), test_nll=np.float32(0.5)))
    (found,) = trials(store)
    assert (found["n_train"], found["test_nll"]) == (7, 0.5)


def test_failed_trials_are_written_and_not_read(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(outcome("real", 0, error="ValueError: é\nno"))
    store.append(outcome("real", 1))
    assert [t["seed"] for t in trials(store)] == [1]
    assert json.loads(store.trials.read_text().splitlines()[0])["error"] == "ValueError: é\nno"


def test_trial_that_was_run_again_counts_once(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    for error, score in (("failed", 0.0), (None, 0.1), (None, 0.2)):
        store.append(outcome("real", 0, error=error, test_nll=score))
    assert [t["test_nll"] for t in trials(store)] == [0.2]


def test_line_cut_short_anywhere_costs_that_trial_alone(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    for seed in range(2):
        store.append(outcome("real", seed))
    whole = store.trials.read_bytes()
    last = whole.index(b"\n") + 1
    for cut in range(last, len(whole) - 1, 3):
        store.trials.write_bytes(whole[:cut])
        assert [t["seed"] for t in trials(store)] == [0]
        store.append(outcome("real", 1))
        store.append(outcome("real", 2))
        assert [t["seed"] for t in trials(store)] == [0, 1, 2]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 and no more", None])
def test_a_trial_without_predictions_does_not_count(damage: bytes | None, tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(outcome("real", 0))
    (file,) = (tmp_path / "predictions").iterdir()
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    assert store.read() == []


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(outcome("real", 0))
    (file,) = (tmp_path / "predictions").iterdir()
    np.savez(file, test=np.array([object()], dtype=object))
    assert store.read() == []


def test_rows_are_kept_by_key(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    rows = np.zeros(2, dtype=[("f0", "f8"), ("f1", "i4")])  # as a DataFrame is packed
    store.keep_rows("key", {"rows": rows, "codes": np.arange(2)})
    found = TrialStore(tmp_path, "study").read_rows("key")
    assert found is not None
    np.testing.assert_array_equal(found["rows"], rows)
    assert store.read_rows("other") is None


def test_first_picture_is_kept(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    store.append(outcome("gan", 0, pictures={"gan": b"first"}))
    store.append(outcome("gan", 1, pictures={"gan": b"second", "vae": b"other"}))
    assert store.pictures() == {"gan": b"first", "vae": b"other"}


@pytest.mark.parametrize("marker", [None, "", "{", "[]", '{"study": "other"}'])
def test_folder_of_another_study_is_refused_and_left_alone(
    tmp_path: Path, marker: str | None
) -> None:
    TrialStore(tmp_path, "mine").append(outcome("real", 0))
    if marker is not None:
        (tmp_path / "study.json").write_text(marker)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ArchiveError, match=r"holds another study .* choose another folder"):
        TrialStore(tmp_path, "theirs")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_unusable_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot make the folder"):
        TrialStore(tmp_path / "file" / "folder", "study")


def test_parts_have_any_name_and_other_lines_are_left_out(tmp_path: Path) -> None:
    store = TrialStore(tmp_path, "study")
    predictions = dict.fromkeys(("file", "args", "rows:x"), PREDICTIONS["test"])
    store.append(Outcome(trial("real", 0), predictions))
    with store.trials.open("ab") as file:
        file.write(b'null\n[1, 2]\n{"arm": "real"}\n\xff\n')
    (found,) = store.read()
    assert list(found.predictions) == list(predictions)
