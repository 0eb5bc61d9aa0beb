"""The figures of an audit, and which of them stand out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gen_augment.containers import stack_rows
from gen_augment.metrics import (
    Bias,
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
from gen_augment.metrics.rows import LabelledRows
from gen_augment.metrics.utility import Utility
from gen_augment.modalities.table.codec import columns_of

__all__ = ["FIGURES", "Compared", "class_figures", "column_figures", "findings", "row_figures"]

K = 3
#: Rows of a class below which its precision and recall are not taken.
MIN_PER_CLASS = 10
#: A share that differs from its reference by more, and by more than chance explains, is said; so is a balanced accuracy
#: that falls by half as much.
CLEAR = 0.1
#: Standard errors that chance explains.
CHANCE = 3.0


class _Figure(NamedTuple):
    title: str
    ideal: str


#: Each figure in words, and what it is at best.
FIGURES = {
    "frechet_distance": _Figure("Fréchet distance", "as the reference"),
    "kernel_distance": _Figure("kernel distance", "0"),
    "precision": _Figure("precision: share inside the manifold of real rows", "as the reference"),
    "recall": _Figure(
        "recall: share of real rows inside the manifold of these", "as the reference"
    ),
    "density": _Figure("density", "as the reference"),
    "coverage": _Figure("coverage", "as the reference"),
    "column_shapes": _Figure("columns' distributions: 1 is equal, mean of all", "as the reference"),
    "pair_correlations": _Figure(
        "columns' correlations: 1 is equal, mean of all pairs", "as the reference"
    ),
    "two_sample_auc": _Figure("told from real rows by classifiers (ROC AUC)", "0.5"),
    "vendi_score": _Figure("different rows (Vendi score)", "as the reference"),
    "label_agreement": _Figure(
        "share whose label classifiers of real rows agree with", "as the reference"
    ),
    "synthetic_on_real": _Figure(
        "trained on these, tested on unseen rows (balanced accuracy)", "as the reference"
    ),
    "real_on_synthetic": _Figure(
        "trained on real rows, tested on these (balanced accuracy)", "as the reference"
    ),
    "memorisation": _Figure(
        "share nearer to a training row than that is to any other", "at most the reference"
    ),
    "copies": _Figure("share of copies of training rows", "0"),
    "share_nearer_to_train": _Figure("share nearer to training than to unseen rows", "0.5"),
    "privacy_loss": _Figure("privacy loss: adversarial accuracy, unseen less training rows", "0"),
    "membership_auc": _Figure("training rows found by their nearest sample (ROC AUC)", "0.5"),
}

Figures = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Compared:
    """What an audit compares: training rows, synthetic ones, and rows that the sampler has not seen, if there are any.

    Attributes
    ----------
    real, made, unseen : LabelledRows
    some : ndarray of shape (n,)
        Numbers of the training rows that stand in the place of synthetic ones for the reference.
    vectors : dict of str to ndarray of shape (n, d)
        Features of ``"train"``, ``"made"`` and ``"unseen"`` rows.
    """

    real: LabelledRows
    made: LabelledRows
    unseen: LabelledRows | None
    some: np.ndarray
    vectors: dict[str, np.ndarray]


def row_figures(
    data: Compared, agreement: tuple[float, float] | None, worth: Utility | None
) -> Figures:
    """Of the synthetic rows, and of training rows in their place where there are unseen rows to compare with."""
    train, made, unseen = data.vectors["train"], data.vectors["made"], data.vectors.get("unseen")
    real = train[data.some]
    compared = real if unseen is None else unseen
    found = fidelity(compared, made, _as_is)
    reference = dict.fromkeys(found, np.nan) if unseen is None else fidelity(compared, real, _as_is)
    figures: Figures = {name: (value, reference[name]) for name, value in found.items()}
    figures |= (
        _table_figures(data)
        if data.real.codec.kind == "table"
        else _told_apart(compared, made, real, unseen)
    )
    centre, scale = train.mean(axis=0), train.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1)  # pixels at the border may never change
    figures["vendi_score"] = (
        vendi_score((made - centre) / scale),
        vendi_score((compared - centre) / scale),
    )
    if agreement is not None:
        figures["label_agreement"] = agreement
    if worth is not None:
        figures["synthetic_on_real"] = (worth.synthetic_on_real, worth.real_on_real)
        figures["real_on_synthetic"] = (worth.real_on_synthetic, worth.real_on_real)
    return figures | _privacy_figures(train, made, real, unseen)


def _as_is(rows: np.ndarray) -> np.ndarray:
    return rows


def _told_apart(
    compared: np.ndarray, made: np.ndarray, real: np.ndarray, unseen: np.ndarray | None
) -> Figures:
    return {
        "two_sample_auc": (
            two_sample_auc(compared, made),
            _nan_without(unseen, two_sample_auc, compared, real),
        )
    }


def _table_figures(data: Compared) -> Figures:
    """Of columns rather than of features."""
    real, made = _frame(data.real.part(data.some)), _frame(data.made)
    unseen = None if data.unseen is None else _frame(data.unseen)
    compared = real if unseen is None else unseen
    figures: Figures = {
        "two_sample_auc": (
            detection_auc(compared, made),
            _nan_without(unseen, detection_auc, compared, real),
        )
    }
    takes: dict[str, Any] = {"column_shapes": column_shapes}
    if real.shape[1] > 1:
        takes["pair_correlations"] = pair_correlations
    for name, take_figure in takes.items():
        value, reference = (
            take_figure(compared, made),
            _nan_without(unseen, take_figure, compared, real),
        )
        figures[name] = (float(value.mean()), float(np.mean(reference)))
    return figures


def _frame(rows: LabelledRows) -> pd.DataFrame:
    """A table in which numbers that are categories, as declared, are no numbers."""
    codec: Any = rows.codec
    columns = columns_of(stack_rows(rows.X))[2]
    named = {
        name for name, part in zip(columns, codec.parts, strict=True) if part.kind == "category"
    }
    return pd.DataFrame(
        {name: c.astype(object) if name in named else c for name, c in columns.items()}
    )


def _nan_without(unseen: Any, function: Any, compared: Any, real: Any) -> Any:
    return np.nan if unseen is None else function(compared, real)


def _privacy_figures(
    train: np.ndarray, made: np.ndarray, real: np.ndarray, unseen: np.ndarray | None
) -> Figures:
    copied = memorisation(train, made, unseen)
    closest = closest_record(train, made, real if unseen is None else unseen)
    figures: Figures = {
        "memorisation": (copied.share, np.nan if copied.reference is None else copied.reference),
        "copies": (closest.copies, np.nan if unseen is None else closest.copies_of_holdout),
    }
    if unseen is not None:
        n = min(len(real), len(unseen), len(made))
        loss = adversarial_accuracy(unseen[:n], made) - adversarial_accuracy(real[:n], made)
        figures["share_nearer_to_train"] = (closest.share_nearer_to_train, np.nan)
        figures["privacy_loss"] = (loss, np.nan)
        figures["membership_auc"] = (membership_auc(real, unseen, made), np.nan)
    return figures


def class_figures(
    data: Compared,
    classes: np.ndarray,
    scores: np.ndarray,
    known: np.ndarray,
    worth: Utility | None,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """A row for each class, from the scores of label agreement of the synthetic rows, and of the real ones or NaN."""
    agreement, manifolds = (
        ["label_agreement", "reference_agreement"],
        ["precision", "recall", "reference_recall"],
    )
    columns = ["real", "synthetic", *agreement, *manifolds, "memorisation"]
    table = pd.DataFrame(np.nan, index=pd.Index(classes.tolist(), name="class"), columns=columns)
    counts = [np.bincount(rows.codes, minlength=len(classes)) for rows in (data.real, data.made)]
    table["real"], table["synthetic"] = counts
    for code, label in enumerate(table.index):
        mine = data.made.codes == code
        real, made = data.vectors["train"][data.real.codes == code], data.vectors["made"][mine]
        if len(made):
            table.at[label, "label_agreement"] = (scores[mine] >= 0).mean()
        judged = known[(data.real.codes == code) & ~np.isnan(known)]
        if len(judged):
            table.at[label, "reference_agreement"] = (judged >= 0).mean()
        half = len(real) // 2
        if min(half, len(made)) >= MIN_PER_CLASS:
            # Halves of the real rows against each other say what can be hoped for, with as many synthetic rows.
            order, n = rng.permutation(len(real)), min(half, len(made))
            one, other = real[order[:half]], real[order[half : 2 * half]]
            table.loc[label, ["precision", "recall"]] = precision_recall(one, made[:n], K)
            table.at[label, "reference_recall"] = precision_recall(one, other[:n], K)[1]
            table.at[label, "memorisation"] = memorisation(real, made).share
    if worth is not None:
        table["synthetic_on_real"] = worth.per_class["synthetic_on_real"].to_numpy()
        table["real_on_real"] = worth.per_class["real_on_real"].to_numpy()
    return table


def column_figures(data: Compared) -> pd.DataFrame:
    """A row for each column of a table: how alike its distribution is, and that of training rows in their place."""
    real = _frame(data.real.part(data.some))
    compared = real if data.unseen is None else _frame(data.unseen)
    reference = np.nan if data.unseen is None else column_shapes(compared, real)
    shape = column_shapes(compared, _frame(data.made))
    return pd.DataFrame({"shape": shape, "reference": reference}).rename_axis("column")


def findings(
    figures: Figures,
    per_class: pd.DataFrame,
    per_column: pd.DataFrame | None,
    groups: Bias | None,
    n: int,
    n_compared: int,
) -> list[str]:
    """What is farther from its reference than chance explains, of `n` synthetic rows and `n_compared` real ones."""
    found = [*_of_privacy(figures, n, n_compared), *_of_classes(per_class)]
    agreement, reference = figures.get("label_agreement", (1.0, 1.0))
    if agreement < reference - _clear(agreement, reference, n, n_compared):
        found.append(
            f"Classifiers of the real rows agree with {100 * agreement:.0f}% of the labels, and with "
            f"{100 * reference:.0f}% of those of real rows."
        )
    score, reference = figures.get("synthetic_on_real", (1.0, 1.0))
    if score < reference - _clear(score, reference, n_compared, n_compared):
        found.append(
            f"A classifier trained on these rows alone reaches {100 * score:.0f}% balanced accuracy on unseen rows, "
            f"and one trained on as many real rows {100 * reference:.0f}%."
        )
    if per_column is not None:
        # Two-sample Kolmogorov-Smirnov, of which one column in a hundred tables is farther by chance.
        chance = (np.log(200 * len(per_column)) / 2 * (1 / n + 1 / n_compared)) ** 0.5
        bound = per_column["reference"].fillna(1.0) - max(CLEAR, chance)
        far = per_column[per_column["shape"] < bound]["shape"].sort_values()
        if len(far):
            worst = ", ".join(f"{name!r} ({value:.2f})" for name, value in far.head(5).items())
            found.append(
                f"{len(far)} of {len(per_column)} columns differ in distribution from real ones: {worst}."
            )
    return found if groups is None else [*found, *_of_groups(groups)]


def _clear(share: float, reference: float, n: int, n_compared: int, least: float = CLEAR) -> float:
    """What a share of `n` rows has to differ by from that of `n_compared` others, not to be chance."""
    both = (share * n + reference * n_compared) / (n + n_compared)
    return float(max(least, CHANCE * (both * (1 - both) * (1 / n + 1 / n_compared)) ** 0.5))


def _of_privacy(figures: Figures, n: int, n_compared: int) -> list[str]:
    found = []
    copies, reference = figures["copies"]
    if np.isnan(reference):
        if copies > 0:
            found.append(
                f"{100 * copies:.3g}% of the rows are copies of training rows. Where few different rows are possible, "
                "chance makes some: unseen rows would tell."
            )
    elif copies > reference + _clear(copies, reference, n, n_compared, least=0.0):
        beside = f"; of unseen real rows, {100 * reference:.3g}%" if reference else ""
        found.append(f"{100 * copies:.3g}% of the rows are copies of training rows{beside}.")
    nearer = figures.get("share_nearer_to_train", (0.5, 0.0))[0]
    if nearer > 0.5 + 3 * 0.5 / n**0.5 + 0.02:
        found.append(
            f"{100 * nearer:.0f}% of the rows are nearer to training rows than to unseen ones; 50% give nothing away."
        )
    share, reference = figures["memorisation"]
    expected = 0.65 if np.isnan(reference) else reference
    if share > expected + _clear(share, expected, n, n_compared):
        beside = "" if np.isnan(reference) else f"; of unseen real rows, {100 * reference:.0f}%"
        found.append(
            f"{100 * share:.0f}% of the rows are nearer to a training row than that is to any other{beside}. Some "
            "are training rows with small changes."
        )
    return found


def _of_classes(per_class: pd.DataFrame) -> list[str]:
    found = []
    for label, row in per_class.iterrows():
        agreement, expected = row["label_agreement"], row["reference_agreement"]
        if agreement < expected and agreement < expected - _clear(
            agreement, expected, row["synthetic"], row["real"], least=2 * CLEAR
        ):
            found.append(
                f"Rows of class {label!r} are taken for others: classifiers of the real rows agree with "
                f"{100 * agreement:.0f}% of its labels, and with {100 * expected:.0f}% of those of real rows."
            )
        if row["recall"] < 0.5 * row["reference_recall"] and row["precision"] < CLEAR:
            found.append(
                f"Rows of class {label!r} lie apart from the real ones: {100 * row['precision']:.0f}% among them."
            )
        elif row["recall"] < 0.5 * row["reference_recall"]:
            reached, possible = (round(100 * row[name]) for name in ("recall", "reference_recall"))
            found.append(
                f"Class {label!r} is partly collapsed: its rows reach {reached}% of the real ones, where real rows "
                f"reach {possible}%."
            )
    return found


def _of_groups(groups: Bias) -> list[str]:
    scores = groups.by_group
    found = []
    for name, row in scores.iterrows():
        chance = 2 * 0.5 / row["rows"] ** 0.5
        if row["after"] < row["before"] - max(CLEAR / 2, chance):
            found.append(
                f"In group {name!r} a classifier's balanced accuracy falls from {100 * row['before']:.0f}% to "
                f"{100 * row['after']:.0f}% when these rows are added ({row['rows']:.0f} unseen rows)."
            )
        if row["synthetic"] < row["real"] / 2:
            found.append(
                f"Group {name!r} is {100 * row['real']:.3g}% of the training rows, and {100 * row['synthetic']:.2g}% "
                "of these."
            )
    return found
