"""The data of a study, split before anything is fitted, and checked for rows on both sides of a split."""

import copy
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split

from gen_augment.codecs import Codec, LabelCodec, infer_codec, read_rows, take
from gen_augment.containers import stack_rows
from gen_augment.errors import InputError, LeakError
from gen_augment.neighbours import nearest
from gen_augment.rng import derive_seed
from gen_augment.study.groups import read_groups, rows_by_group, whole_groups
from gen_augment.validation import (
    check_all_labelled,
    check_class_counts,
    check_positive_int,
    check_range,
    check_same_length,
)

__all__ = ["Part", "Rows", "Split", "Task", "near_copies", "row_digests"]


#: The most that seeds are taken to share where they are tested on the same rows.
SHARED = 0.5
#: Distance to a training row, as a share of that row's own to the next, below which a test row is a near copy. Images
#: one grey level brighter lie at up to 0.07 (MNIST, Fashion-MNIST), other images at 0.4 or more.
NEAR = {"image": 0.1, "table": 0.01}


@dataclass(frozen=True)
class Rows:
    """Rows as the user has them."""

    X: Any

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True)
class Part(Rows):
    """Rows, their class numbers, and numbers of the groups that they are of, if there are any."""

    codes: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True)
class Split:
    """One seed's parts. Nothing but `train` is ever fitted on, and `validation` is what choices are made on.

    The test rows come without labels, so that no trial can read them: it predicts, and `Task.truth` is asked when all
    is done.
    """

    train: Part
    validation: Part
    test: Rows


