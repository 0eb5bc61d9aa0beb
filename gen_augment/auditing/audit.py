"""`audit`: compare the rows of a sampler with real rows."""

import datetime
import os
from collections.abc import Sized
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gen_augment.auditing.columns import column_figures
from gen_augment.auditing.figures import (
    N_NEIGHBOURS,
    Comparison,
    class_figures,
    meanings,
    row_figures,
)
from gen_augment.auditing.findings import findings
from gen_augment.auditing.pictures import draw
from gen_augment.auditing.result import Audit
from gen_augment.data.counts import allocate
from gen_augment.data.reading import read_rows
from gen_augment.data.rows import Rows
from gen_augment.data.sources import source_name
from gen_augment.errors import InputError
from gen_augment.filters import LabelAgreement
from gen_augment.inject.row_source import check_source, next_addresses
from gen_augment.metrics import Bias
from gen_augment.metrics.bias import bias_of, check_group
from gen_augment.metrics.features import Features, as_vectors, choose_features
from gen_augment.metrics.utility import N_STEPS, Utility, utility_of
from gen_augment.modalities import Modality, get_modality
from gen_augment.rng import RandomState, derive_seed, resolve_seed
from gen_augment.samplers.persistence import slow_hash
from gen_augment.study.description import versions
from gen_augment.types import GeneratesRows
from gen_augment.validation import check_positive_int, check_same_length

__all__ = ["audit"]

N_HARDEST = 40
#: Examples of each class as text, and classes shown, for rows without pictures.
N_EXAMPLES, MAX_CLASSES = 3, 10


def audit(
    sampler: GeneratesRows,
    X: Any,
    y: Any = None,
    *,
    holdout: Any = None,
    group: str | int | tuple[ArrayLike, ArrayLike] | None = None,
    modality: str | Modality | None = None,
    features: Features = "auto",
    model: Any = None,
    n_samples: int = 5000,
    random_state: RandomState = 0,
    name: str = "",
) -> Audit:
    """Compare the rows of a sampler with its training rows and with unseen real rows.

    Parameters
    ----------
    sampler : fitted sampler, SampleBank or FilteredSampler
    X, y : as in `Sampler.fit`
        The rows that the sampler was fitted on. Rows without a label (-1) are left out.
    holdout : (X, y), Dataset of (x, label), or folder of class folders; optional
        Real rows that the sampler was not fitted on. Without them the figures have no
        reference, and there are no figures of utility and only a few of privacy.
    group : str, int, or (array-like, array-like), optional
        A column, by name or position, or one value per row of `X` and of `holdout`. Adds
        the share of each group, and balanced accuracy in each with and without synthetic
        rows; see `metrics.bias`.
    modality : str, Modality or None
        How to read the rows; by default as the sampler reads them.
    features : {"auto", "values"}, torchvision model name, nn.Module or callable
        The space in which rows are compared; see `Realism`.
    model : scikit-learn classifier with predict_proba, optional
        Judges the labels, and is trained on synthetic rows. By default a small network.
    n_samples : int
        Maximum number of synthetic rows and of real rows. Synthetic rows have the class
        proportions of `y`.
    random_state : int, RandomState or None
        Seeds the synthetic rows, the classifiers and the selection of real rows.
    name : str
        Name of the data set, for the page; by default that of a file or folder.

    Returns
    -------
    Audit

    Raises
    ------
    InputError
        Rows, labels or groups do not have the form and classes of the sampler.
    NotFittedError
        The sampler is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from gen_augment import BootstrapSampler
    >>> X, y = load_wine(return_X_y=True)
    >>> sampler = BootstrapSampler(random_state=0).fit(X[::2], y[::2])
    >>> model = LogisticRegression()
    >>> found = audit(sampler, X[::2], y[::2], holdout=(X[1::2], y[1::2]), model=model)
    >>> found.findings[0]
    '100% of the rows are copies of training rows.'
    """
    n_samples, seed = check_positive_int("n_samples", n_samples), resolve_seed(random_state)
    if n_samples < N_NEIGHBOURS + 3:
        raise InputError(f"n_samples={n_samples}: at least {N_NEIGHBOURS + 3} rows are needed.")
    check_source(sampler)
    if isinstance(X, (str, os.PathLike)):
        name = name or source_name(X)
    if group is not None and holdout is None:
        raise InputError("group is compared on unseen rows: give holdout=(X, y).")
    rng = np.random.default_rng(seed % 2**64)  # NumPy accepts no negative seeds
    real, labelled = _read(sampler, X, y, modality)
    sample = rng.permutation(len(real))[:n_samples]
    unseen = None
    if holdout is not None:
        unseen = _read_holdout(real, holdout)
        _check_enough("holdout", unseen)
        chosen = rng.permutation(len(unseen))[:n_samples]
        group, unseen = _select_groups(group, labelled, chosen, len(unseen)), unseen.take(chosen)
        if group is not None:
            check_group(group, real, unseen)
    index, synthetic = _generate(sampler, real, n_samples, seed)
    extract = choose_features(features, real, seed)
    parts = {"real": real, "synthetic": synthetic} | ({} if unseen is None else {"unseen": unseen})
    vectors = {name: as_vectors(extract, rows.X) for name, rows in parts.items()}
    data = Comparison(real, synthetic, unseen, sample, vectors)

    margins, real_margins, agreement = _agreement(data, model, seed)
    worth, groups = _worth(data, group, model, derive_seed(seed, "utility"))
    figures = row_figures(data, agreement, worth)
    per_class = class_figures(data, margins, real_margins, worth, rng)
    per_column = column_figures(data, sampler.codec_)
    n_compared = len(sample if unseen is None else unseen)
    order = np.empty(0, np.int64) if agreement is None else margins.argsort(kind="stable")
    order = order[:N_HARDEST]
    card = ({"name": name} if name else {}) | _card(sampler, data, seed)
    return Audit(
        findings(figures, per_class, per_column, groups, len(synthetic), n_compared, card),
        figures,
        per_class,
        per_column,
        groups,
        _hardest(index, synthetic, margins, order),
        _examples(data),
        card,
        partial(draw, sampler, data, order),
        meanings(real.modality),
    )


