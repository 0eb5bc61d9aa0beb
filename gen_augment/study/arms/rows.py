"""Rows that a classifier is trained on: real ones as they are, repeated or resampled, and synthetic ones beside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gen_augment.codecs import infer_codec, take
from gen_augment.errors import InputError, MissingDependencyError
from gen_augment.rng import derive_seed
from gen_augment.samplers import SMOTESampler
from gen_augment.study.arms.synthetic import Drawn, beside, draw_all, shuffled
from gen_augment.study.task import Part, Split

if TYPE_CHECKING:
    from gen_augment.study.arms.arm import Arm

__all__ = ["N_EXAMPLES", "ROW_STEPS", "Pool", "make_pool", "resampled"]

#: Synthetic rows of each class that are kept to be looked at.
N_EXAMPLES = 6


@dataclass(frozen=True)
class Pool:
    """The rows that a classifier is trained on, and what they cost.

    Attributes
    ----------
    part : Part
    n_synthetic : int
    examples : Part or None
        Some of the synthetic rows, to be looked at.
    seconds : dict of str to float
    pretrain : Part or None
        Rows of the first half of the training steps, if they differ.
    weights : ndarray of shape (n,) or None
        How often each row is met, in proportion, with a mean of 1; None for all alike.
    """

    part: Part
    n_synthetic: int = 0
    examples: Part | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    pretrain: Part | None = None
    weights: np.ndarray | None = None


def make_pool(
    arm: "Arm",
    split: Split,
    labels: np.ndarray,
    seed: int,
    clock: Callable[[], float],
    drawn: Drawn | None = None,
) -> Pool:
    """The rows that `arm` trains on for one seed; `drawn` are those of its sampler, if they are there already.

    Parameters
    ----------
    arm : Arm
    split : Split
        The test rows are only looked at for copies.
    labels : ndarray of shape (n_classes,)
        Sorted labels of the user.
    seed : int
    clock : callable
        Gives seconds.
    drawn : Drawn, optional
    """
    train = split.train
    if arm.sampler is None:
        return Pool(resampled(arm.rows, train, labels, derive_seed(seed, arm.row_step)))
    if drawn is None:
        found = draw_all(arm.row_step, arm.sampler, [arm.synthetic], split, labels, seed, clock)[
            arm.synthetic.drawn_as
        ]
        if isinstance(found, Exception):
            raise found
        drawn = found
    synthetic = shuffled(drawn.part, seed) if arm.synthetic.shuffled else drawn.part
    shown = np.concatenate(
        [np.flatnonzero(synthetic.codes == code)[:N_EXAMPLES] for code in range(len(labels))]
    )
    examples = Part(take(synthetic.X, shown), synthetic.codes[shown])
    real = resampled(arm.resample, train, labels, derive_seed(seed, arm.resample))
    if arm.synthetic.pretrain:
        return Pool(real, len(synthetic), examples, drawn.seconds, synthetic)
    weights = arm.synthetic.weights(len(real), len(synthetic))
    return Pool(beside(real, synthetic), len(synthetic), examples, drawn.seconds, weights=weights)


def resampled(rows: Any, train: Part, labels: np.ndarray, seed: int) -> Part:
    """Rows after a row step: its name, or one of the user's own."""
    step = ROW_STEPS[rows] if isinstance(rows, str) else rows
    if hasattr(step, "fit_resample"):
        return _by_imblearn(step, train, seed)
    if isinstance(rows, str):
        part: Part = step(train, seed)
        return part
    X, y = step(train.X, labels[train.codes], seed)
    known = {label: code for code, label in enumerate(labels.tolist())}
    unknown = [label for label in np.unique(y).tolist() if label not in known]
    if unknown or len(X) != len(y):
        raise InputError(
            f"rows of {step!r}: {len(X)} rows with {len(y)} labels, of which {unknown!r} are not among {list(known)!r}."
        )
    return Part(X, np.array([known[label] for label in np.asarray(y).tolist()], dtype=np.int64))


def _repeat(train: Part, _seed: int) -> Part:
    """Each row twice: it adds no information."""
    index = np.tile(np.arange(len(train)), 2)
    return Part(take(train.X, index), train.codes[index])