class Task:
    """A labelled data set and how it is split.

    Parameters
    ----------
    X, y : as `Sampler.fit` takes them
    test : (X, y), or (X, y, groups) beside `groups`; optional
        A fixed test part. Without it, each seed holds out a part of its own.
    groups : array-like of shape (n,), optional
        What each row is of, such as a patient, a customer or a recording. The rows of a group are all on one side of
        every split: they have more in common than their class, so that others of them flatter a classifier. Each class
        must lie in three groups, or in two beside a test part.
    test_size, validation_size : float
        Shares, in (0, 1): of all rows, and of the rows left for training; as near as whole groups come to them.
    per_class : int or {label: int}, optional
        Training (with validation) rows drawn from each class, anew for each seed; all by default. With a dict, those of
        each label, as for a long tail. Validation takes `validation_size` of every class, so that ``{label: 1.3 * n}``
        and ``validation_size=3 / 13`` leave n training rows.
    drop_duplicates : bool
        Leave out rows that occur before (in another group), and training rows that occur in `test`. Otherwise they are
        an error, as a copy of a test row in the training part would flatter every arm.
    shifted : dict of str to (X, y), optional
        More rows to be tested on, of another distribution, by name.
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        *,
        test: tuple[Any, ...] | None = None,
        groups: Any = None,
        test_size: float = 0.3,
        validation_size: float = 0.2,
        per_class: int | Mapping[Any, int] | None = None,
        drop_duplicates: bool = False,
        shifted: Mapping[str, tuple[Any, Any]] | None = None,
    ) -> None:
        for name, share in (("test_size", test_size), ("validation_size", validation_size)):
            if check_range(name, share, 0, 1, open_low=True) == 1:
                raise InputError(f"{name}={share!r} leaves no rows for training.")
        X, y = read_rows(X, y)
        X = stack_rows(X)
        codec, _ = infer_codec(X)  # checks the data; every split fits codecs of its own
        self.kind = codec.kind
        self.labels, codes = LabelCodec.fit(y, partial=True)
        check_all_labelled(codes)
        check_same_length(len(X), len(codes))
        self.rows = Part(X, codes)
        self.test: Part | None = None
        if test is not None:
            self.test = self._read(codec, test[:2])
            if len(self.test) < 2:
                raise InputError(
                    f"test has {len(self.test)} rows: a score and how sure it is take 2 or more."
                )
        of_test = None if test is None or len(test) < 3 else test[2]
        if groups is not None or of_test is not None:
            n_test = None if self.test is None else len(self.test)
            numbers, of_test = read_groups(groups, of_test, len(self.rows), n_test)
            self.rows = replace(self.rows, groups=numbers)
            self.test = self.test and replace(self.test, groups=of_test)
        self.shifted = {name: self._read(codec, part) for name, part in (shifted or {}).items()}
        if reserved := [name for name in self.shifted if name == "test" or "/" in name]:
            raise InputError(
                f"shifted: the name {reserved[0]!r} has a meaning of its own, choose another."
            )
        self.test_size = test_size
        self.validation_size = validation_size
        self.per_class = None if per_class is None else self._counts(per_class)
        self.all_drawn = True
        self.n_dropped = self._guard_duplicates(drop_duplicates)
        check_class_counts(
            self.labels.classes,
            np.bincount(self.rows.codes, minlength=len(self.classes)),
            4,
            "A study",
        )
        if self.rows.groups is not None:
            met = (rows_by_group(self.rows.groups, self.rows.codes) > 0).sum(axis=0)
            check_class_counts(
                self.labels.classes, met, 3 if test is None else 2, "A split by groups", "groups"
            )

    def _counts(self, per_class: int | Mapping[Any, int]) -> dict[Any, int]:
        """Rows to draw of each label."""
        labels = self.classes.tolist()
        if not isinstance(per_class, Mapping):
            return dict.fromkeys(labels, check_positive_int("per_class", per_class))
        self.labels.encode(list(per_class))  # raises for labels that are not in y
        if missing := [label for label in labels if label not in per_class]:
            raise InputError(
                f"per_class has no number for class {missing[0]!r}: give one for each of {labels}."
            )
        return {
            label: check_positive_int(f"per_class[{label!r}]", per_class[label]) for label in labels
        }

    def _read(self, codec: Codec, given: tuple[Any, Any]) -> Part:
        X, y = read_rows(*given)
        X = stack_rows(X)
        codec.encode(X)
        part = Part(X, self.labels.encode(y))
        check_same_length(len(X), len(part))
        return part

    @property
    def classes(self) -> np.ndarray:
        """Sorted labels."""
        return self.labels.classes

    @property
    def overlap(self) -> float:
        """What seeds have in common, as a share of the variance between them; see `paired_interval`.

        Where every seed splits anew, Nadeau and Bengio's ratio. With a test part apart, of a mean over training rows of
        each class, n of N drawn without replacement: the variance of the N rows as a draw, over that among them.
        A learner's seeds differ in more than their rows, so no more than `SHARED`. In 100 studies each of 5 and of 10
        seeds, with decision trees, nearest neighbours and logistic regressions on 40 rows, intervals then held the
        truth 94 to 100 times, and 68 to 97 times without it.
        """
        if self.test is None:
            test_size, validation_size = self.test_size, self.validation_size
            if self.rows.groups is not None:  # whole ones have other shares
                split = self.split(0)
                test_size = len(split.test) / len(self.rows)
                validation_size = len(split.validation) / (len(split.validation) + len(split.train))
            return test_size / ((1 - test_size) * (1 - validation_size))
        there = np.bincount(self.rows.codes)
        drawn = there if self.per_class is None else np.array(list(self.per_class.values()))
        within = (1 / ((1 - self.validation_size) * drawn) - 1 / there).sum()
        return float(min(SHARED, (1 / there).sum() / within))

    def split(self, seed: int) -> Split:
        """The parts of one seed, stratified by class."""
        everything, test = self._hold_out(seed)
        if self.per_class is not None:
            everything = self._draw(everything, self.per_class, derive_seed(seed, "subset"))
        train, validation = self._stratified(
            everything, self.validation_size, derive_seed(seed, "validation"), 1
        )
        return Split(_part(self.rows, train), _part(self.rows, validation), Rows(test.X))

    def truth(self, seed: int) -> np.ndarray:
        """Class numbers of one seed's test rows, of shape (n_test,)."""
        return self._hold_out(seed)[1].codes

    def with_test_apart(self, seed: int) -> "Task":
        """The same data with one fixed test part, held out here where there is none yet."""
        apart = copy.copy(self)
        if self.test is None:
            kept, apart.test = self._hold_out(seed, parts=3)
            apart.rows = _part(self.rows, kept)
        return apart

    def without_test(self) -> "Task":
        """The rows to learn from alone, of which each seed holds out as few as can be: one for each class."""
        rest = copy.copy(self)
        rest.test, rest.test_size, rest.shifted = None, len(self.classes) / len(self.rows), {}
        rest.all_drawn = False
        return rest

    def _hold_out(self, seed: int, parts: int = 2) -> tuple[np.ndarray, Part]:
        everything = np.arange(len(self.rows))
        if self.test is not None:
            return everything, self.test
        kept, held_out = self._stratified(
            everything, self.test_size, derive_seed(seed, "test"), parts
        )
        return kept, _part(self.rows, held_out)

    def _stratified(
        self, index: np.ndarray, share: float, seed: int, parts: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows to keep, of which `parts` can be made, and this share of rows."""
        if self.rows.groups is not None:
            held_out = whole_groups(
                self.rows.groups[index], self.rows.codes[index], share, seed, parts
            )
            return index[~held_out], index[held_out]
        # One row of each class at least, which is more than the share of few rows.
        n = max(math.ceil(share * len(index)), len(self.classes))
        try:
            kept, held_out = train_test_split(
                index, test_size=n, random_state=seed % 2**32, stratify=self.rows.codes[index]
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
            if self.all_drawn and len(mine) < n:
                raise InputError(
                    f"per_class={n}, but class {label!r} has {len(mine)} rows to draw from."
                )
            drawn.append(rng.choice(mine, min(n, len(mine)), replace=False))
        return np.concatenate(drawn)

    def _guard_duplicates(self, drop: bool) -> int:
        digests = row_digests(self.rows.X)
        _, first, which = np.unique(digests, return_index=True, return_inverse=True)
        groups = np.arange(len(digests)) if self.rows.groups is None else self.rows.groups
        again = groups != groups[first][which]
        # A fixed test part is never touched; a split drawn from the rows may put one copy on each side.
        tested = (
            np.zeros(len(digests), dtype=bool)
            if self.test is None
            else np.isin(digests, row_digests(self.test.X))
        )
        bad = again | tested
        if not bad.any():
            return 0
        if not drop:
            twice = "occur more than once in X" + (
                "" if self.rows.groups is None else ", in several groups"
            )
            found, where = (
                (tested, "of X are also in the test part") if tested.any() else (again, twice)
            )
            part = "test" if tested.any() or self.test is None else "validation"
            raise LeakError(
                f"{int(found.sum())} rows {where} (first: row {int(np.argmax(found))}), so that a {part} row could be "
                "trained on: remove them, or pass drop_duplicates=True."
            )
        self.rows = _part(self.rows, np.flatnonzero(~bad))
        return int(bad.sum())


def near_copies(train: Any, test: Any) -> np.ndarray:
    """Numbers of test rows that are near copies of training rows: a shift of one grey level, a column rounded.

    A test row is one if its distance to some training row is less than a hundredth, of images a tenth, of that row's
    distance to the next training row (`NEAR`), in scaled columns or pixels. Rows of fewer than five values are near by
    chance, and are not looked at.

    Parameters
    ----------
    train, test : rows as the user has them

    Returns
    -------
    ndarray of shape (n_found,), int64

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> train = rng.normal(size=(50, 8))
    >>> near_copies(train, np.concatenate([rng.normal(size=(9, 8)), train[:1] + 1e-4])).tolist()
    [9]
    """
    codec, rows = infer_codec(train)
    rows, others = rows.flatten(1).double(), codec.encode(test).flatten(1).double()
    if rows.shape[1] < 5 or len(rows) < 2:
        return np.empty(0, dtype=np.int64)
    distance, index = nearest(others, rows)
    which, back = torch.unique(index[:, 0], return_inverse=True)
    spacing = nearest(rows[which], rows, 2)[0][:, 1]
    return torch.nonzero(distance[:, 0] < NEAR[codec.kind] * spacing[back])[:, 0].numpy()


def row_digests(X: Any) -> np.ndarray:
    """A hash of each row's values: ndarray of shape (n,) of 32 hex digits. Equal rows have equal hashes.

    Values decide, not dtypes: a row of integers and the same row of floats are equal.
    """
    if isinstance(X, pd.DataFrame):
        return _frame_digests(X)
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu().double().numpy()
    return np.array([_digest(row) for row in X], dtype="<U32")


def _digest(row: Any, text: Any = ()) -> str:
    values = np.asarray(row, dtype=np.float64) + 0  # -0.0 becomes 0.0, which is equal to it
    values[np.isnan(values)] = np.nan  # one of the many there are
    tail = repr(tuple(text)).encode() if len(text) else b""
    return hashlib.blake2b(values.tobytes() + tail, digest_size=16).hexdigest()


def _frame_digests(X: pd.DataFrame) -> np.ndarray:
    """Numbers are hashed as such, all else as text; a missing value is one, however it is written."""
    numeric = np.array([dtype.kind in "biuf" for dtype in X.dtypes])  # of categories it is "O"
    numbers = X.loc[:, numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    others = X.loc[:, ~numeric]
    text = others.astype(object).where(others.notna(), None).to_numpy()
    return np.array(
        [_digest(row, rest) for row, rest in zip(numbers, text, strict=True)], dtype="<U32"
    )


def _part(rows: Part, index: np.ndarray) -> Part:
    return Part(
        take(rows.X, index), rows.codes[index], None if rows.groups is None else rows.groups[index]
    )
