"""The figures of an audit: all rows, and each class."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from gen_augment.data.rows import Rows
from gen_augment.metrics import (
    adversarial_accuracy,
    closest_record,
    column_shapes,
    detection_auc,
    fidelity,
    membership_auc,
    memorisation,
    pair_correlations,
    precision_recall,
    two_sample_auc,
    vendi_score,
)
from gen_augment.metrics.utility import Utility
from gen_augment.modalities import Modality
from gen_augment.modalities.views import Figure

__all__ = [
    "FIGURES",
    "N_NEIGHBOURS",
    "Comparison",
    "Figures",
    "class_figures",
    "meanings",
    "row_figures",
]

N_NEIGHBOURS = 3
#: Rows of a class that precision and recall need.
MIN_PER_CLASS = 10


_REAL, _VARIED = "Do the rows look real?", "Are the rows varied?"
_LABELS, _COPIES = "Are the labels right?", "Do the rows reveal training rows?"
_USE = "Can a classifier learn from the rows?"
_AS_REAL = "as real rows"

FIGURES = {
    "frechet_distance": Figure(
        _REAL,
        "Fréchet distance",
        "Distance between the means and covariances of both sets. Smaller is closer.",
        _AS_REAL,
    ),
    "kernel_distance": Figure(
        _REAL,
        "Kernel distance",
        "Distance between both distributions (maximum mean discrepancy). Smaller is closer.",
        "0",
    ),
    "precision": Figure(
        _REAL, "Precision", "Share of the rows that lie among real rows.", _AS_REAL
    ),
    "density": Figure(
        _REAL,
        "Density",
        "Number of real rows around each row, relative to what real rows would have.",
        _AS_REAL,
    ),
    "column_shapes": Figure(
        _REAL,
        "Column distributions",
        "Similarity of each column's distribution, mean over the columns. 1 is equal.",
        _AS_REAL,
    ),
    "pair_correlations": Figure(
        _REAL,
        "Column correlations",
        "Similarity of the correlation of two columns, mean over all pairs. 1 is equal.",
        _AS_REAL,
    ),
    "two_sample_auc": Figure(
        _REAL,
        "Distinguishable from real rows",
        "How well a classifier separates synthetic from real rows (ROC AUC): 0.5 is guessing.",
        "0.5",
    ),
    "recall": Figure(
        _VARIED, "Recall", "Share of real rows that lie among the synthetic rows.", _AS_REAL
    ),
    "coverage": Figure(
        _VARIED, "Coverage", "Share of real rows with a synthetic row nearby.", _AS_REAL
    ),
    "vendi_score": Figure(
        _VARIED, "Vendi score", "Effective number of different rows. Larger is more.", _AS_REAL
    ),
    "label_agreement": Figure(
        _LABELS,
        "Label agreement",
        "Share of the rows whose label classifiers of real rows also predict.",
        _AS_REAL,
    ),
    "real_on_synthetic": Figure(
        _LABELS,
        "Train on real, test on synthetic",
        "Balanced accuracy on synthetic rows of a classifier of real rows.",
        _AS_REAL,
    ),
    "synthetic_on_real": Figure(
        _USE,
        "Train on synthetic, test on real",
        "Balanced accuracy on unseen real rows of a classifier of synthetic rows.",
        _AS_REAL,
    ),
    "copies": Figure(_COPIES, "Copies", "Share of the rows that equal a training row.", "0"),
    "memorisation": Figure(
        _COPIES,
        "Memorisation",
        "Share of the rows that are nearer to a training row than its own neighbour is.",
        "at most as real rows",
    ),
    "share_nearer_to_train": Figure(
        _COPIES,
        "Nearer to training rows",
        "Share of the rows that are nearer to a training row than to any unseen row.",
        "0.5",
    ),
    "privacy_loss": Figure(
        _COPIES,
        "Privacy loss",
        "How much easier unseen rows are to tell from synthetic rows than training rows are.",
        "0",
    ),
    "membership_auc": Figure(
        _COPIES,
        "Membership attack",
        "How well training rows are identified by their nearest synthetic row (ROC AUC).",
        "0.5",
    ),
}

#: Value for synthetic rows and reference for real rows, by name; NaN without a reference.
Figures = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Comparison:
    """The rows that an audit compares.

    Attributes
    ----------
    real, synthetic : Rows
        Training rows, and rows of the sampler.
    unseen : Rows or None
        Real rows that the sampler was not fitted on.
    sample : ndarray of shape (n,), int64
        Training rows that take the place of synthetic ones in reference figures.
    vectors : dict of str to ndarray of shape (n, d)
        Features of ``"real"``, ``"synthetic"`` and, if there are any, ``"unseen"`` rows.
    """

    real: Rows
    synthetic: Rows
    unseen: Rows | None
    sample: np.ndarray
    vectors: dict[str, np.ndarray]

    @property
    def has_pictures(self) -> bool:
        """Whether the modality draws its rows."""
        one = self.real.encoded[:1]
        return self.real.modality.sheet(self.real.codec, one, 1) is not None

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame] | None:
        """Columns of ``"real"``, ``"synthetic"`` and ``"unseen"`` rows; None without columns."""
        parts = {"real": self.real, "synthetic": self.synthetic}
        if self.unseen is not None:
            parts["unseen"] = self.unseen
        modality, codec = self.real.modality, self.real.codec
        found = {name: modality.columns(codec, rows.X) for name, rows in parts.items()}
        return {name: t for name, t in found.items() if t is not None} or None


def row_figures(
    data: Comparison, agreement: tuple[float, float] | None, worth: Utility | None
) -> Figures:
    """Compute the figures of synthetic rows and their references.

    For a reference, training rows take the place of synthetic rows and are compared with
    unseen rows.
    """
    train, synthetic = data.vectors["real"], data.vectors["synthetic"]
    real, unseen = train[data.sample], data.vectors.get("unseen")
    compared = real if unseen is None else unseen
    found = fidelity(compared, synthetic, _as_is)
    reference = dict.fromkeys(found, np.nan) if unseen is None else fidelity(compared, real, _as_is)
    figures: Figures = {name: (value, reference[name]) for name, value in found.items()}
    if data.tables is None:
        auc = np.nan if unseen is None else two_sample_auc(compared, real)
        figures["two_sample_auc"] = two_sample_auc(compared, synthetic), auc
    else:
        figures |= _table_figures(data.tables, data.sample)
    centre, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1)  # values such as border pixels may be constant
    variety = [vendi_score((rows - centre) / scale) for rows in (synthetic, compared)]
    figures["vendi_score"] = variety[0], variety[1]
    if agreement is not None:
        figures["label_agreement"] = agreement
    if worth is not None:
        figures["synthetic_on_real"] = worth.synthetic_on_real, worth.real_on_real
        figures["real_on_synthetic"] = worth.real_on_synthetic, worth.real_on_real
    return figures | _privacy_figures(train, synthetic, real, unseen) | _own_figures(data)


def meanings(modality: Modality) -> dict[str, Figure]:
    """Return all figures in words, those that answer one question together."""
    known = FIGURES | dict(modality.views.figures)
    order = list(dict.fromkeys(figure.question for figure in known.values()))
    return dict(sorted(known.items(), key=lambda pair: order.index(pair[1].question)))


def _own_figures(data: Comparison) -> Figures:
    """Compute the figures that the modality has, of synthetic and of unseen rows."""
    unseen = None if data.unseen is None else data.unseen.X
    return data.real.modality.views.measure(data.real.X, data.synthetic.X, unseen)


def _as_is(rows: np.ndarray) -> np.ndarray:
    return rows


def _table_figures(tables: dict[str, pd.DataFrame], sample: np.ndarray) -> Figures:
    real, synthetic = tables["real"].iloc[sample], tables["synthetic"]
    compared = tables.get("unseen", real)
    functions: dict[str, Callable[..., Any]] = {
        "two_sample_auc": detection_auc,
        "column_shapes": column_shapes,
    }
    if real.shape[1] > 1:
        functions["pair_correlations"] = pair_correlations
    return {
        name: (
            float(np.mean(function(compared, synthetic))),
            float(np.mean(function(compared, real))) if "unseen" in tables else np.nan,
        )
        for name, function in functions.items()
    }


def _privacy_figures(
    train: np.ndarray, synthetic: np.ndarray, real: np.ndarray, unseen: np.ndarray | None
) -> Figures:
    memorised = memorisation(train, synthetic, unseen)
    closest = closest_record(train, synthetic, real if unseen is None else unseen)
    if unseen is None:
        return {"memorisation": (memorised.share, np.nan), "copies": (closest.copies, np.nan)}
    n = min(len(real), len(unseen), len(synthetic))
    accuracy_unseen, accuracy_train = (
        adversarial_accuracy(rows[:n], synthetic) for rows in (unseen, real)
    )
    return {
        "memorisation": (memorised.share, float(memorised.reference or 0)),
        "copies": (closest.copies, closest.copies_of_holdout),
        "share_nearer_to_train": (closest.share_nearer_to_train, np.nan),
        "privacy_loss": (accuracy_unseen - accuracy_train, np.nan),
        "membership_auc": (membership_auc(real, unseen, synthetic), np.nan),
    }


def class_figures(
    data: Comparison,
    margins: np.ndarray,
    real_margins: np.ndarray,
    worth: Utility | None,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Compute one row of figures per class.

    Parameters
    ----------
    data : Comparison
    margins, real_margins : ndarray of shape (n,)
        Scores of `LabelAgreement` of the synthetic and of the training rows; NaN if
        unknown.
    worth : Utility, optional
        Adds the recall of unseen rows after training on synthetic and on real rows.
    rng : numpy Generator
        Divides the real rows of a class into halves.
    """
    names = ["label_agreement", "reference_agreement", "precision", "recall", "reference_recall"]
    index = pd.Index(data.real.classes.tolist(), name="class")
    columns = ["real", "synthetic", *names, "memorisation"]
    table = pd.DataFrame(np.nan, index=index, columns=columns)
    table["real"], table["synthetic"] = data.real.class_counts, data.synthetic.class_counts
    for code, label in enumerate(table.index):
        mine, here = data.synthetic.codes == code, data.real.codes == code
        real, synthetic = data.vectors["real"][here], data.vectors["synthetic"][mine]
        table.at[label, "label_agreement"] = _share_agreed(margins[mine])
        table.at[label, "reference_agreement"] = _share_agreed(real_margins[here])
        half = len(real) // 2
        n = min(half, len(synthetic))
        if n >= MIN_PER_CLASS:
            # The reference for n synthetic rows is one half of the real rows against the other.
            order = rng.permutation(len(real))
            one, other = real[order[:half]], real[order[half : 2 * half]]
            found = precision_recall(one, synthetic[:n], N_NEIGHBOURS)
            table.loc[label, ["precision", "recall"]] = found
            reference = precision_recall(one, other[:n], N_NEIGHBOURS)[1]
            table.at[label, "reference_recall"] = reference
            table.at[label, "memorisation"] = memorisation(real, synthetic).share
    if worth is not None:
        table["synthetic_on_real"] = worth.per_class["synthetic_on_real"].to_numpy()
        table["real_on_real"] = worth.per_class["real_on_real"].to_numpy()
    return table


def _share_agreed(margins: np.ndarray) -> float:
    known = margins[~np.isnan(margins)]
    return float((known >= 0).mean()) if len(known) else np.nan
