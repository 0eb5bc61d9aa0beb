"""The data of a study, and its split into training, validation and test parts for each seed."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

from gen_augment.data import Rows
from gen_augment.errors import InputError
from gen_augment.modalities import Modality
from gen_augment.rng import derive_seed
from gen_augment.study.copies import repeated_rows
from gen_augment.study.groups import read_groups, rows_by_group, whole_groups
from gen_augment.study.parts import Parts
from gen_augment.study.spec import Split
from gen_augment.validation import (
    check_all_labelled,
    check_choice,
    check_class_counts,
    check_positive_int,
    check_range,
)

__all__ = ["Task"]

#: Upper bound of `Task.overlap` where all seeds are tested on the same rows.
MAX_OVERLAP = 0.5


class Task:
    """A labelled data set and how it is split.

    Parameters
    ----------
    X, y : as `Sampler.fit` takes them, or Rows
    split : Split
    shifted : dict of str to (X, y), optional
        More rows to test on, by name.
    modality : str, Modality or None

    Raises
    ------
    InputError
        Rows, labels or shares cannot be used.
    LeakError
        Rows occur on both sides of a split.
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        *,
        split: Split | None = None,
        shifted: Mapping[str, tuple[Any, Any]] | None = None,
        modality: str | Modality | None = None,
    ) -> None:
        self.how = how = split or Split()
        _check_shares(how)
        rows = Rows.read(X, y, modality=modality)
        check_all_labelled(rows.codes)
        self.labels, self.modality = rows.labels, rows.modality
        self.spec = rows.spec  # learns the encoding of all rows, which checks their values
        test, test_groups = _read_test(rows, how.test)
        groups = rows.groups if how.groups is None else how.groups
        if groups is not None or test_groups is not None:
            n_test = None if test is None else len(test)
            numbers, of_test = read_groups(groups, test_groups, len(rows), n_test)
            rows = replace(rows, groups=numbers)
            test = None if test is None else replace(test, groups=of_test)
        self.shifted = _read_shifted(rows, shifted or {})
        self.per_class = _counts(rows, how.per_class)
        self.test = test
        tested = self.shifted if test is None else {"test": test} | self.shifted
        dropped = repeated_rows(rows, tested, drop=how.drop_duplicates)
        self.n_dropped = int(dropped.sum())
        self.rows = rows.part(np.flatnonzero(~dropped))
        self._check_counts()

    @property
    def classes(self) -> np.ndarray:
        """Sorted labels."""
        return self.labels.classes

    def split(self, seed: int) -> Parts:
        """Return the parts of one seed, stratified by class."""
        kept, test = self.hold_out(seed)
        if self.per_class is not None:
            kept = self._draw(kept, self.per_class, derive_seed(seed, "subset"))
        train, validation = self._stratified(
            kept, self.how.validation_size, derive_seed(seed, "validation"), 1
        )
        unlabelled = replace(test, codes=np.full(len(test), -1), known_codec=None)
        return Parts(self.rows.part(train), self.rows.part(validation), unlabelled)

    def truth(self, seed: int) -> np.ndarray:
        """Return the class codes of one seed's test rows: ndarray of shape (n_test,)."""
        return self.hold_out(seed)[1].codes

    def hold_out(self, seed: int, parts: int = 2) -> tuple[np.ndarray, Rows]:
        """Return positions of the rows to learn from, and the labelled test part of one seed.

        `parts` is the number of parts that the rows to learn from must allow.
        """
        index = np.arange(len(self.rows))
        if self.test is not None:
            return index, self.test
        seed = derive_seed(seed, "test")
        kept, held_out = self._stratified(index, self.how.test_size, seed, parts)
        return kept, self.rows.part(held_out)

    def with_fixed_test(self, seed: int) -> tuple[Rows, Rows]:
        """Return the rows to learn from and a fixed test part, held out now if none was given."""
        kept, test = self.hold_out(seed, parts=3)
        return (self.rows if self.test is not None else self.rows.part(kept)), test

    @property
    def overlap(self) -> float:
        """What seeds share, as a share of the variance between them; see `paired_interval`.

        If every seed splits again, this is Nadeau and Bengio's ratio of test to training rows.
        With a fixed test part, it is computed for a mean over n training rows drawn without
        replacement from N rows of each class: the variance of the N rows as a sample, divided by
        the variance among seeds. It is at most `MAX_OVERLAP`, because seeds of a classifier also
        differ in other ways than in their rows.
        """
        if self.test is None:
            test_size, validation_size = self.how.test_size, self.how.validation_size
            if self.rows.groups is not None:  # whole groups have other shares
                parts = self.split(0)
                test_size = len(parts.test) / len(self.rows)
                n_validation = len(parts.validation)
                validation_size = n_validation / (n_validation + len(parts.train))
            return test_size / ((1 - test_size) * (1 - validation_size))
        available = np.bincount(self.rows.codes)
        asked = available if self.per_class is None else np.array(list(self.per_class.values()))
        drawn = np.minimum(asked, available)  # with `allow_fewer`
        within = (1 / ((1 - self.how.validation_size) * drawn) - 1 / available).sum()
        return float(min(MAX_OVERLAP, (1 / available).sum() / within))

    def _check_counts(self) -> None:
        rows, fixed = self.rows, self.test is not None
        minimum = 1 if self.how.allow_fewer else 3 if fixed else 4
        check_class_counts(self.classes, rows.class_counts, minimum, "A study")
        if rows.groups is not None:
            n_groups = (rows_by_group(rows.groups, rows.codes) > 0).sum(axis=0)
            minimum = 2 if fixed or self.how.allow_fewer else 3
            check_class_counts(self.classes, n_groups, minimum, "A split by groups", "groups")

    def _stratified(
        self, index: np.ndarray, share: float, seed: int, parts: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Divide rows into those kept, which can be split into `parts` again, and a share."""
        codes, groups = self.rows.codes[index], self.rows.groups
        if groups is not None:
            held_out = whole_groups(groups[index], codes, share, seed, parts)
            return index[~held_out], index[held_out]
        # At least one row of each class, which may be more than the share of few rows.
        n = max(math.ceil(share * len(index)), len(self.classes))
        try:
            kept, held_out = train_test_split(
                index, test_size=n, random_state=seed % 2**32, stratify=codes
            )
        except ValueError as error:
            raise InputError(
                f"{len(index)} rows cannot be split with a share of {share}: {error}"
            ) from error
        return kept, held_out

    def _draw(self, index: np.ndarray, counts: Mapping[Any, int], seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        drawn = []
        for code, (label, n) in enumerate(counts.items()):
            mine = index[self.rows.codes[index] == code]
            if len(mine) < n and not self.how.allow_fewer:
                raise InputError(
                    f"per_class={n}, but class {label!r} has {len(mine)} rows to draw from."
                )
            drawn.append(rng.choice(mine, min(n, len(mine)), replace=False))
        return np.concatenate(drawn)


def _check_shares(how: Split) -> None:
    for name in ("test_size", "validation_size"):
        share = getattr(how, name)
        if check_range(name, share, 0, 1, open_low=True) == 1:
            raise InputError(f"{name}={share!r} leaves no rows for training.")
    check_choice("near_copies", how.near_copies, ("warn", "error", "ignore"))


def _read_test(rows: Rows, test: Any) -> tuple[Rows | None, Any]:
    """Read a fixed test part and its groups."""
    if test is None:
        return None, None
    if isinstance(test, Rows):
        found, groups = rows.like(test), test.groups
    elif isinstance(test, (tuple, list)) and len(test) in (2, 3):
        found, groups = rows.like(*test[:2]), (test[2] if len(test) == 3 else None)
    else:
        raise InputError(f"test is a {type(test).__name__}: give (X, y), or (X, y, groups).")
    if len(found) < 2:
        raise InputError(f"test has {len(found)} rows: a score and how sure it is take 2 or more.")
    return found.refitted(), groups


def _read_shifted(rows: Rows, shifted: Mapping[str, tuple[Any, Any]]) -> dict[str, Rows]:
    for name in shifted:
        if name == "test" or "/" in name:
            raise InputError(f"shifted: the name {name!r} is reserved; choose another one.")
    return {name: rows.like(*part).refitted() for name, part in shifted.items()}


def _counts(rows: Rows, per_class: int | Mapping[Any, int] | None) -> dict[Any, int] | None:
    """Rows to draw of each label."""
    if per_class is None:
        return None
    labels = rows.classes.tolist()
    if not isinstance(per_class, Mapping):
        return dict.fromkeys(labels, check_positive_int("per_class", per_class))
    rows.labels.encode(list(per_class))  # raises for labels that are not in y
    if missing := [label for label in labels if label not in per_class]:
        raise InputError(
            f"per_class has no number for class {missing[0]!r}: give one for each of {labels}."
        )
    return {
        label: check_positive_int(f"per_class[{label!r}]", per_class[label]) for label in labels
    }