def _oversample(train: Part, seed: int) -> Part:
    rng = np.random.default_rng(seed)
    counts = np.bincount(train.codes)
    extra = [
        rng.choice(np.flatnonzero(train.codes == code), counts.max() - n)
        for code, n in enumerate(counts)
        if n < counts.max()
    ]
    index = np.concatenate([np.arange(len(train)), *extra]).astype(np.int64)
    return Part(take(train.X, index), train.codes[index])


def _over_sampler(name: str) -> Any:
    try:
        over_sampling = import_module("imblearn.over_sampling")
    except ImportError as error:
        raise MissingDependencyError(
            f"the arm {name.lower()!r} needs imbalanced-learn: pip install 'gen_augment[imbalanced]'."
        ) from error
    return getattr(over_sampling, name)


def _neighbours(train: Part) -> int:
    return min(5, int(np.bincount(train.codes).min()) - 1)


def _smote(train: Part, seed: int) -> Part:
    """Interpolated rows of small classes (Chawla et al. 2002).

    Of images, in their pixels; of tables with categories or missing values, as `SMOTESampler` makes them.
    """
    if getattr(infer_codec(train.X)[0], "blocks", ()):
        counts = np.bincount(train.codes)
        lacking = {c: int(counts.max() - n) for c, n in enumerate(counts) if n < counts.max()}
        if not lacking:
            return train
        sampler = SMOTESampler(random_state=seed % 2**31).fit(train.X, train.codes)
        return beside(train, Part(*sampler.sample(y=lacking)))
    return _by_imblearn(_over_sampler("SMOTE")(k_neighbors=_neighbours(train)), train, seed)


def _adasyn(train: Part, seed: int) -> Part:
    """SMOTE with more rows where other classes are near (He et al. 2008)."""
    if getattr(infer_codec(train.X)[0], "blocks", ()):
        raise InputError("arm 'adasyn' needs columns of numbers without missing values: use smote.")
    return _by_imblearn(_over_sampler("ADASYN")(n_neighbors=_neighbours(train)), train, seed)


def _smotenc(train: Part, seed: int) -> Part:
    """SMOTE for tables with categories, which are taken over from neighbours."""
    kinds = [
        dtype.kind if isinstance(dtype, np.dtype) else "O"
        for dtype in getattr(train.X, "dtypes", [])
    ]
    categorical = [number for number, kind in enumerate(kinds) if kind not in "iuf"]
    if not categorical or len(categorical) == len(kinds):
        raise InputError(
            "arm 'smotenc' needs a DataFrame with numeric columns and others: use smote."
        )
    if train.X.isna().any(axis=None):
        raise InputError("arm 'smotenc' needs columns without missing values: use smote.")
    sampler = _over_sampler("SMOTENC")(
        categorical_features=categorical, k_neighbors=_neighbours(train)
    )
    return _by_imblearn(sampler, train, seed)


ROW_STEPS: Mapping[str, Any] = {
    "real": lambda train, seed: train,
    "repeat": _repeat,
    "oversample": _oversample,
    "smote": _smote,
    "smotenc": _smotenc,
    "adasyn": _adasyn,
}


def _by_imblearn(sampler: Any, train: Part, seed: int) -> Part:
    """Through `fit_resample`; images as flat pixels. Real rows that come back first keep their exact values."""
    from sklearn.base import clone  # an instance may be the user's own

    sampler = clone(sampler)
    if "random_state" in sampler.get_params():
        sampler.set_params(random_state=seed % 2**32)
    X = train.X
    if getattr(X, "ndim", 0) == 2:
        rows = X.numpy(force=True) if isinstance(X, Tensor) else X
        found, codes = sampler.fit_resample(rows, train.codes)
        return Part(torch.from_numpy(found) if isinstance(X, Tensor) else found, codes)
    codec, encoded = infer_codec(X)
    flat = encoded.flatten(1).numpy()
    found, codes = sampler.fit_resample(flat, train.codes)
    n = len(flat) if len(found) >= len(flat) and np.array_equal(found[: len(flat)], flat) else 0
    made = (
        codec.decode(torch.from_numpy(found[n:]).float().reshape(-1, *encoded.shape[1:]))
        if len(found) > n
        else None
    )
    if not n:
        return Part(made, codes)
    return train if made is None else beside(train, Part(made, codes[n:]))
