"""The findings of an audit: figures that differ from their reference by more than chance."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from gen_augment.auditing.figures import Figures
from gen_augment.metrics import Bias

__all__ = ["clear_difference", "findings", "seen_in_holdout"]

#: Smallest difference between a share and its reference that is reported, if chance does
#: not explain it; half of it for the balanced accuracy of a group.
CLEAR = 0.1
#: Number of standard errors that chance explains.
CHANCE = 3.0
#: Share of values that an encoding may lose without a finding.
LOST = 0.01


def findings(
    figures: Figures,
    per_class: pd.DataFrame,
    per_column: pd.DataFrame | None,
    groups: Bias | None,
    n: int,
    n_compared: int,
    card: Mapping[str, Any],
) -> list[str]:
    """Describe what differs from its reference by more than chance explains.

    Parameters
    ----------
    figures, per_class, per_column, groups
        The parts of an `Audit`.
    n, n_compared : int
        Number of synthetic rows, and of the real rows that they are compared with.
    card : mapping
        As in an `Audit`.

    Returns
    -------
    list of str
        Unseen rows that are training rows first, then copied identifiers, other copies, classes,
        labels, columns and groups.
    """
    seen = seen_in_holdout(card)
    found = [f"{seen}. Comparisons with unseen rows say little: leave them out."] if seen else []
    found += [] if per_column is None else [*_copied_identifiers(per_column, n)]
    found += [*_copies(figures, n, n_compared), *_classes(per_class)]
    found += [*_labels(figures, n, n_compared)]
    if per_column is not None:
        found += [*_lost_columns(per_column), *_different_columns(per_column, n, n_compared)]
    return found if groups is None else [*found, *_groups(groups)]


def clear_difference(
    share: float, reference: float, n: int, n_compared: int, least: float = CLEAR
) -> float:
    """Return the smallest difference of two shares of `n` and `n_compared` rows that counts."""
    both = (share * n + reference * n_compared) / (n + n_compared)
    error = (both * (1 - both) * (1 / n + 1 / n_compared)) ** 0.5
    return float(max(least, CHANCE * error))


def seen_in_holdout(card: Mapping[str, Any]) -> str:
    """Say how many unseen rows of an audit are training rows, if more than chance explains."""
    seen, usual = card.get("unseen_repeats", 0.0), card.get("training_repeats", 0.0)
    if seen == 0 or seen <= usual + clear_difference(
        seen, usual, card["unseen_rows"], card["training_rows"]
    ):
        return ""
    return (
        f"{_percent(seen, 3)} of the unseen rows of the audit are training rows, and "
        f"{_percent(usual, 3)} of these occur twice"
    )


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.3g}%" if digits else f"{100 * share:.0f}%"


def _copied_identifiers(per_column: pd.DataFrame, n: int) -> Iterator[str]:
    table = per_column[per_column["copied"].notna()]
    reference = table["reference_copied"].fillna(0.0)
    for name, copied in table["copied"][table["copied"] > reference + max(LOST, 1 / n)].items():
        yield (
            f"Column {name!r} identifies single rows, and {_percent(copied)} of "
            "its synthetic values are copied from training rows. Leave the column out before "
            "fitting."
        )


def _copies(figures: Figures, n: int, n_compared: int) -> Iterator[str]:
    copies, reference = figures["copies"]
    if np.isnan(reference):
        if copies > 0:
            yield (
                f"{_percent(copies, 3)} of the rows are copies of training rows. If few different "
                "rows are possible, some copies occur by chance: unseen rows would tell."
            )
    elif copies > reference + clear_difference(copies, reference, n, n_compared, least=0.0):
        other = f", compared with {_percent(reference, 3)} of unseen real rows" if reference else ""
        yield f"{_percent(copies, 3)} of the rows are copies of training rows{other}."
    secrets = figures.get("copied_secrets", (0.0, 0.0))[0]
    if secrets > 0:
        yield (
            f"{_percent(secrets, 3)} of the rows hold an e-mail address, link, number or key of "
            "a training row. Replace them before fitting."
        )
    nearer = figures.get("share_nearer_to_train", (0.5, 0.0))[0]
    if nearer > 0.5 + 3 * 0.5 / n**0.5 + 0.02:
        yield (
            f"{_percent(nearer)} of the rows are nearer to training rows than to unseen rows. 50% "
            "would reveal nothing."
        )
    share, reference = figures["memorisation"]
    expected = 0.65 if np.isnan(reference) else reference
    if share > expected + clear_difference(share, expected, n, n_compared):
        other = "" if np.isnan(reference) else f"; for unseen real rows it is {_percent(reference)}"
        yield (
            f"{_percent(share)} of the rows are nearer to a training row than its own neighbour "
            f"is{other}. Some are training rows with small changes."
        )


def _classes(per_class: pd.DataFrame) -> Iterator[str]:
    for label, row in per_class.iterrows():
        agreement, expected = row["label_agreement"], row["reference_agreement"]
        if agreement < expected and agreement < expected - clear_difference(
            agreement, expected, row["synthetic"], row["real"], least=2 * CLEAR
        ):
            yield (
                f"Rows of class {label!r} look like other classes: classifiers of real rows agree "
                f"with {_percent(agreement)} of their labels, and with {_percent(expected)} of the "
                "labels of real rows."
            )
        if not row["recall"] < 0.5 * row["reference_recall"]:
            continue
        if row["precision"] < CLEAR:
            yield (
                f"Rows of class {label!r} lie apart from the real rows: only "
                f"{_percent(row['precision'])} lie among them."
            )
        else:
            yield (
                f"Class {label!r} is partly collapsed: its rows cover {_percent(row['recall'])} of "
                f"the real rows, where real rows cover {_percent(row['reference_recall'])}."
            )


def _labels(figures: Figures, n: int, n_compared: int) -> Iterator[str]:
    agreement, reference = figures.get("label_agreement", (1.0, 1.0))
    if agreement < reference - clear_difference(agreement, reference, n, n_compared):
        yield (
            f"Classifiers of real rows agree with {_percent(agreement)} of the labels, and with "
            f"{_percent(reference)} of the labels of real rows."
        )
    score, reference = figures.get("synthetic_on_real", (1.0, 1.0))
    if score < reference - clear_difference(score, reference, n_compared, n_compared):
        yield (
            f"A classifier trained on synthetic rows alone reaches {_percent(score)} balanced "
            f"accuracy on unseen rows. With as many real rows it reaches {_percent(reference)}."
        )


def _lost_columns(per_column: pd.DataFrame) -> Iterator[str]:
    lost = per_column["lost"]
    for name in per_column.index[lost > LOST]:
        yield (
            f"The encoding loses column {name!r}: {_percent(lost[name])} of its real values come "
            "back changed. The sampler cannot learn this column; rescale it, or give its type."
        )


def _different_columns(per_column: pd.DataFrame, n: int, n_compared: int) -> Iterator[str]:
    # The two-sample Kolmogorov-Smirnov bound that one column in a hundred tables exceeds.
    chance = (np.log(200 * len(per_column)) / 2 * (1 / n + 1 / n_compared)) ** 0.5
    bound = per_column["reference"].fillna(1.0) - max(CLEAR, chance)
    far = per_column[per_column["shape"] < bound]["shape"].sort_values()
    if len(far):
        worst = ", ".join(f"{name!r} ({value:.2f})" for name, value in far.head(5).items())
        yield (
            f"{len(far)} of {len(per_column)} columns differ in distribution from real rows: "
            f"{worst}."
        )


def _groups(groups: Bias) -> Iterator[str]:
    by_group = groups.by_group
    # The standard error of a mean of recalls, at most, and a bound for all groups together.
    squares = (0.25 / groups.recall["rows"]).groupby(level="group").agg(["sum", "count"])
    errors = squares["sum"] ** 0.5 / squares["count"]
    bound = norm.isf(0.025 / len(by_group))
    for name, row in by_group.iterrows():
        chance = bound * errors.get(name, np.inf)
        if row["after"] < row["before"] - max(CLEAR / 2, chance):
            yield (
                f"In group {name!r} the balanced accuracy of a classifier falls from "
                f"{_percent(row['before'])} to {_percent(row['after'])} when synthetic rows are "
                f"added ({row['rows']:.0f} unseen rows)."
            )
        if row["synthetic"] < row["real"] / 2:
            yield (
                f"Group {name!r} makes up {_percent(row['real'], 3)} of the training rows, and "
                f"{_percent(row['synthetic'], 3)} of the synthetic rows."
            )