def _read(
    sampler: GeneratesRows, X: Any, y: Any, modality: str | Modality | None
) -> tuple[Rows, np.ndarray]:
    """Return the labelled training rows with the sampler's class codes, and their mask."""
    how = sampler.codec_.modality if modality is None else get_modality(modality)
    if isinstance(X, Rows):
        present = np.flatnonzero(X.class_counts)
        known = np.full(X.n_classes + 1, -1)  # the last one is for rows without a label
        known[present] = sampler.label_codec_.encode(X.classes[present])
        X, codes = how.gather(X.X), known[X.codes]
    else:
        X, y = read_rows(X, y, how)
        X = how.gather(X)
        labels, codes = sampler.label_codec_.extend(y)
        sampler.label_codec_.encode(labels.classes)  # raises for a label that is new
        check_same_length(len(X), len(codes))
    rows = Rows(X, codes, sampler.label_codec_, how).labelled()
    _check_enough("X", rows)
    sampler.codec_.encode(rows.X[:1])  # raises for another form
    return rows, codes >= 0


def _read_holdout(real: Rows, holdout: Any) -> Rows:
    if isinstance(holdout, Rows):
        return real.like(holdout.labelled())
    pair = isinstance(holdout, (tuple, list)) and len(holdout) == 2
    return real.like(*holdout) if pair else real.like(holdout)


def _check_enough(name: str, rows: Sized) -> None:
    if len(rows) < N_NEIGHBOURS + 3:
        raise InputError(
            f"{name} has {len(rows)} rows: at least {N_NEIGHBOURS + 3} are needed for a comparison."
        )


def _select_groups(group: Any, labelled: np.ndarray, chosen: np.ndarray, n: int) -> Any:
    """Return the groups of labelled training, synthetic (unknown) and chosen unseen rows."""
    if not isinstance(group, tuple):
        return group
    known = len(group) == 2 and all(values is not None for values in group)
    if not known or (len(group[0]), len(group[1])) != (len(labelled), n):
        raise InputError(
            f"group: give a column, or the values of the {len(labelled)} rows of X and of the {n} "
            "rows of holdout."
        )
    real, unseen = (np.asarray(values, dtype=object) for values in group)
    return real[labelled], None, unseen[chosen]


def _generate(
    sampler: GeneratesRows, real: Rows, n_samples: int, seed: int
) -> tuple[np.ndarray, Rows]:
    """Generate rows in the class proportions of the real ones; return addresses and rows."""
    wanted = allocate(min(n_samples, len(real)), real.class_counts)
    codes = np.repeat(np.arange(len(wanted)), wanted)
    index, labels = next_addresses(sampler, codes, np.zeros_like(wanted)), sampler.classes_[codes]
    rows = sampler.generate(index, labels, seed=derive_seed(seed, "audit"))
    return index, real.like(rows, labels)


