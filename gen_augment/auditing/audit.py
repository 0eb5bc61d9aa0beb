"""Figures of a sampler's rows beside the same figures of real rows, and what stands out."""

import datetime
import json
import os
import platform
from collections.abc import Callable, Sized
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gen_augment.archive import write_bytes
from gen_augment.auditing.figures import (
    FIGURES,
    Compared,
    K,
    class_figures,
    column_figures,
    findings,
    row_figures,
)
from gen_augment.codecs import infer_codec, read_rows, take
from gen_augment.counts import allocate
from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.filters import LabelAgreement
from gen_augment.inject.rows import addresses, check_source
from gen_augment.metrics import Bias
from gen_augment.metrics.bias import bias_of
from gen_augment.metrics.features import Features, as_vectors, choose_features
from gen_augment.metrics.rows import LabelledRows
from gen_augment.metrics.utility import N_STEPS, utility_of
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_positive_int, check_same_length

__all__ = ["Audit", "audit"]

N_HARDEST = 40


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    Attributes
    ----------
    table : DataFrame
        One row a figure: ``synthetic``, ``reference`` (the same for real rows, where that makes sense) and ``ideal``.
    per_class : DataFrame
        One row a class: ``real`` and ``synthetic`` rows, ``label_agreement`` and ``reference_agreement``, of real
        rows, ``precision``, ``recall``, ``reference_recall`` and ``memorisation``; with unseen rows, recall of them
        after training on synthetic and on as many real rows.
    per_column : DataFrame or None
        One row a column of a table: how alike its distribution is, ``shape`` and ``reference``; see `column_shapes`.
    groups : Bias or None
        Of the column that was named.
    hardest : DataFrame
        The synthetic rows whose label classifiers of the real rows doubt most, by ``address``: ``label``, and
        ``score``, its probability less that of the likeliest other one. ``sampler.generate([address], label,
        seed=seed)`` gives the row again, with the seed in the card as ``synthetic_seed``.
    findings : list of str
        What stands out, in words; empty where nothing does.
    card : dict
        Sampler, data, versions and date, as JSON values.
    pictures : dict of str to bytes
        PNG by title; drawn when they are first asked for.
    """

    table: pd.DataFrame
    per_class: pd.DataFrame
    per_column: pd.DataFrame | None
    groups: Bias | None
    hardest: pd.DataFrame
    findings: list[str]
    card: dict[str, Any]
    draw: Callable[[], dict[str, bytes]] = field(default=dict, repr=False)

    @cached_property
    def pictures(self) -> dict[str, bytes]:  # noqa: D102 # documented above
        return self.draw()

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write a sheet to lie beside an archive: figures, findings, fingerprint of the data, versions, date."""
        tables = {
            "figures": self.table.drop(columns="ideal"),
            "classes": self.per_class,
            "columns": self.per_column,
        }
        if self.groups is not None:
            tables["groups"] = self.groups.by_group
        tables["hardest"] = self.hardest
        record = self.card | {"findings": self.findings}
        record |= {name: _as_json(table) for name, table in tables.items() if table is not None}
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
    group: str | int | tuple[ArrayLike, ArrayLike] | None = None,
    features: Features = "auto",
    model: Any = None,
    n_samples: int = 5000,
    random_state: RandomState = 0,
) -> Audit:
    """Compare a sampler's rows with those it was fitted on and, better, with others that it has not seen.

    Parameters
    ----------
    sampler : fitted sampler
        Or a `SampleBank` or `FilteredSampler`.
    X, y
        The rows that it was fitted on, as `Sampler.fit` takes them; those without a label (-1) are left out.
    holdout : (X, y), optional
        Real rows that it has not seen. Without them there is nothing to read a figure against, and no figures of
        privacy but for copies, nor of use to a classifier.
    group : str, int, or (array-like, array-like), optional
        Column of a table, by name or number, or the values of `X` and of `holdout`: shares of these groups, and
        balanced accuracy in each without and with synthetic rows; see `metrics.bias`.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        Where rows are compared. By default images are in the features of a small classifier trained on the real rows,
        and tables by scaled columns; see `Realism`.
    model : scikit-learn classifier with predict_proba, optional
        Which tells whether labels are right, and is trained on synthetic rows; a small network otherwise.
    n_samples : int
        Synthetic rows, as many of each class as there are in `y` in proportion, and real ones at most.
    random_state : int, RandomState or None

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        Rows, labels or groups are not of the form and classes of the sampler.
    """
    n_samples, seed = check_positive_int("n_samples", n_samples), resolve_seed(random_state)
    check_source(sampler)
    if group is not None and holdout is None:
        raise InputError(
            "group is compared on rows that the sampler has not seen: give holdout=(X, y)."
        )
    rng = np.random.default_rng(seed % 2**64)  # NumPy takes no negative one
    real, labelled = _read(sampler, X, y)
    index, made = _generate(sampler, real, n_samples, seed)
    unseen = None
    some = rng.permutation(len(real))[:n_samples]
    if holdout is not None:
        unseen = real.like(*holdout)
        _check_enough("holdout", unseen)
        chosen = rng.permutation(len(unseen))[:n_samples]
        group, unseen = _chosen(group, labelled, chosen, len(unseen)), unseen.part(chosen)

    extract = choose_features(features, real, seed)
    parts = {"train": real, "made": made} | ({} if unseen is None else {"unseen": unseen})
    data = Compared(
        real,
        made,
        unseen,
        some,
        {name: as_vectors(extract, part.X) for name, part in parts.items()},
    )

    several = len(np.unique(real.codes)) > 1
    if group is not None and not several:
        raise InputError("group is compared by a classifier, and all rows of X have one label.")
    scores, known, agreement = np.full(len(made), np.nan), np.full(len(real), np.nan), None
    if several:
        gate = LabelAgreement(estimator=model, random_state=seed).fit(real.X, real.codes)
        scores, known = gate.score_samples(made.X, made.codes), gate.cross_fitted_scores_
        found = known[~np.isnan(known)]
        agreement = (
            float((scores >= 0).mean()),
            float((found >= 0).mean()) if len(found) else np.nan,
        )
    worth, groups = None, None
    trained = {"model": model, "n_steps": N_STEPS, "seed": derive_seed(seed, "utility")}
    if several and unseen is not None:
        worth = utility_of(real.part(some), made, unseen, **trained)
        groups = None if group is None else bias_of(real, made, unseen, group, **trained)  # type: ignore[arg-type]

    figures = row_figures(data, agreement, worth)
    per_class = class_figures(
        data, sampler.classes_, scores if several else np.zeros(len(made)), known, worth, rng
    )
    per_column = column_figures(data) if real.codec.kind == "table" else None
    order = scores.argsort(kind="stable")[: N_HARDEST if several else 0]
    return Audit(
        _as_table(figures),
        per_class,
        per_column,
        groups,
        pd.DataFrame({"address": index, "label": sampler.classes_[made.codes], "score": scores})
        .iloc[order]
        .reset_index(drop=True),
        findings(
            figures,
            per_class,
            per_column,
            groups,
            len(made),
            len(some if unseen is None else unseen),
        ),
        _card(sampler, data, seed),
        partial(_pictures, sampler, data, order),
    )


