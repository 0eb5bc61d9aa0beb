"""One trial: an arm and a seed, from training rows to predictions; and the fits of samplers that trials share.

What is here gets no labels of test rows: it could not read them early if it tried to. Everything is given as
arguments, so that it runs in any process.
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

from gen_augment.codecs import infer_codec
from gen_augment.errors import InputError
from gen_augment.study.arms import Arm, Drawn, Synthetic, draw_all, make_pool
from gen_augment.study.metrics import METRICS, scores
from gen_augment.study.models import fit_predict
from gen_augment.study.store import Outcome, Predictions, Trial
from gen_augment.study.task import Part, Split, row_digests

__all__ = [
    "COLUMNS",
    "Setting",
    "code_version",
    "draw",
    "pack_rows",
    "rows_key",
    "run_trial",
    "unpack_rows",
]

#: Of a trial; test scores join them when all is done.
COLUMNS = [
    "arm",
    "arm_key",
    "code",
    "seed",
    "error",
    "n_train",
    "n_synthetic",
    *(f"{part}_{metric}" for part in ("train", "validation", "test") for metric in METRICS),
    "fit_seconds",
    "sample_seconds",
    "train_seconds",
]
#: Synthetic rows by what decides them, or the error of the fit.
DrawnRows = Mapping[tuple[Any, ...], Drawn | Exception] | Exception


@dataclass(frozen=True)
class Setting:
    """What all trials of a study share."""

    model: Any
    labels: np.ndarray
    n_steps: int
    batch_size: int
    lr: float
    device: str
    precision: str = "32-true"
    one_thread: bool = False


def run_trial(
    setting: Setting, arm: Arm, split: Split, others: Mapping[str, Any], number: int, seed: int,
    drawn: DrawnRows | None = None, pictured: bool = False,
) -> Outcome:  # fmt: skip
    """Train under one arm and predict.

    A failure is a result too: it is kept with its error, and the study goes on.
    """
    if setting.one_thread:
        torch.set_num_threads(1)
    trial: Trial = dict.fromkeys(COLUMNS)
    trial |= {"arm": arm.name, "seed": number, "arm_key": arm.key, "code": code_version()}
    predictions: dict[str, np.ndarray] = {}
    pictures = {}
    begun = time.monotonic()
    try:
        pool = make_pool(arm, split, setting.labels, seed, time.monotonic, _rows_of(arm, drawn))
        start = time.monotonic()
        fitted = fit_predict(
            setting.model, arm, pool, split.train, len(setting.labels), seed,
            n_steps=setting.n_steps, batch_size=setting.batch_size, lr=setting.lr, device=setting.device,
            precision=setting.precision,
        )  # fmt: skip
        trial |= {
            "train_seconds": time.monotonic() - start,
            "n_train": len(split.train),
            "n_synthetic": pool.n_synthetic,
        }
        trial |= pool.seconds

        def predict(X: Any) -> np.ndarray:
            found = fitted(X)
            if not np.isfinite(found).all():
                raise InputError(
                    f"the classifier gave row {np.argwhere(~np.isfinite(found))[0, 0]} no probability."
                )
            return found

        for name, part in (("train", split.train), ("validation", split.validation)):
            found = scores(part.codes, predict(part.X))
            trial |= {f"{name}_{metric}": value for metric, value in found.items()}
        predictions = {name: predict(X) for name, X in {"test": split.test.X, **others}.items()}
        if pictured and pool.examples is not None:
            from gen_augment.study.pictures import example_grid  # matplotlib is slow to import

            pictures[arm.row_step] = example_grid(
                split.train, pool.examples, setting.labels, neighbours=True
            )
    except Exception as error:
        trial["error"] = f"{type(error).__name__}: {error}"
        predictions = {}
    trial["seconds"] = time.monotonic() - begun
    return Outcome(trial, predictions, pictures)


def _rows_of(arm: Arm, drawn: DrawnRows | None) -> Drawn | None:
    if arm.sampler is None or drawn is None:
        return None
    found = drawn if isinstance(drawn, Exception) else drawn[arm.synthetic.drawn_as]
    if isinstance(found, Exception):
        raise found  # arms that share these rows fail alike, without fitting again
    return found


def draw(
    setting: Setting,
    name: str,
    sampler: Any,
    uses: list[Synthetic],
    split: Split,
    where: Any,
    seed: int,
) -> tuple[Any, str, DrawnRows]:
    """Fit a sampler once for all its uses: where that was, its name, and the rows or the error."""
    if setting.one_thread:
        torch.set_num_threads(1)
    try:
        return (
            where,
            name,
            draw_all(name, sampler, uses, split, setting.labels, seed, time.monotonic),
        )
    except Exception as error:
        return where, name, error


def rows_key(sampler: str, use: Synthetic, split: Split, seed: int) -> str:
    """Hash of all that decides synthetic rows: data, code, the sampler's parameters, how it is used, seed."""
    digest = hashlib.blake2b(digest_size=16)
    for text in (
        code_version(),
        sampler,
        repr(use.drawn_as),
        str(seed),
        *row_digests(split.train.X).tolist(),
    ):
        digest.update(text.encode() + b"\0")
    digest.update(split.train.codes.tobytes())
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash of this package, any part of which may matter to rows; version numbers do not tell checkouts apart."""
    digest = hashlib.blake2b(torch.__version__.encode(), digest_size=16)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pack_rows(drawn: Drawn, like: Part) -> Predictions | None:
    """Arrays that a file can hold, or None for rows that no array of numbers is."""
    rows = infer_codec(like.X)[0].pack(drawn.part.X)
    if rows.dtype.hasobject:
        return None
    seconds = np.array([drawn.seconds["fit_seconds"], drawn.seconds["sample_seconds"]])
    return {"rows": rows, "codes": drawn.part.codes, "seconds": seconds}


def unpack_rows(arrays: Predictions, like: Part) -> Drawn:
    """What `pack_rows` was given."""
    fit, sample = arrays["seconds"].tolist()
    part = Part(infer_codec(like.X)[0].unpack(arrays["rows"]), arrays["codes"])
    return Drawn(part, {"fit_seconds": fit, "sample_seconds": sample})
