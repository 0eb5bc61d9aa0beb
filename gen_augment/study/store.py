"""Trials of one study in a folder, each written as soon as it ends, and synthetic rows that several arms share."""

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from filelock import FileLock, Timeout

from gen_augment.archive import write_bytes
from gen_augment.errors import ArchiveError

__all__ = ["Outcome", "Predictions", "Trial", "TrialStore"]

Trial = dict[str, Any]
#: Probabilities (n, n_classes) of the test part, "test", and of other rows to be tested on, by name.
Predictions = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """What one trial gives: its record, its predictions for rows whose labels it has not seen, and pictures."""

    trial: Trial
    predictions: Predictions = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)


class TrialStore:
    """A study's folder.

    ``study.json`` says which study it belongs to; ``trials.jsonl`` has a line a trial; ``predictions/`` a file a trial;
    ``rows/`` synthetic rows by the hash of all that decides them; ``plan.json`` and ``time.json``, of a study with a
    budget, what of it is run and the seconds spent; ``running.lock`` is held by the process that runs it.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    fingerprint : str
        Of the study; a folder with another one is refused.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder
        self.trials = folder / "trials.jsonl"
        try:
            for path in (folder, folder / "predictions", folder / "rows"):
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"cannot make the folder {folder}: {error.strerror}.") from error
        marker = folder / "study.json"
        text = json.dumps({"study": fingerprint})
        if not marker.exists():
            write_bytes(marker, text.encode())
        elif marker.read_bytes() != text.encode():
            raise ArchiveError(
                f"{folder} holds another study (other data, model or settings): choose another folder."
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others from running the study until the block, or this process, ends."""
        lock = FileLock(self.folder / "running.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise ArchiveError(
                f"the study in {self.folder} is being run by another process: wait until that ends, or choose another "
                "folder; n_jobs= divides one study among processes."
            ) from None
        except OSError as error:
            raise ArchiveError(f"cannot write {lock.lock_file}: {error.strerror}.") from error
        try:
            yield
        finally:
            lock.release()

    def read(self, keys: Mapping[str, str] | None = None) -> list[Outcome]:
        """Trials without an error whose predictions are there too, the last of each.

        Of all arms, or of those with these keys by name: one of the same name may have had other settings.
        """
        lines = self.trials.read_text().splitlines() if self.trials.exists() else []
        found: dict[tuple[str, int], Outcome] = {}
        for line in lines:
            try:
                trial = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a kill; that trial is run again
            wanted = keys is None or keys.get(trial["arm"]) == trial.get("arm_key")
            if wanted and trial["error"] is None:
                predictions = _load(self._predictions(trial))
                if predictions is not None:
                    found[trial["arm"], trial["seed"]] = Outcome(trial, predictions)
        return list(found.values())

    def pictures(self) -> dict[str, bytes]:
        """Example pictures by the name of the sampler."""
        return {unquote(path.stem): path.read_bytes() for path in self.folder.glob("*.png")}

    def append(self, outcome: Outcome) -> None:
        """Keep one trial, safe from a kill at any moment: its line is written when all else is there."""
        trial = outcome.trial
        if trial["error"] is None:
            write_bytes(self._predictions(trial), _as_bytes(outcome.predictions))
        for name, picture in outcome.pictures.items():
            path = self.folder / f"{quote(name, safe='')}.png"  # any name will do for an arm
            if not path.exists():
                write_bytes(path, picture)
        with self.trials.open("a") as file:
            file.write(
                "\n" * _ends_mid_line(self.trials) + json.dumps(trial, default=_plain) + "\n"
            )
            file.flush()
            os.fsync(file.fileno())

    def read_plan(self) -> dict[str, Any] | None:
        """What `keep_plan` was given, or None."""
        return _read_json(self.folder / "plan.json")

    def keep_plan(self, plan: Mapping[str, Any]) -> None:
        """Keep JSON values."""
        write_bytes(self.folder / "plan.json", (json.dumps(plan, indent=1) + "\n").encode())

    def read_time(self) -> float:
        """Seconds that `keep_time` was given last, or 0."""
        return float((_read_json(self.folder / "time.json") or {}).get("seconds", 0.0))

    def keep_time(self, seconds: float) -> None:
        """Keep the seconds spent so far."""
        write_bytes(self.folder / "time.json", json.dumps({"seconds": seconds}).encode())

    def read_rows(self, key: str) -> Predictions | None:
        """Arrays that were kept under `key`, or None."""
        return _load(self.folder / "rows" / f"{key}.npz")

    def keep_rows(self, key: str, arrays: Predictions) -> None:
        """Keep arrays under the hash of all that decides them."""
        write_bytes(self.folder / "rows" / f"{key}.npz", _as_bytes(arrays))

    def _predictions(self, trial: Trial) -> Path:
        name = hashlib.blake2b(
            repr((trial["arm"], trial.get("arm_key"))).encode(), digest_size=8
        ).hexdigest()
        return self.folder / "predictions" / f"{name}-{trial['seed']}.npz"


def _as_bytes(arrays: Predictions) -> bytes:
    buffer, plain = io.BytesIO(), dict[str, Any](arrays)
    np.savez(buffer, **plain)  # allow_pickle= would be the name of an array before NumPy 2.2
    return buffer.getvalue()


def _load(path: Path) -> Predictions | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ArchiveError(
            f"{path} cannot be read ({error}): remove it, and the study is planned anew."
        ) from error
    return found


def _ends_mid_line(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
