"""Spoken digits: whether samples sound like their labels, and can replace real recordings.

The data are those of ``audio-lowdata``. A sampler is fitted on all recordings but the held-out
ones: takes 0 to 4, which are the test part of the data's authors, or all takes of one speaker. The
small CNN on log-mel spectrograms learns from the same real rows, or from 1,200 samples, in 500
steps of 64 rows. "Named" is the share of samples whose label the CNN of real rows gives. Encoding,
units and network of the flow were chosen on takes 5 to 9, by samplers fitted on the takes after
them. The goals: 80% from the flow's samples alone, 90% named, and 50 recordings a second.
"""

import time
from functools import partial
from typing import Any

import numpy as np

from benchmarks.audio import RATE, TEST_TAKES, digits
from benchmarks.harness import Record, Trials, markdown
from gen_augment.data import Rows
from gen_augment.modalities import Audio
from gen_augment.modalities.audio.classifier import SpectrogramCNN
from gen_augment.samplers import ConditionalFlow, MixtureSampler
from gen_augment.study import Training, parse_arm
from gen_augment.study.arms import Pool
from gen_augment.study.fitting import fit_predict

__all__ = ["run", "table"]

TAKES = f"takes 0 to {TEST_TAKES - 1}"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
N_SAMPLES, CLASSIFIER_STEPS = 1200, 500


def run(quick: bool) -> Record:
    """Each split that is not there yet."""
    trials = Trials("spoken-digits", quick)
    for split in (TAKES, *SPEAKERS)[: 1 if quick else None]:
        trials.add({"held_out": split}, partial(measure, split, quick))
    return {"trials": trials.done}


def measure(split: str, quick: bool) -> Record:
    """Accuracies of one split, and the processor time of a sampler."""
    train, test = _parts(split, quick)
    n_steps = 5 if quick else CLASSIFIER_STEPS
    judge = _classifier(train, n_steps)
    found: Record = {"train": len(train), "test": len(test), "real": _accuracy(judge, test)}
    flow = ConditionalFlow(max_steps=5 if quick else 3000, random_state=0, modality=train.modality)
    for name, sampler in {"flow": flow, "mixture": _mixture(train.modality)}.items():
        start = time.process_time()
        sampler.fit(train.X, train.classes[train.codes])
        fitted = time.process_time()
        made = _samples(sampler, train, 40 if quick else N_SAMPLES)
        seconds = time.process_time() - fitted
        found[name] = {
            "named": _accuracy(judge, made),
            "alone": _accuracy(_classifier(made, n_steps), test),
            "fit_seconds": round(fitted - start, 1),
            "rows_per_second": round(len(made) / seconds, 1),
        }
    return found


def table(results: Record) -> str:
    """Per cent, and processor seconds of one thread."""
    header = [
        "held out",
        "sampler",
        "named",
        "samples alone",
        "real rows",
        "fit, s",
        "rows a second",
    ]
    rows = []
    for trial in results["trials"]:
        for name in ("flow", "mixture"):
            one = trial[name]
            scores = (f"{100 * score:.1f}" for score in (one["named"], one["alone"], trial["real"]))
            speed = (f"{one['fit_seconds']:.0f}", f"{one['rows_per_second']:.0f}")
            rows.append([trial["held_out"], name, *scores, *speed])
    return markdown(header, rows)


def _parts(split: str, quick: bool) -> tuple[Rows, Rows]:
    waves, labels, speakers, takes = digits()
    held_out = takes < TEST_TAKES if split == TAKES else speakers == split
    few = takes < TEST_TAKES + 2 if quick else takes >= 0
    parts = [np.flatnonzero(part & few) for part in (~held_out, held_out)]
    (X, y), test = (([waves[i] for i in part], labels[part]) for part in parts)
    train = Rows.read(X, y, modality=Audio(sample_rate=RATE))
    return train, train.like(*test)


def _mixture(modality: Any) -> MixtureSampler:
    return MixtureSampler(n_components=1, random_state=0, modality=modality)


def _samples(sampler: Any, train: Rows, n: int) -> Rows:
    return train.like(*sampler.sample(y=dict.fromkeys(train.classes.tolist(), n // 10)))


def _classifier(rows: Rows, n_steps: int) -> Any:
    training = Training(n_steps, batch_size=64, device="cpu")
    return fit_predict(
        lambda: SpectrogramCNN(RATE, rows.n_classes),
        parse_arm("real", {}), Pool(rows), rows, 0, training,
    )  # fmt: skip


def _accuracy(classifier: Any, rows: Rows) -> float:
    return round(float((classifier(rows.X).argmax(axis=1) == rows.codes).mean()), 4)
