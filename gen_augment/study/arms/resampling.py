"""Real rows as they are, repeated, or resampled."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from gen_augment.containers import take
from gen_augment.data import Rows
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.samplers import SMOTESampler

__all__ = ["ROW_STEPS", "resampled", "row_step_problem"]


def resampled(step: Any, train: Rows, seed: int) -> Rows:
    """Return training rows after a row step: its name, or one of the user's own.

    Raises
    ------
    InputError
        The step cannot be used with these rows, or returns labels that do not fit.
    """
    if isinstance(step, str):
        found: Rows = ROW_STEPS[step](train, seed)
        return found
    if hasattr(step, "fit_resample"):
        return _by_imblearn(step, train, seed)
    X, y = step(train.X, train.classes[train.codes], seed)
    known = {label: code for code, label in enumerate(train.classes.tolist())}
    unknown = [label for label in np.unique(y).tolist() if label not in known]
    if unknown or len(X) != len(y):
        raise InputError(
            f"rows of {step!r}: {len(X)} rows with {len(y)} labels, of which {unknown!r} are not "
            f"among {list(known)!r}."
        )
    codes = np.array([known[label] for label in np.asarray(y).tolist()], dtype=np.int64)
    return train.replaced(X, codes)


def row_step_problem(step: Any, rows: Rows) -> str | None:
    """Say why rows cannot go through a row step; None if they can."""
    if step in ("smote", "adasyn") and not rows.modality.networks.between:
        return f"{step} needs rows between others, which {rows.modality.name} does not have."
    if step == "adasyn" and rows.codec.blocks:
        return "adasyn needs columns of numbers without missing values: use smote."
    if step != "smotenc":
        return None
    categorical = _categorical(rows.X)
    if not any(categorical) or all(categorical):
        return "smotenc needs a DataFrame with numeric columns and others: use smote."
    if rows.X.isna().any(axis=None):
        return "smotenc needs columns without missing values: use smote."
    return None


def _repeated(train: Rows, index: np.ndarray) -> Rows:
    return train.replaced(take(train.X, index), train.codes[index])


def _repeat(train: Rows, _seed: int) -> Rows:
    return _repeated(train, np.tile(np.arange(len(train)), 2))


def _oversample(train: Rows, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    counts = np.bincount(train.codes)
    extra = [
        rng.choice(np.flatnonzero(train.codes == code), counts.max() - n)
        for code, n in enumerate(counts)
        if n < counts.max()
    ]
    return _repeated(train, np.concatenate([np.arange(len(train)), *extra]).astype(np.int64))


def _smote(train: Rows, seed: int) -> Rows:
    """Interpolate rows of small classes (Chawla et al. 2002).

    Rows are interpolated as encoded, images in their pixels; tables with categories or missing
    values as `SMOTESampler` does.
    """
    _raise_for("smote", train)
    if train.codec.blocks:
        counts = np.bincount(train.codes)
        lacking = {c: int(counts.max() - n) for c, n in enumerate(counts) if n < counts.max()}
        if not lacking:
            return train
        sampler = SMOTESampler(random_state=seed % 2**31).fit(train.X, train.codes)
        X, codes = sampler.sample(y=lacking)
        return train.joined(train.replaced(X, codes))
    return _by_imblearn(_over_sampler("SMOTE")(k_neighbors=_neighbours(train)), train, seed)


def _adasyn(train: Rows, seed: int) -> Rows:
    """SMOTE with more rows where other classes are near (He et al. 2008)."""
    _raise_for("adasyn", train)
    return _by_imblearn(_over_sampler("ADASYN")(n_neighbors=_neighbours(train)), train, seed)


def _smotenc(train: Rows, seed: int) -> Rows:
    """SMOTE for tables with categories, which are copied from neighbours."""
    _raise_for("smotenc", train)
    categorical = np.flatnonzero(_categorical(train.X)).tolist()
    make = _over_sampler("SMOTENC")
    sampler = make(categorical_features=categorical, k_neighbors=_neighbours(train))
    return _by_imblearn(sampler, train, seed)


ROW_STEPS: Mapping[str, Any] = {
    "real": lambda train, seed: train,
    "repeat": _repeat,
    "oversample": _oversample,
    "smote": _smote,
    "smotenc": _smotenc,
    "adasyn": _adasyn,
    "teacher": lambda train, seed: train,
}


def _raise_for(step: str, train: Rows) -> None:
    if problem := row_step_problem(step, train):
        raise InputError(f"arm {step!r}: {problem}")


def _categorical(X: Any) -> list[bool]:
    """Whether each column of a DataFrame is not a number; empty for anything else."""
    dtypes = getattr(X, "dtypes", [])
    return [not (isinstance(dtype, np.dtype) and dtype.kind in "iuf") for dtype in dtypes]


def _over_sampler(name: str) -> Any:
    try:
        over_sampling = import_module("imblearn.over_sampling")
    except ImportError as error:
        raise MissingDependencyError(
            f"the arm {name.lower()!r} needs imbalanced-learn: "
            "pip install 'gen_augment[imbalanced]'."
        ) from error
    return getattr(over_sampling, name)


def _neighbours(train: Rows) -> int:
    return min(5, int(np.bincount(train.codes).min()) - 1)


def _by_imblearn(sampler: Any, train: Rows, seed: int) -> Rows:
    """Resample by `fit_resample`, anything but tables as flat encoded rows.

    Real rows that come back first keep their exact values.
    """
    sampler = clone(sampler)  # an instance may be the user's own
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=seed % 2**32)
    X = train.X
    if getattr(X, "ndim", 0) == 2:
        rows = X.numpy(force=True) if isinstance(X, Tensor) else X
        found, codes = sampler.fit_resample(rows, train.codes)
        return train.replaced(torch.from_numpy(found) if isinstance(X, Tensor) else found, codes)
    flat = train.encoded.flatten(1).numpy()
    found, codes = sampler.fit_resample(flat, train.codes)
    n = len(flat) if len(found) >= len(flat) and np.array_equal(found[: len(flat)], flat) else 0
    if n and len(found) == n:
        return train
    new = torch.from_numpy(found[n:]).float().reshape(-1, *train.encoded.shape[1:])
    made = train.replaced(train.codec.decode(new), codes[n:])
    return train.joined(made) if n else made
