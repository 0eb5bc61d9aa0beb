"""One trial: an arm and a seed, from training rows to predictions; and the fits that trials share.

Nothing here gets labels of test rows, so no trial can read them early. Everything is passed as
arguments, so that trials run in any process.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.study.arms import Arm, Drawn, Synthetic, draw_all, make_pool
from gen_augment.study.fitting import Predict, fit_predict
from gen_augment.study.metrics import METRICS, Metric, all_scores
from gen_augment.study.parts import Parts
from gen_augment.study.spec import Training
from gen_augment.study.trial_store import Outcome, Predictions, Trial

__all__ = [
    "Setting",
    "code_version",
    "columns",
    "draw",
    "pack_rows",
    "rows_key",
    "run_trial",
    "unpack_rows",
]

#: Synthetic rows by what decides them, or the error of the fit.
DrawnRows = Mapping[tuple[Any, ...], Drawn | Exception] | Exception


def columns(more: tuple[Metric, ...] = ()) -> list[str]:
    """Return the columns of trials, with those of further metrics; test scores are added last."""
    names = list(METRICS) + [metric.name for metric in more if metric.name not in METRICS]
    parts = ("train", "validation", "test")
    return [
        *("arm", "arm_key", "code", "seed", "error", "n_train", "n_synthetic"),
        *(f"{part}_{name}" for part in parts for name in names),
        *("fit_seconds", "sample_seconds", "train_seconds", "predict_us", "model_bytes"),
    ]


@dataclass(frozen=True)
class Setting:
    """What all trials of a study share.

    Attributes
    ----------
    model : estimator or network factory
    training : Training
        With `n_steps` and `device` resolved.
    metrics : tuple of Metric
        Metrics of the user that are not in `METRICS`.
    one_thread : bool
        Whether torch may use one thread only, as in one of several processes.
    teachers : tuple of classifiers
    """

    model: Any
    training: Training
    metrics: tuple[Metric, ...] = ()
    one_thread: bool = False
    teachers: tuple[Any, ...] = ()


def run_trial(
    setting: Setting,
    arm: Arm,
    parts: Parts,
    others: Mapping[str, Any],
    number: int,
    seed: int,
    drawn: DrawnRows | None = None,
    pictured: bool = False,
) -> Outcome:
    """Train under one arm and predict.

    A failed trial is a result too: it is returned with its error, and the study continues.

    Parameters
    ----------
    setting : Setting
    arm : Arm
    parts : Parts
    others : dict of str to rows
        More rows to predict, by name.
    number, seed : int
        The seed's number, and the seed.
    drawn : dict or Exception, optional
        Rows of the arm's sampler; drawn now by default.
    pictured : bool
        Whether to draw example rows, if their modality has pictures.
    """
    if setting.one_thread:
        torch.set_num_threads(1)
    trial: Trial = dict.fromkeys(columns(setting.metrics))
    known = {"arm": arm.name, "seed": number, "arm_key": arm.key, "code": code_version()}
    trial |= known
    predictions: dict[str, np.ndarray] = {}
    pictures: dict[str, bytes] = {}
    start = time.monotonic()
    try:
        pool = make_pool(arm, parts, seed, time.monotonic, _rows_of(arm, drawn))
        begun = time.monotonic()
        predict = fit_predict(
            setting.model, arm, pool, parts.train, seed, setting.training, setting.teachers
        )
        trial |= {"train_seconds": time.monotonic() - begun, **pool.seconds}
        trial |= {"n_train": len(parts.train), "n_synthetic": pool.n_synthetic}
        for name, rows in (("train", parts.train), ("validation", parts.validation)):
            found = all_scores(rows.codes, _probabilities(predict, rows.X), setting.metrics)
            trial |= {f"{name}_{metric}": value for metric, value in found.items()}
        begun = time.monotonic()
        predictions = {"test": _probabilities(predict, parts.test.X)}
        trial["predict_us"] = 1e6 * (time.monotonic() - begun) / len(parts.test)
        trial["model_bytes"] = predict.n_bytes
        predictions |= {name: _probabilities(predict, X) for name, X in others.items()}
        if pictured and pool.examples is not None:
            pictures = _pictures(arm.row_step, parts.train, pool.examples)
    except Exception as error:
        # Without scores: an arm that cannot be tested must not be chosen on validation.
        trial |= dict.fromkeys(trial.keys() - known.keys())
        trial["error"] = f"{type(error).__name__}: {error}"
        predictions = {}
    trial["seconds"] = time.monotonic() - start
    return Outcome(trial, predictions, pictures)


def _probabilities(predict: Predict, X: Any) -> np.ndarray:
    found = predict(X)
    if not np.isfinite(found).all():
        row = np.argwhere(~np.isfinite(found))[0, 0]
        raise InputError(f"the classifier gave row {row} no probability.")
    return found


def _pictures(name: str, real: Rows, synthetic: Rows) -> dict[str, bytes]:
    # matplotlib is slow to import
    from gen_augment.study.pictures import example_grid, example_lines

    found = example_lines(real, synthetic) or example_grid(real, synthetic, neighbours=True)
    return {} if found is None else {name: found}


def _rows_of(arm: Arm, drawn: DrawnRows | None) -> Drawn | None:
    if arm.sampler is None or drawn is None:
        return None
    found = drawn if isinstance(drawn, Exception) else drawn[arm.synthetic.drawn_as]
    if isinstance(found, Exception):
        raise found  # arms that share these rows fail alike, without another fit
    return found


def draw(
    setting: Setting,
    name: str,
    sampler: Any,
    uses: list[Synthetic],
    parts: Parts,
    where: Any,
    seed: int,
) -> tuple[Any, str, DrawnRows]:
    """Fit a sampler once for all its uses; return `where`, `name`, and the rows or the error."""
    if setting.one_thread:
        torch.set_num_threads(1)
    try:
        return where, name, draw_all(name, sampler, uses, parts, seed, time.monotonic)
    except Exception as error:
        return where, name, error


def rows_key(sampler: str, use: Synthetic, train: Rows, seed: int) -> str:
    """Hash all that decides synthetic rows: data, code, the sampler, its use, and the seed."""
    digest = hashlib.blake2b(digest_size=16)
    described = (code_version(), sampler, repr(train.modality), repr(use.drawn_as), str(seed))
    for text in (*described, *train.digests.tolist()):
        digest.update(text.encode() + b"\0")
    digest.update(train.codes.tobytes())
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash the code of this package: version numbers do not differ between checkouts."""
    digest = hashlib.blake2b(torch.__version__.encode(), digest_size=16)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pack_rows(drawn: Drawn) -> Predictions | None:
    """Return arrays that a file can hold, or None for rows that are no array of numbers."""
    rows = drawn.rows.codec.pack(drawn.rows.X)
    if rows.dtype.hasobject:
        return None
    seconds = np.array([drawn.seconds["fit_seconds"], drawn.seconds["sample_seconds"]])
    return {"rows": rows, "codes": drawn.rows.codes, "seconds": seconds}


def unpack_rows(arrays: Predictions, train: Rows) -> Drawn:
    """Return what `pack_rows` was given."""
    fit, sample = arrays["seconds"].tolist()
    rows = train.replaced(train.codec.unpack(arrays["rows"]), arrays["codes"])
    return Drawn(rows, {"fit_seconds": fit, "sample_seconds": sample})
