"""The specification of a study: which data, which arms, how they are trained and tested.

A specification only stores what the user gave. It is read and checked by
`gen_augment.study.preparation.prepare`, before anything is trained.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from gen_augment.data.sources import source_name
from gen_augment.modalities import Modality
from gen_augment.rng import RandomState
from gen_augment.study.arms import Arm
from gen_augment.study.metrics import MetricLike

__all__ = ["Conditions", "Split", "StudySpec", "Training"]


@dataclass(frozen=True, eq=False)
class Split:
    """How the rows are split into training, validation and test parts.

    Attributes
    ----------
    test : (X, y), (X, y, groups) or Rows, optional
        A fixed test part; `groups` is needed if the other rows have groups. By default each seed
        holds out a test part of its own.
    groups : array-like of shape (n,), optional
        The group of each row, such as a patient, a customer or a recording. All rows of a group
        are on the same side of every split. Each class must occur in three groups, or in two if
        a test part is given.
    test_size, validation_size : float
        Shares in (0, 1) of all rows, and of the rows left for training. Whole groups come as near
        to these shares as they can.
    per_class : int or {label: int}, optional
        Training and validation rows drawn from each class, again for each seed; all by default.
        A dict gives one number a label, as for a long tail. Validation takes `validation_size` of
        each class, so ``{label: 1.3 * n}`` and ``validation_size=3 / 13`` leave n training rows.
    allow_fewer : bool
        Whether classes may have fewer rows than `per_class`, or than a study usually needs.
    drop_duplicates : bool
        Leave out rows that repeat an earlier row (of another group), and training rows that occur
        in `test`. Otherwise such rows are an error, because a copy of a test row in the training
        part favours every arm.
    near_copies : {"warn", "error", "ignore"}
        What to do about test rows that are almost equal to training rows, see
        `gen_augment.study.copies.near_copies`.
    """

    test: Any = None
    groups: Any = None
    test_size: float = 0.3
    validation_size: float = 0.2
    per_class: int | Mapping[Any, int] | None = None
    allow_fewer: bool = False
    drop_duplicates: bool = False
    near_copies: str = "warn"


@dataclass(frozen=True)
class Training:
    """How networks are trained; every arm takes the same number of steps.

    Attributes
    ----------
    n_steps : int, optional
        Optimiser steps of AdamW under a one-cycle schedule. By default more for more training
        rows: 1,000 for 100 rows, 2,200 for 1,000, 4,600 for 10,000.
    batch_size : int
    lr : float
        Peak learning rate.
    device : str
        "auto", "cpu", "cuda", ...
    precision : {"32-true", "bf16-mixed", "auto"}
        Precision of training; samplers have their own. Predictions are in 32 bits. "auto" is
        "bf16-mixed" where the device has instructions for it, else "32-true"; it counts as the
        one it stands for when a study is resumed.
    """

    n_steps: int | None = None
    batch_size: int = 64
    lr: float = 2e-3
    device: str = "auto"
    precision: str = "32-true"


@dataclass(frozen=True, eq=False)
class Conditions:
    """Rows that every arm is tested on besides the test part.

    Attributes
    ----------
    corruptions : bool
        Test rows under the common corruptions of their modality. Images have them, see
        `gen_augment.modalities.image.corruptions`; they need albumentations.
    shifted : dict of str to (X, y), optional
        Rows of another distribution, by name.
    """

    corruptions: bool = False
    shifted: Mapping[str, tuple[Any, Any]] | None = None


@dataclass(frozen=True, eq=False)
class StudySpec:
    """All settings of a study, as the user gave them; see `gen_augment.study.Study`."""

    X: Any = field(repr=False)
    y: Any = field(default=None, repr=False)
    _: KW_ONLY
    model: Any = None
    teacher: Any = None
    modality: str | Modality | None = None
    arms: Sequence[str | Arm] | None = None
    add_real: bool = True
    mirror: bool = False
    samplers: Mapping[str, Any] | Sequence[Any] | None = None
    n_seeds: int = 5
    split: Split = field(default_factory=Split, repr=False)
    training: Training = field(default_factory=Training)
    conditions: Conditions = field(default_factory=Conditions, repr=False)
    metric: MetricLike | Sequence[MetricLike] = "balanced_accuracy"
    margin: float = 0.0
    sequential: bool = False
    sizes: Sequence[int] = ()
    random_state: RandomState = 0
    name: str = ""

    @property
    def data_name(self) -> str:
        """Name of the data set: that of its file or folder, if no name was given."""
        is_path = isinstance(self.X, (str, os.PathLike))
        return self.name or (source_name(self.X) if is_path else "")
