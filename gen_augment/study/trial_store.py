"""The folder of a study: trials, written as soon as they end, and rows that several arms share."""

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

from gen_augment.archive import write_bytes, write_json
from gen_augment.errors import ArchiveError

__all__ = ["Outcome", "Predictions", "Trial", "TrialStore", "is_png"]

#: Endings of files of example rows: pictures, and lines of text.
_EXAMPLES = (".png", ".lines.json")
#: Of names in files of arrays, since NumPy's `savez` has parameters of some names.
_PREFIX = "rows:"

Trial = dict[str, Any]
#: Probabilities (n, n_classes) of the test part, "test", and of other rows tested on, by name.
Predictions = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """What one trial returns: its record, its predictions, and examples of rows by sampler."""

    trial: Trial
    predictions: Predictions = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)


class TrialStore:
    """The folder of a study.

    ``study.json`` identifies the study, and ``settings.json`` describes it.
    ``trials.jsonl`` has one line per trial, and ``predictions/`` one file per trial.
    ``rows/`` has synthetic rows by the hash of all inputs that determine them. A study with a
    budget has two more files: ``plan.json`` states which part is run, and ``time.json``
    the seconds spent. The process that runs the study holds ``running.lock``.

    Parameters
    ----------
    folder : Path
        Created if it is missing.
    fingerprint : str
        Identifies the study; a folder with another fingerprint is refused.

    Raises
    ------
    ArchiveError
        The folder cannot be made, or belongs to another study.
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
                f"{folder} holds another study (other data, model or settings): "
                "choose another folder."
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the study until the block, or this process, ends."""
        lock = FileLock(self.folder / "running.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            raise ArchiveError(
                f"the study in {self.folder} is being run by another process: wait until that "
                "ends, or choose another folder; n_jobs= divides one study among processes."
            ) from None
        except OSError as error:
            raise ArchiveError(f"cannot write {lock.lock_file}: {error.strerror}.") from error
        try:
            yield
        finally:
            lock.release()

    def read(self, keys: Mapping[str, str] | None = None) -> list[Outcome]:
        """Return trials without an error that have predictions, the last of each arm and seed.

        With `keys`, only arms that have these names and keys: an arm of the same name may have had
        other settings.
        """
        text = self.trials.read_bytes().decode(errors="replace") if self.trials.exists() else ""
        found: dict[tuple[str, int], Outcome] = {}
        for line in text.splitlines():
            try:
                trial = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a kill: this trial runs again
            if not isinstance(trial, dict) or not trial.keys() >= {"arm", "seed", "error"}:
                continue
            wanted = keys is None or keys.get(trial["arm"]) == trial.get("arm_key")
            if wanted and trial["error"] is None:
                predictions = _load(self._predictions(trial))
                if predictions is not None:
                    found[trial["arm"], trial["seed"]] = Outcome(trial, predictions)
        return list(found.values())

    def pictures(self) -> dict[str, bytes]:
        """Return examples by the name of the sampler: PNG, or JSON of lines."""
        return {
            unquote(path.name.removesuffix(suffix)): path.read_bytes()
            for suffix in _EXAMPLES
            for path in self.folder.glob(f"*{suffix}")
        }

    def append(self, outcome: Outcome) -> None:
        """Store one trial.

        Its line is written last, so a kill at any moment loses this trial only.
        """
        trial = outcome.trial
        if trial["error"] is None:
            write_bytes(self._predictions(trial), _as_bytes(outcome.predictions))
        for name, picture in outcome.pictures.items():
            suffix = _EXAMPLES[0 if is_png(picture) else 1]
            path = self.folder / f"{quote(name, safe='')}{suffix}"  # arms may have any name
            if not path.exists():
                write_bytes(path, picture)
        with self.trials.open("a") as file:
            file.write(
                "\n" * _ends_mid_line(self.trials) + json.dumps(trial, default=_plain) + "\n"
            )
            file.flush()
            os.fsync(file.fileno())

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Return what `keep_json` was given, or None.

        Raises
        ------
        ArchiveError
            The file is damaged.
        """
        path = self.folder / name
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ArchiveError(
                f"{path} cannot be read ({error}): remove it, and the study is planned again."
            ) from error
        return found

    def keep_json(self, name: str, record: Mapping[str, Any]) -> None:
        """Keep JSON values in a file of this name."""
        write_json(self.folder / name, record)

    def read_rows(self, key: str) -> Predictions | None:
        """Return arrays that were kept under `key`, or None."""
        return _load(self.folder / "rows" / f"{key}.npz")

    def keep_rows(self, key: str, arrays: Predictions) -> None:
        """Keep arrays under the hash of all that decides them."""
        write_bytes(self.folder / "rows" / f"{key}.npz", _as_bytes(arrays))

    def _predictions(self, trial: Trial) -> Path:
        name = hashlib.blake2b(
            repr((trial["arm"], trial.get("arm_key"))).encode(), digest_size=8
        ).hexdigest()
        return self.folder / "predictions" / f"{name}-{trial['seed']}.npz"


def is_png(data: bytes) -> bool:
    """Return whether examples are a picture; they are JSON of lines of text otherwise."""
    return data.startswith(b"\x89PNG")


def _as_bytes(arrays: Predictions) -> bytes:
    buffer = io.BytesIO()
    prefixed: dict[str, Any] = {_PREFIX + name: array for name, array in arrays.items()}
    np.savez(buffer, **prefixed)
    return buffer.getvalue()


def _load(path: Path) -> Predictions | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            return {name.removeprefix(_PREFIX): archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None


def _ends_mid_line(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
