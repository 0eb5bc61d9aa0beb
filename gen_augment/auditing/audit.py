"""Figures of a sampler's rows beside the same figures of real rows, and what stands out."""

import datetime
import hashlib
import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gen_augment.archive import write_bytes
from gen_augment.codecs import read_rows, take
from gen_augment.counts import allocate
from gen_augment.errors import InputError
from gen_augment.filters import LabelAgreement
from gen_augment.inject.rows import addresses, check_source
from gen_augment.metrics import (
    adversarial_accuracy,
    closest_record,
    fidelity,
    membership_auc,
    memorisation,
    precision_recall,
    two_sample_auc,
    vendi_score,
)
from gen_augment.metrics.features import as_vectors, choose_features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.study.pictures import example_grid
from gen_augment.study.task import Part, row_digests
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_positive_int, check_same_length

__all__ = ["Audit", "audit"]

K = 3
#: Rows of a class below which its precision and recall are not taken.
MIN_PER_CLASS = 10


class _Figure(NamedTuple):
    title: str
    ideal: str


#: Each figure in words, and what it is at best.
FIGURES = {
    "frechet_distance": _Figure("Fréchet distance", "as the reference"),
    "kernel_distance": _Figure("kernel distance", "0"),
    "precision": _Figure("precision: share inside the manifold of real rows", "as the reference"),
    "recall": _Figure("recall: share of real rows inside the manifold of these", "as the reference"),
    "density": _Figure("density", "as the reference"),
    "coverage": _Figure("coverage", "as the reference"),
    "two_sample_auc": _Figure("told from real rows by classifiers (ROC AUC)", "0.5"),
    "vendi_score": _Figure("different rows (Vendi score)", "as the reference"),
    "label_agreement": _Figure("share whose label classifiers of real rows agree with", "as the reference"),
    "memorisation": _Figure("share nearer to a training row than that is to any other", "at most the reference"),
    "copies": _Figure("share of copies of training rows", "0"),
    "share_nearer_to_train": _Figure("share nearer to training than to unseen rows", "0.5"),
    "privacy_loss": _Figure("privacy loss: adversarial accuracy, unseen less training rows", "0"),
    "membership_auc": _Figure("training rows found by their nearest sample (ROC AUC)", "0.5"),
}


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    Attributes
    ----------
    table : DataFrame
        One row a figure: ``synthetic``, ``reference`` (the same for real rows, where that makes sense) and ``ideal``.
    per_class : DataFrame
        One row a class: ``real`` and ``synthetic`` rows, ``label_agreement``, ``precision``, ``recall``,
        ``reference_recall`` and ``memorisation``.
    findings : list of str
        What stands out, in words; empty where nothing does.
    card : dict
        Sampler, data, versions and date, as JSON values.
    pictures : dict of str to bytes
        PNG by title.
    """

    table: pd.DataFrame
    per_class: pd.DataFrame
    findings: list[str]
    card: dict[str, Any]
    pictures: dict[str, bytes] = field(default_factory=dict)

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write a sheet to lie beside an archive: figures, findings, fingerprint of the data, versions, date."""
        record = self.card | {
            "findings": self.findings,
            "figures": json.loads(self.table.drop(columns="ideal").to_json(orient="index")),
            "classes": json.loads(self.per_class.to_json(orient="index")),
        }
        write_bytes(path, (json.dumps(record, indent=1) + "\n").encode())

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write one page that needs nothing else."""
        from gen_augment.auditing.page import render

        write_bytes(path, render(self).encode())


def audit(
    sampler: GeneratesRows,
    X: Any,
    y: Any = None,
    *,
    holdout: tuple[Any, Any] | None = None,
    n_samples: int = 5000,
    random_state: RandomState = 0,
) -> Audit:
    """Compare a sampler's rows with those it was fitted on and, better, with others that it has not seen.

    Images are compared in the features of a small classifier trained on the real rows, tables by scaled columns.

    Parameters
    ----------
    sampler : fitted sampler
        Or a `SampleBank` or `FilteredSampler`.
    X, y
        The rows that it was fitted on, as `Sampler.fit` takes them.
    holdout : (X, y), optional
        Real rows that it has not seen. Without them there is nothing to read a figure against, and no figures of
        privacy but for copies.
    n_samples : int
        Synthetic rows, as many of each class as there are in `y` in proportion, and real ones at most.
    random_state : int, RandomState or None

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        Rows or labels are not of the form and classes of the sampler.
    """
    n_samples, seed = check_positive_int("n_samples", n_samples), resolve_seed(random_state)
    check_source(sampler)
    train = _read(sampler, "X", X, y)
    unseen = None if holdout is None else _read(sampler, "holdout", *holdout)
    counts = np.bincount(train.codes, minlength=len(sampler.classes_))
    wanted = allocate(min(n_samples, len(train)), counts)
    codes = np.repeat(np.arange(len(wanted)), wanted)
    index = addresses(sampler, codes, np.zeros_like(wanted))
    made = Part(sampler.generate(index, sampler.classes_[codes], seed=derive_seed(seed, "audit")), codes)

    real = LabelledRows.read(train.X, train.codes)
    extract = choose_features("auto", real, seed)
    features = {"train": as_vectors(extract, train.X), "made": as_vectors(extract, made.X)}
    rng = np.random.default_rng(seed)
    some = rng.permutation(len(train))[:n_samples]
    if unseen is not None:
        chosen = rng.permutation(len(unseen))[:n_samples]
        unseen = Part(take(unseen.X, chosen), unseen.codes[chosen])
        features["unseen"] = as_vectors(extract, unseen.X)

    gate = LabelAgreement(random_state=seed).fit(train.X, train.codes) if real.n_classes > 1 else None
    agrees = gate.keep(made.X, made.codes) if gate else np.ones(len(made), dtype=bool)
    figures = _figures(features, some)
    if gate:
        known = gate.cross_fitted_scores_[~np.isnan(gate.cross_fitted_scores_)]
        reference = float((known >= gate.threshold).mean()) if len(known) else np.nan
        figures["label_agreement"] = (float(agrees.mean()), reference)
    per_class = _per_class(sampler.classes_, train.codes, made.codes, features, agrees, rng)
    return Audit(
        pd.DataFrame(
            [(name, *figures[name], FIGURES[name].ideal) for name in FIGURES if name in figures],
            columns=["figure", "synthetic", "reference", "ideal"],
        ).set_index("figure"),
        per_class,
        _findings(figures, per_class, len(made)),
        _card(sampler, train, unseen, len(made), seed),
        _pictures(sampler, train, made, features, real.codec.kind),
    )


def _read(sampler: GeneratesRows, name: str, X: Any, y: Any) -> Part:
    X, y = read_rows(X, y)
    codes = sampler.label_codec_.encode(y)
    check_same_length(len(X), len(codes))
    if len(codes) <= K + 2:
        raise InputError(f"{name} has {len(codes)} rows: at least {K + 3} are needed to compare with.")
    sampler.codec_.encode(take(X, np.arange(1)))  # raises for another form
    return Part(X, codes)


def _figures(features: dict[str, np.ndarray], some: np.ndarray) -> dict[str, tuple[float, float]]:
    """Of the synthetic rows, and of training rows in their place where there are unseen rows to compare with."""
    train, made, unseen = features["train"], features["made"], features.get("unseen")
    real = train[some]
    compared = real if unseen is None else unseen
    found = fidelity(compared, made, _as_is)
    reference = dict.fromkeys(found, np.nan) if unseen is None else fidelity(compared, real, _as_is)
    figures = {name: (value, reference[name]) for name, value in found.items()}
    figures["two_sample_auc"] = (
        two_sample_auc(compared, made),
        np.nan if unseen is None else two_sample_auc(compared, real),
    )
    centre, scale = train.mean(axis=0), train.std(axis=0) + 1e-9
    figures["vendi_score"] = tuple(vendi_score((rows - centre) / scale) for rows in (made, compared))  # type: ignore[assignment]
    copied = memorisation(train, made, unseen)
    figures["memorisation"] = (copied.share, np.nan if copied.reference is None else copied.reference)
    closest = closest_record(train, made, compared)
    figures["copies"] = (closest.copies, np.nan if unseen is None else closest.copies_of_holdout)
    if unseen is not None:
        n = min(len(real), len(unseen), len(made))
        loss = adversarial_accuracy(unseen[:n], made) - adversarial_accuracy(real[:n], made)
        figures["share_nearer_to_train"] = (closest.share_nearer_to_train, np.nan)
        figures["privacy_loss"] = (loss, np.nan)
        figures["membership_auc"] = (membership_auc(real, unseen, made), np.nan)
    return figures


def _as_is(rows: np.ndarray) -> np.ndarray:
    return rows


def _per_class(
    classes: np.ndarray,
    real_codes: np.ndarray,
    made_codes: np.ndarray,
    features: dict[str, np.ndarray],
    agrees: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    rows = []
    for code, label in enumerate(classes.tolist()):
        real, made = features["train"][real_codes == code], features["made"][made_codes == code]
        row: dict[str, Any] = {"class": label, "real": len(real), "synthetic": len(made)}
        row["label_agreement"] = agrees[made_codes == code].mean() if len(made) else np.nan
        half = len(real) // 2
        if min(half, len(made)) >= MIN_PER_CLASS:
            # Halves of the real rows against each other say what can be hoped for, with as many synthetic rows.
            order, n = rng.permutation(len(real)), min(half, len(made))
            one, other = real[order[:half]], real[order[half : 2 * half]]
            row["precision"], row["recall"] = precision_recall(one, made[:n], K)
            row["reference_recall"] = precision_recall(one, other[:n], K)[1]
            row["memorisation"] = memorisation(real, made).share
        rows.append(row)
    columns = [
        "class",
        "real",
        "synthetic",
        "label_agreement",
        "precision",
        "recall",
        "reference_recall",
        "memorisation",
    ]
    return pd.DataFrame(rows, columns=columns).set_index("class")


def _findings(figures: dict[str, tuple[float, float]], per_class: pd.DataFrame, n: int) -> list[str]:
    """What is farther from its reference than chance and small data explain."""
    found = []
    if figures["copies"][0] > 0:
        found.append(f"{100 * figures['copies'][0]:.3g}% of the rows are copies of training rows.")
    nearer = figures.get("share_nearer_to_train", (0.5, 0.0))[0]
    if nearer > 0.5 + 3 * 0.5 / n**0.5 + 0.02:
        found.append(
            f"{100 * nearer:.0f}% of the rows are nearer to training rows than to unseen ones; 50% give nothing away."
        )
    share, reference = figures["memorisation"]
    if share > (0.65 if np.isnan(reference) else reference) + 0.1:
        beside = "" if np.isnan(reference) else f"; of unseen real rows, {100 * reference:.0f}%"
        found.append(
            f"{100 * share:.0f}% of the rows are nearer to a training row than that is to any other{beside}. Some "
            "are training rows with small changes."
        )
    for label, row in per_class.iterrows():
        if row["recall"] < 0.5 * row["reference_recall"]:
            reached, possible = (round(100 * row[name]) for name in ("recall", "reference_recall"))
            found.append(
                f"Class {label!r} is partly collapsed: its rows reach {reached}% of the real ones, where real rows "
                f"reach {possible}%."
            )
    agreement, reference = figures.get("label_agreement", (1.0, 1.0))
    if agreement < reference - 0.1:
        found.append(
            f"Classifiers of the real rows agree with {100 * agreement:.0f}% of the labels, and with "
            f"{100 * reference:.0f}% of those of real rows."
        )
    return found


def _card(sampler: Any, train: Part, unseen: Part | None, n_made: int, seed: int) -> dict[str, Any]:
    digest = hashlib.blake2b("".join(row_digests(train.X)).encode() + train.codes.tobytes(), digest_size=16)
    counts = np.bincount(train.codes, minlength=len(sampler.classes_))
    packages = ("gen_augment", "torch", "scikit-learn", "numpy")
    return {
        "sampler": repr(sampler),
        "sampler_fingerprint": sampler.fingerprint() if hasattr(sampler, "fingerprint") else None,
        "data_fingerprint": digest.hexdigest(),
        "training_rows": len(train),
        "unseen_rows": 0 if unseen is None else len(unseen),
        "synthetic_rows": n_made,
        "class_counts": {str(label): int(n) for label, n in zip(sampler.classes_.tolist(), counts, strict=True)},
        "random_state": seed,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
    }


def _pictures(
    sampler: GeneratesRows, train: Part, made: Part, features: dict[str, np.ndarray], kind: str
) -> dict[str, bytes]:
    from gen_augment.auditing.pictures import class_bars, neighbour_grid, projection

    found = {}
    if kind == "image":
        found["Real and synthetic images"] = example_grid(train, made, sampler.classes_)
        found["Synthetic images, and the training image nearest to each"] = neighbour_grid(train, made, features)
    found["Real and synthetic rows, projected on their two principal components"] = projection(features)
    found["Rows of each class"] = class_bars(sampler.classes_, train.codes, made.codes)
    return found