def _as_table(figures: dict[str, tuple[float, float]]) -> pd.DataFrame:
    rows = [(name, *figures[name], FIGURES[name].ideal) for name in FIGURES if name in figures]
    return pd.DataFrame(rows, columns=["figure", "synthetic", "reference", "ideal"]).set_index(
        "figure"
    )


def _read(sampler: GeneratesRows, X: Any, y: Any) -> tuple[LabelledRows, np.ndarray]:
    """Training rows that have a label, with class numbers and kinds of columns of the sampler; and which those are."""
    X, y = read_rows(X, y)
    labels, codes = sampler.label_codec_.extend(y)
    sampler.label_codec_.encode(labels.classes)  # raises for a label that is new
    check_same_length(len(X), len(codes))
    labelled = codes >= 0
    if not labelled.all():
        X, codes = take(X, np.flatnonzero(labelled)), codes[labelled]
    _check_enough("X", codes)
    sampler.codec_.encode(take(X, np.arange(1)))  # raises for another form
    return LabelledRows(
        X, codes, sampler.label_codec_, *infer_codec(X, _column_types(sampler.codec_))
    ), labelled


def _column_types(codec: Any) -> dict[Any, str]:
    """What columns of a table were fitted as, also where their dtype says something else."""
    columns = zip(getattr(codec, "columns", ()), getattr(codec, "parts", ()), strict=True)
    return {name: part.kind for name, part in columns if part.kind in ("number", "category")}


