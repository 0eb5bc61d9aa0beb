"""What a private sampler releases besides its weights: encoding, labels and class counts.

Everything that is bought is one of two queries with noise. A histogram of which one row changes one
bin by one is released with Gaussian noise. A set of values is released as the values whose noisy
count exceeds a threshold that a single row exceeds with probability `delta_set` (Korolova et al.,
"Releasing Search Queries and Clicks Privately", WWW 2009). The encoding has the share ``share`` of
epsilon and delta, and the training has the rest; by basic composition the sum is the guarantee,
also if the training adapts to the noisy counts.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import ndtri

from gen_augment.containers import take
from gen_augment.data import LabelCodec, Rows
from gen_augment.data.label_values import read_labels
from gen_augment.errors import InputError
from gen_augment.privacy.accounting import gaussian_sigma
from gen_augment.privacy.budget import Private
from gen_augment.types import JSON
from gen_augment.user_warnings import warn

__all__ = ["Ledger", "Release", "release"]


class Ledger:
    """Sells noisy histograms and sets, as many as were paid for.

    Parameters
    ----------
    n_histograms, n_sets : int
        Number of all queries, and of those that release a set of values.
    epsilon, delta : float
        The budget of all.
    """

    def __init__(self, n_histograms: int, n_sets: int, epsilon: float, delta: float) -> None:
        self.left = n_histograms
        self.sigma = 0.0
        self.delta_set = delta / 2 / n_sets if n_sets else 0.0
        if n_histograms:
            delta_noise = delta / 2 if n_sets else delta
            self.sigma = gaussian_sigma(epsilon, delta_noise) * n_histograms**0.5
        # Not repeatable: who knows the seed of the noise can subtract it.
        self._rng = np.random.default_rng(secrets.randbits(128))

    def histogram(self, codes: np.ndarray, n_bins: int) -> np.ndarray:
        """Return noisy counts of bins, whole numbers that may be negative."""
        return np.asarray(np.rint(self._noisy(np.bincount(codes, minlength=n_bins))))

    def surprising(self, n_bins: int) -> float:
        """Return a count that the noise of no bin of an empty histogram exceeds, nearly always."""
        return float(max(1.0, self.sigma * ndtri(1 - 1e-3 / n_bins)))

    def discover(self, values: "pd.Series[Any]") -> "pd.Series[Any]":
        """Return values and their noisy counts, without those that few rows have; most first."""
        counts = values.value_counts(dropna=False)
        noisy = pd.Series(self._noisy(counts.to_numpy()), index=counts.index)
        kept = noisy[noisy > 1 + self.sigma * ndtri(1 - self.delta_set)]
        found: pd.Series[Any] = kept.sort_values(ascending=False).round()
        return found

    def _noisy(self, counts: np.ndarray) -> np.ndarray:
        if not self.left:
            raise RuntimeError("more histograms were asked for than were paid for")
        self.left -= 1
        return np.asarray(counts + self._rng.normal(size=len(counts)) * self.sigma)


@dataclass(frozen=True)
class Release:
    """Rows with an encoding that is known or paid for, and the budget of the training.

    Attributes
    ----------
    rows : Rows
        Encoded and clipped; without rows of classes that were not released.
    counts : ndarray of shape (n_classes,)
        Class counts, noisy unless they are public.
    epsilon, delta : float
        What is left for the training.
    record : dict
        What was spent, as JSON values.
    """

    rows: Rows
    counts: np.ndarray
    epsilon: float
    delta: float
    record: JSON


def release(rows: Rows, private: Private) -> Release:
    """Learn encoding, labels and class counts of `rows` within a share of the budget.

    Raises
    ------
    InputError
        Something is neither public nor paid for, or a row has no label or an unknown one.

    Warns
    -----
    UserWarning
        Values were clipped, rows left out, or delta is large for so many rows.
    """
    if (rows.codes < 0).any():
        raise InputError(
            f"row {int(np.argmax(rows.codes < 0))} has no label, and inferred labels would reveal "
            "others: drop such rows before private training."
        )
    if private.classes is None:
        raise InputError(
            "the labels of the data are neither public nor paid for: give "
            "Private(classes=[...]) with all possible labels, or Private(classes='paid')."
        )
    if private.delta >= 1 / len(rows):
        warn(
            f"delta={private.delta} is at least one over the number of rows, so that publishing "
            "one row at random would be private too: give a delta far below it."
        )
    known = rows.modality.views.known(rows.modality, rows.X, private.bounds)
    counts_are_public = isinstance(private.classes, Mapping)
    n_histograms = known.n_histograms + (not counts_are_public)
    n_sets = known.n_sets + (isinstance(private.classes, str))
    share = private.share if n_histograms else 0.0
    spent = share * private.epsilon, share * private.delta
    ledger = Ledger(n_histograms, n_sets, *spent)
    rows, counts = _labelled(rows, private.classes, ledger)
    codec, low, high = known.codec(ledger)
    encoded = codec.encode(rows.X)
    rows = replace(rows, known_codec=codec, groups=None)
    rows.__dict__["_fitted"] = codec, torch.clamp(encoded, low, high)
    clipped = known.violations()
    if clipped:
        warn(f"values beyond the public bounds were clipped: {clipped}.")
    record = {
        "epsilon": spent[0],
        "delta": spent[1],
        "histograms": n_histograms,
        "sets": n_sets,
        "sigma": ledger.sigma,
    }
    return Release(rows, counts, private.epsilon - spent[0], private.delta - spent[1], record)


def _labelled(rows: Rows, classes: Any, ledger: Ledger) -> tuple[Rows, np.ndarray]:
    """Return rows whose labels are public or paid for, and the class counts."""
    if isinstance(classes, str):
        return _discovered(rows, ledger)
    given = list(classes)
    values = read_labels(given)
    types = {"number" if v.dtype.kind in "iuf" else v.dtype.kind for v in (values, rows.classes)}
    if len(types) > 1:
        raise InputError(
            f"classes={given[:10]!r} have another type than the labels of y, such as "
            f"{rows.classes.tolist()[:5]!r}: give labels of the same type."
        )
    if rows.classes.dtype.kind in "iu" and values.dtype.kind == "f" and not (values % 1).any():
        values = values.astype(rows.classes.dtype)  # 1.0 is the label 1
    labels, _ = rows.labels.extend(values)
    if len(labels.classes) != len(set(given)):
        unknown = set(labels.classes.tolist()) - set(given)
        raise InputError(
            f"y has labels {sorted(unknown, key=repr)[:5]} that the public classes {given[:10]} "
            "lack: add them, or drop those rows."
        )
    labels = _only(labels, np.arange(len(labels.classes)))
    codes = labels.encode(rows.classes)[rows.codes]
    if isinstance(classes, Mapping):
        numbers = np.zeros(len(given), np.int64)
        numbers[labels.encode(given)] = [int(classes[label]) for label in given]
        if (numbers < 1).any():
            raise InputError(f"classes={dict(classes)!r}: public counts are at least 1.")
    else:
        numbers = np.maximum(ledger.histogram(codes, len(given)), 1).astype(np.int64)
    return replace(rows, labels=labels, codes=codes), numbers


def _discovered(rows: Rows, ledger: Ledger) -> tuple[Rows, np.ndarray]:
    found = ledger.discover(pd.Series(rows.codes)).sort_index()
    kept = found.index.to_numpy()
    if len(kept) < 2:
        raise InputError(
            f"{len(kept)} classes have enough rows for Private(classes='paid'): give the labels, "
            "or a larger epsilon."
        )
    place = np.full(rows.n_classes, -1)
    place[kept] = np.arange(len(kept))
    here = np.flatnonzero(place[rows.codes] >= 0)
    if len(here) < len(rows):
        warn(
            f"{len(rows) - len(here)} rows of {rows.n_classes - len(kept)} rare classes were left "
            "out: their labels could not be released."
        )
    labels = _only(rows.labels, kept)
    codes = place[rows.codes[here]]
    return replace(rows, X=take(rows.X, here), codes=codes, labels=labels, groups=None), np.maximum(
        found.to_numpy(), 1
    ).astype(np.int64)


def _only(labels: LabelCodec, kept: np.ndarray) -> LabelCodec:
    """Return a codec that knows these classes alone."""
    classes = labels.classes[kept]
    changes: dict[str, Any] = {"classes": classes}
    if labels.categories is not None:
        changes["categories"] = [c for c in labels.categories if c in classes.tolist()]
    if labels.members is not None:
        changes["members"] = tuple(labels.members[i] for i in kept)
    if classes.dtype.kind == "U":  # its width would tell of longer labels
        changes["classes"] = np.array(classes.tolist())
        if labels.container == "ndarray" and labels.dtype != "|O":
            changes["dtype"] = changes["classes"].dtype.str
    return replace(labels, **changes)