def _agreement(
    data: Comparison, model: Any, seed: int
) -> tuple[np.ndarray, np.ndarray, tuple[float, float] | None]:
    """Return margins of synthetic and training rows, and the shares of agreement with both."""
    margins, real_margins = np.full(len(data.synthetic), np.nan), np.full(len(data.real), np.nan)
    if np.count_nonzero(data.real.class_counts) < 2:
        return margins, real_margins, None
    gate = LabelAgreement(estimator=model, random_state=seed).fit(data.real)
    margins = gate.score_samples(data.synthetic.X, data.real.classes[data.synthetic.codes])
    real_margins = gate.cross_fitted_scores_
    known = real_margins[~np.isnan(real_margins)]
    reference = float((known >= 0).mean()) if len(known) else np.nan
    return margins, real_margins, (float((margins >= 0).mean()), reference)


def _worth(
    data: Comparison, group: Any, model: Any, seed: int
) -> tuple[Utility | None, Bias | None]:
    """Return utility and bias; None for a single class, or without unseen rows."""
    several = np.count_nonzero(data.real.class_counts) > 1
    if group is not None and not several:
        raise InputError("group is compared by a classifier, and all rows of X have one label.")
    if not several or data.unseen is None:
        return None, None
    trained = {"model": model, "n_steps": N_STEPS, "seed": seed}
    worth = utility_of(data.real.take(data.sample), data.synthetic, data.unseen, **trained)
    if group is None:
        return worth, None
    return worth, bias_of(data.real, data.synthetic, data.unseen, group, **trained)


def _hardest(
    index: np.ndarray, synthetic: Rows, margins: np.ndarray, order: np.ndarray
) -> pd.DataFrame:
    labels = synthetic.classes[synthetic.codes]
    table = pd.DataFrame({"address": index, "label": labels, "score": margins})
    return table.iloc[order].reset_index(drop=True)


def _examples(data: Comparison) -> pd.DataFrame | None:
    if data.has_pictures:
        return None
    records = []
    for code in np.flatnonzero(data.synthetic.class_counts)[:MAX_CLASSES]:
        real, synthetic = (
            _texts(rows.take(np.flatnonzero(rows.codes == code)[:N_EXAMPLES]))
            for rows in (data.real, data.synthetic)
        )
        label = data.real.classes[code]
        records += [(label, *pair) for pair in zip(real, synthetic, strict=False)]
    return pd.DataFrame(records, columns=["class", "real", "synthetic"])


def _texts(rows: Rows) -> list[str]:
    table = rows.modality.columns(rows.codec, rows.X)
    if table is None:
        return rows.modality.views.lines(rows.X) or [str(row) for row in rows.X]
    records = table.to_dict("records")
    return [", ".join(f"{name}={_short(v)}" for name, v in row.items()) for row in records]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_training_data(sampler: Any, real: Rows) -> bool | None:
    """Whether a sampler was fitted on these rows; None if it does not know."""
    content = getattr(sampler, "_content", None)
    if content is None:
        return None
    found = replace(real, known_codec=sampler.codec_).content
    return bool(content == (slow_hash(found) if isinstance(content, str) else found))


def _repeats(data: Comparison) -> dict[str, float]:
    """Return the shares of training and of unseen rows that equal a (further) training row."""
    if data.unseen is None:
        return {}
    known, counts = np.unique(data.real.digests, return_counts=True)
    return {
        "training_repeats": float(counts[counts > 1].sum() / counts.sum()),
        "unseen_repeats": float(np.isin(data.unseen.digests, known).mean()),
    }


def _card(sampler: Any, data: Comparison, seed: int) -> dict[str, Any]:
    labels, counts = data.real.classes.tolist(), data.real.class_counts.tolist()
    return {
        "sampler": repr(sampler),
        "sampler_fingerprint": sampler.fingerprint() if hasattr(sampler, "fingerprint") else None,
        "privacy": getattr(sampler, "privacy_", None),
        "data_fingerprint": data.real.digest,
        "is_training_data": _is_training_data(sampler, data.real),
        "training_rows": len(data.real),
        "unseen_rows": 0 if data.unseen is None else len(data.unseen),
        **_repeats(data),
        "synthetic_rows": len(data.synthetic),
        "class_counts": {str(label): n for label, n in zip(labels, counts, strict=True)},
        "random_state": seed,
        "synthetic_seed": derive_seed(seed, "audit"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": versions(),
    }
