"""One way to train a classifier."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from gen_augment.modalities import BatchStep
from gen_augment.samplers.rejection import describe_filter
from gen_augment.study.arms.synthetic import Synthetic

__all__ = ["BALANCES", "Arm", "kept_fits", "without_addresses"]

BALANCES = ("weights", "logit", "threshold")

#: ``(X, y, seed) -> (X, y)`` with the user's rows and labels, or an imbalanced-learn sampler.
RowStep = str | Callable[[Any, np.ndarray, int], tuple[Any, Any]] | Any


@dataclass(frozen=True)
class Arm:
    """One way to train. A study takes these as well as names.

    Attributes
    ----------
    name : str
    rows : str, callable or over-sampler
        The name of a row step or of a sampler; a function ``(X, y, seed) -> (X, y)`` of the
        training rows and labels as the user has them; or an object with `fit_resample`, as in
        imbalanced-learn.
    batch_steps : tuple of str or callable
        Names of recipes, or functions ``(x, y) -> (x, y)`` of a batch of encoded rows, for images
        ``(B, C, H, W)`` in [-1, 1], and labels ``(B, n_classes)``. They draw from torch's global
        generator, which a trial seeds.
    sampler : Sampler or None
        Unfitted; cloned for each seed.
    synthetic : Synthetic
        How the sampler's rows are used.
    resample : str
        The row step that the real rows go through before synthetic rows are added.
    taught : bool
        Whether labels are the probabilities of the study's teacher, out of fold on real rows.
    balance : {"", "weights", "logit", "threshold"}
        See `gen_augment.study.balance`.
    size : int or None
        Training rows per class of a point of the learning curve; None for all.

    Examples
    --------
    >>> def dim(x, y):
    ...     return x * 0.9 - 0.1, y
    >>> Arm("dim", batch_steps=("shift", dim)).is_generative
    False
    >>> def without_outliers(X, y, seed):
    ...     kept = (abs(X) < 3).all(axis=1)
    ...     return X[kept], y[kept]
    >>> Arm("cleaned", rows=without_outliers).row_step
    'cleaned'
    """

    name: str
    rows: RowStep = "real"
    batch_steps: tuple[str | BatchStep, ...] = ()
    sampler: Any = None
    synthetic: Synthetic = field(default_factory=Synthetic)
    balance: str = ""
    size: int | None = None
    resample: str = "real"
    taught: bool = False

    @property
    def base(self) -> str:
        """The name without the size."""
        return self.name if self.size is None else self.name.removesuffix(f"@{self.size}")

    @property
    def is_generative(self) -> bool:
        """Whether a sampler takes part."""
        return self.sampler is not None

    @property
    def is_control(self) -> bool:
        """Whether the arm is never chosen: a negative control, or the teacher."""
        return self.synthetic.shuffled or self.is_teacher

    @property
    def is_teacher(self) -> bool:
        """Whether the arm is the study's teacher, not a student."""
        return isinstance(self.rows, str) and self.rows == "teacher"

    @property
    def row_step(self) -> str:
        """Name of the step or the sampler that makes the rows."""
        unnamed = self.sampler is not None and self.rows == "real"
        return self.rows if isinstance(self.rows, str) and not unnamed else self.base

    def transform(
        self, x: Tensor, y: Tensor, recipes: Mapping[str, BatchStep]
    ) -> tuple[Tensor, Tensor]:
        """Apply the batch steps to encoded rows and soft labels ``(B, n_classes)``."""
        for step in self.batch_steps:
            x, y = (recipes[step] if isinstance(step, str) else step)(x, y)
        return x, y

    @property
    def key(self) -> str:
        """Hash of all settings except the name; functions count by their names."""
        steps = [
            step if isinstance(step, str) else describe_filter(step) for step in self.batch_steps
        ]
        rows = self.rows if isinstance(self.rows, str) else describe_filter(self.rows)
        params = repr(self.rows) if hasattr(self.rows, "get_params") else ""
        settings = (rows, params, steps, self.synthetic, self.balance, self.sampler, self.size)
        described = without_addresses(repr((*settings, self.resample)))
        described += "taught" if self.taught else ""
        described += "".join(kept_fits(self.sampler))
        return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()


def kept_fits(value: Any) -> list[str]:
    """Return fingerprints of the pools in a sampler, which stay fitted to rows of other sites."""
    if getattr(value, "sites", None) is not None:
        return [value.fingerprint()]
    if hasattr(value, "get_params"):
        value = list(value.get_params(deep=False).values())
    several = isinstance(value, (list, tuple))
    return [text for each in value for text in kept_fits(each)] if several else []


def without_addresses(text: str) -> str:
    """Remove memory addresses from a `repr`, so that it is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)
