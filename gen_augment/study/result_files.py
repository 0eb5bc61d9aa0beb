"""A result in the folder of its study, and back: a report needs neither the data nor a new run."""

import io
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes, write_json
from gen_augment.errors import ArchiveError, InputError
from gen_augment.study.findings import Design, scores_left_out
from gen_augment.study.metrics import METRICS, Metric, find_metrics
from gen_augment.study.result import StudyResult, as_record
from gen_augment.study.trial import columns
from gen_augment.study.trial_store import TrialStore

__all__ = ["load_result", "save_result", "save_settings"]

_GROUPS, _LEFT_OUT = "groups", "left out "


def save_result(result: StudyResult, folder: str | os.PathLike[str]) -> None:
    """Write ``result.json`` and ``truth.npz`` into the folder that `Study.run` was given.

    Raises
    ------
    ArchiveError
        They cannot be written.
    """
    folder = Path(folder)
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {
        f"{seed} {name}": codes
        for seed, parts in result.truth.items()
        for name, codes in parts.items()
    }
    if result.design.test_groups is not None:
        arrays[_GROUPS] = result.design.test_groups
    # The user's scorer cannot be saved, but its scores can.
    if result.metric.labels is not None and result.design.fixed_test:
        for arm in dict.fromkeys(owner for owner, _ in result.predictions):
            arrays[f"{_LEFT_OUT}{arm}"] = scores_left_out(result, arm)
    np.savez_compressed(buffer, **arrays)
    write_bytes(folder / "truth.npz", buffer.getvalue())
    result.to_json(folder / "result.json")


def save_settings(result: StudyResult, n_trials: int, folder: str | os.PathLike[str]) -> None:
    """Write ``settings.json``, from which `load_result` describes a study that has not ended."""
    record = as_record(result)
    record["protocol"] = record["protocol"] | {"n_trials_planned": n_trials}
    write_json(Path(folder) / "settings.json", record)


def load_result(folder: str | os.PathLike[str]) -> StudyResult:
    """Read the result of a study from its folder.

    If the study was killed before its end, the result is an interim one, `Design.interim`: it has
    the trials that have ended, with validation scores. The labels of test rows are not in the
    folder then; `Study.result` reads them from the data.

    Parameters
    ----------
    folder : path-like
        As `Study.run` was given, or as ``gen-augment study`` wrote beside its report.

    Raises
    ------
    ArchiveError
        The folder holds no result of a study, or a damaged one.
    """
    folder = Path(folder)
    try:
        if (folder / "result.json").exists() or not (folder / "settings.json").exists():
            return _load_whole(folder)
        return _load_interim(folder)
    except (OSError, KeyError, TypeError, ValueError, InputError) as error:
        raise ArchiveError(
            f"{folder} holds no result of a study that can be read ({error!r}): give the folder "
            "beside its report."
        ) from error


def _load_whole(folder: Path) -> StudyResult:
    record = json.loads((folder / "result.json").read_text())
    with np.load(io.BytesIO((folder / "truth.npz").read_bytes()), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    groups = arrays.pop(_GROUPS, None)
    left_out = {
        name.removeprefix(_LEFT_OUT): arrays.pop(name)
        for name in list(arrays)
        if name.startswith(_LEFT_OUT)
    }
    truth: dict[int, dict[str, np.ndarray]] = {}
    for key, codes in arrays.items():
        seed, _, name = key.partition(" ")
        truth.setdefault(int(seed), {})[name] = codes
    found = _from_record(record)
    trials = pd.DataFrame(record["trials"], columns=columns(found.metrics))
    return replace(
        _with_outcomes(found, folder, trials.replace({None: np.nan}), record),
        truth=truth,
        left_out=left_out,
        design=replace(found.design, test_groups=groups),
    )


def _with_outcomes(
    found: StudyResult, folder: Path, trials: pd.DataFrame, record: Mapping[str, Any]
) -> StudyResult:
    """Add trials, and their predictions and pictures from the folder."""
    wanted = set(zip(trials["arm"], trials["seed"], strict=True))
    keys = dict(zip(trials["arm"], trials["arm_key"], strict=True))
    store = _store(folder)
    stored = {(o.trial["arm"], o.trial["seed"]): o.predictions for o in store.read(keys)}
    pictures = {name: png for name, png in store.pictures().items() if name in record["examples"]}
    return replace(
        found,
        trials=trials,
        examples=pictures,
        predictions={key: stored[key] for key in stored if key in wanted},
    )


def _load_interim(folder: Path) -> StudyResult:
    record = json.loads((folder / "settings.json").read_text())
    found, store = _from_record(record), _store(folder)
    sized = [f"{arm}@{size}" for arm in found.arms for size in found.design.sizes]
    known = {*found.arms, *sized}
    trials = [o.trial for o in store.read() if o.trial["arm"] in known]
    table = pd.DataFrame(trials, columns=columns(found.metrics)).sort_values("seed", kind="stable")
    done = set(zip(table["arm"], table["seed"], strict=True))
    whole = 0
    while trials and all((arm, whole) in done for arm in found.arms):
        whole += 1
    protocol = found.protocol | {"n_seeds_planned": found.n_seeds}
    n_seeds = whole or int(table["seed"].nunique())
    return replace(
        found,
        trials=table[table["seed"] < n_seeds].reset_index(drop=True),
        protocol=protocol | {"n_seeds": n_seeds, "n_trials_ended": len(table)},
        design=replace(found.design, interim=True),
    )


def _store(folder: Path) -> TrialStore:
    return TrialStore(folder, json.loads((folder / "study.json").read_text())["study"])


def _from_record(record: Mapping[str, Any]) -> StudyResult:
    """Rebuild a result without trials from `as_record`."""
    return StudyResult(
        pd.DataFrame(),
        record["arms"],
        tuple(_metric(each) for each in record["metrics"]),
        record["protocol"],
        Design(
            overlap=record["overlap"],
            fixed_test=record["fixed_test"],
            margin=record["margin"],
            alpha=record["alpha"],
            sizes=tuple(record["sizes"]),
        ),
        controls=frozenset(record["controls"]),
    )


def _metric(record: Mapping[str, Any]) -> Metric:
    name = record["name"]
    if name in METRICS or record["is_known"]:
        return find_metrics(name, np.arange(2))[0]
    return Metric(name, record["label"], percent=record["percent"], labels=())
