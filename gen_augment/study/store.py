"""Trials of one study in a folder, each written as soon as it ends."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from gen_augment.archive import write_bytes
from gen_augment.errors import ArchiveError

__all__ = ["Trial", "TrialStore"]

Trial = dict[str, Any]


class TrialStore:
    """``study.json`` says which study the folder belongs to; ``trials.jsonl`` has a line a trial.

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
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveError(f"cannot make the folder {folder}: {error.strerror}.") from error
        marker = folder / "study.json"
        text = json.dumps({"study": fingerprint})
        if not marker.exists():
            write_bytes(marker, text.encode())
        elif marker.read_bytes() != text.encode():
            raise ArchiveError(f"{folder} holds another study (other data, model or settings): choose another folder.")

    def read(self) -> tuple[list[Trial], dict[str, bytes]]:
        """Trials without an error, and example pictures."""
        lines = self.trials.read_text().splitlines() if self.trials.exists() else []
        trials: dict[tuple[str, int], Trial] = {}
        for line in lines:
            try:
                trial = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by a kill; that trial is run again
            if trial["error"] is None:
                trials[trial["arm"], trial["seed"]] = trial
        pictures = {path.stem: path.read_bytes() for path in self.folder.glob("*.png")}
        return list(trials.values()), pictures

    def append(self, trial: Trial, examples: dict[str, bytes]) -> None:
        """Keep one trial, safe from a kill at any moment."""
        with self.trials.open("a") as file:
            file.write("\n" * _ends_mid_line(self.trials) + json.dumps(trial, default=_plain) + "\n")
            file.flush()
            os.fsync(file.fileno())
        for name, picture in examples.items():
            if not (self.folder / f"{name}.png").exists():
                write_bytes(self.folder / f"{name}.png", picture)


def _ends_mid_line(path: Path) -> bool:
    text = path.read_bytes()
    return bool(text) and not text.endswith(b"\n")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
