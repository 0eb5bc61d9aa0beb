"""A result in the folder of its study, and back: reports in other forms need neither the data nor a new run."""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes
from gen_augment.errors import ArchiveError
from gen_augment.study.result import StudyResult
from gen_augment.study.store import TrialStore
from gen_augment.study.trial import COLUMNS

__all__ = ["load_result", "save_result"]


def save_result(result: StudyResult, folder: str | os.PathLike[str]) -> None:
    """Write ``result.json`` and ``truth.npz`` into the folder that `Study.run` was given.

    Raises
    ------
    ArchiveError
        It cannot be written.
    """
    folder = Path(folder)
    buffer = io.BytesIO()
    truth: dict[str, Any] = {
        f"{seed} {name}": codes
        for seed, parts in result.truth.items()
        for name, codes in parts.items()
    }
    if result.test_groups is not None:
        truth["groups"] = result.test_groups
    np.savez_compressed(buffer, **truth)
    write_bytes(folder / "truth.npz", buffer.getvalue())
    result.to_json(folder / "result.json")


def load_result(folder: str | os.PathLike[str]) -> StudyResult:
    """What `save_result` wrote.

    Parameters
    ----------
    folder : path-like
        As `Study.run` or ``gen-augment study`` had it.

    Raises
    ------
    ArchiveError
        The folder holds no result of a study, or a damaged one.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / "result.json").read_text())
        with np.load(
            io.BytesIO((folder / "truth.npz").read_bytes()), allow_pickle=False
        ) as archive:
            truth: dict[int, dict[str, np.ndarray]] = {}
            groups = archive["groups"] if "groups" in archive.files else None
            for key in (name for name in archive.files if name != "groups"):
                seed, _, name = key.partition(" ")
                truth.setdefault(int(seed), {})[name] = archive[key]
        trials = pd.DataFrame(record["trials"], columns=COLUMNS).replace({None: np.nan})
        wanted = set(zip(trials["arm"], trials["seed"], strict=True))
        keys = dict(zip(trials["arm"], trials["arm_key"], strict=True))
        store = TrialStore(folder, json.loads((folder / "study.json").read_text())["study"])
        found = {(o.trial["arm"], o.trial["seed"]): o.predictions for o in store.read(keys)}
        return StudyResult(
            trials,
            record["arms"],
            record["metric"],
            record["overlap"],
            record["protocol"],
            {
                name: picture
                for name, picture in store.pictures().items()
                if name in record["examples"]
            },
            controls=frozenset(record["controls"]),
            margin=record["margin"],
            alpha=record["alpha"],
            predictions={key: found[key] for key in found if key in wanted},
            truth=truth,
            sizes=tuple(record["sizes"]),
            fixed_test=record.get("fixed_test", not record["overlap"]),  # which older ones lack
            test_groups=groups,
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ArchiveError(
            f"{folder} holds no result of a study that can be read ({error!r}): give the folder beside its report."
        ) from error