def _check_enough(name: str, rows: Sized) -> None:
    if len(rows) <= K + 2:
        raise InputError(
            f"{name} has {len(rows)} rows: at least {K + 3} are needed to compare with."
        )


def _chosen(group: Any, labelled: np.ndarray, chosen: np.ndarray, n: int) -> Any:
    """Groups of `labelled` training rows, of synthetic ones, which nobody knows, and of the `chosen` unseen ones."""
    if not isinstance(group, tuple):
        return group
    known = len(group) == 2 and all(values is not None for values in group)
    if not known or (len(group[0]), len(group[1])) != (len(labelled), n):
        raise InputError(
            f"group: give a column of a table, or the values of the {len(labelled)} rows of X and of the {n} rows of "
            "holdout."
        )
    return (
        np.asarray(group[0], dtype=object)[labelled],
        None,
        np.asarray(group[1], dtype=object)[chosen],
    )


def _generate(
    sampler: GeneratesRows, real: LabelledRows, n_samples: int, seed: int
) -> tuple[np.ndarray, LabelledRows]:
    """Addresses and rows, as many of each class as there are real ones in proportion."""
    wanted = allocate(min(n_samples, len(real)), np.bincount(real.codes, minlength=real.n_classes))
    codes = np.repeat(np.arange(len(wanted)), wanted)
    index, labels = addresses(sampler, codes, np.zeros_like(wanted)), sampler.classes_[codes]
    return index, real.like(
        sampler.generate(index, labels, seed=derive_seed(seed, "audit")), labels
    )


def _card(sampler: Any, data: Compared, seed: int) -> dict[str, Any]:
    counts = np.bincount(data.real.codes, minlength=len(sampler.classes_))
    packages = ("gen_augment", "torch", "scikit-learn", "numpy")
    return {
        "sampler": repr(sampler),
        "sampler_fingerprint": sampler.fingerprint() if hasattr(sampler, "fingerprint") else None,
        "data_fingerprint": data.real.digest,
        "training_rows": len(data.real),
        "unseen_rows": 0 if data.unseen is None else len(data.unseen),
        "synthetic_rows": len(data.made),
        "class_counts": {
            str(label): int(n) for label, n in zip(sampler.classes_.tolist(), counts, strict=True)
        },
        "random_state": seed,
        "synthetic_seed": derive_seed(seed, "audit"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {name: version(name) for name in packages}
        | {"python": platform.python_version()},
    }


def _as_json(table: pd.DataFrame) -> Any:
    named = table.rename(
        index=str
    )  # where one is named as another is numbered, there are two of a name
    return json.loads(
        named.to_json(orient="index")
        if named.index.is_unique
        else named.reset_index().to_json(orient="records")
    )


def _pictures(sampler: Any, data: Compared, hardest: np.ndarray) -> dict[str, bytes]:
    from gen_augment.auditing import pictures
    from gen_augment.study.pictures import example_grid

    classes = data.real.labels.classes
    real, made = (
        Rows(
            rows.X,
            rows.codes,
            data.real.labels,
            data.real.codec.modality,
            known_codec=data.real.codec,
        )
        for rows in (data.real, data.made)
    )
    found = {}
    if data.real.codec.kind == "image":
        found["Real and synthetic images"] = example_grid(real, made) or b""
        found["Synthetic images, and the training image nearest to each"] = pictures.neighbour_grid(
            data
        )
        if len(hardest):
            title = "Synthetic images whose label classifiers of real rows doubt most"
            found[title] = pictures.image_grid(data.made, hardest)
        ways = pictures.ways_grid(sampler, data.real)
        if ways is not None:
            found["From one training image to another, as the sampler sees it"] = ways
    found["Real and synthetic rows on two principal components"] = pictures.projection(data.vectors)
    found["Real and synthetic rows by t-SNE, which keeps neighbours together"] = (
        pictures.neighbourhoods(data.vectors)
    )
    found["Rows of each class"] = pictures.class_bars(classes, data.real.codes, data.made.codes)
    return found
