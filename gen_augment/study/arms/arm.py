"""One way to train, and how it is written."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor

from gen_augment.errors import InputError
from gen_augment.modalities import BatchStep
from gen_augment.modalities.image.recipes import RECIPES as BATCH_STEPS
from gen_augment.samplers.rejection import describe_filter
from gen_augment.study.arms.rows import ROW_STEPS
from gen_augment.study.arms.synthetic import FILTERS, LABEL_MIXES, Synthetic

__all__ = [
    "BALANCES",
    "DEFAULT_SAMPLERS",
    "Arm",
    "default_arms",
    "parse_arm",
    "read_arms",
    "without_addresses",
]

#: Samplers of a study that names none.
DEFAULT_SAMPLERS = ("flow", "gan", "vae")
BALANCES = ("weights", "logit", "threshold")
_WORDS = (*LABEL_MIXES, *FILTERS, "vary", "pretrain", "soft", "shuffled")

#: ``(X, y, seed) -> (X, y)`` with the user's rows and labels, or an over- or under-sampler of imbalanced-learn.
RowStep = str | Callable[[Any, np.ndarray, int], tuple[Any, Any]] | Any


@dataclass(frozen=True)
class Arm:
    """One way to train; a study takes these beside names, so that an arm of one's own is a few lines.

    Attributes
    ----------
    name : str
    rows : str, callable or over-sampler
        The name of a row step or of a sampler; a function ``(X, y, seed) -> (X, y)`` of the training rows and their
        labels, as the user has them; or an object with `fit_resample`, as imbalanced-learn's have.
    batch_steps : tuple of str or callable
        Names, or functions ``(x, y) -> (x, y)`` of images ``(B, C, H, W)`` in [-1, 1] and labels ``(B, n_classes)``;
        torch's global generator is seeded for them.
    sampler : Sampler or None
        Unfitted; cloned for each seed.
    synthetic : Synthetic
        How many of its rows, and which.
    resample : str
        The name of the row step that the real rows go through before the sampler's are put beside them.
    balance : {"", "weights", "logit", "threshold"}
        See `gen_augment.study.balance`.
    size : int or None
        Training rows for each class, of a point of the learning curve; all by default.

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

    @property
    def base(self) -> str:
        """Its name without the size."""
        return self.name if self.size is None else self.name.removesuffix(f"@{self.size}")

    @property
    def is_generative(self) -> bool:
        """Whether a sampler takes part."""
        return self.sampler is not None

    @property
    def is_control(self) -> bool:
        """Whether it is there to be seen to fail, and is never chosen."""
        return self.synthetic.shuffled

    @property
    def row_step(self) -> str:
        """Name of what chooses the rows."""
        return self.rows if isinstance(self.rows, str) and not self._is_unnamed else self.base

    @property
    def _is_unnamed(self) -> bool:
        return self.sampler is not None and self.rows == "real"

    def transform(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Change a batch ``(B, C, H, W)`` in [-1, 1] and its soft labels ``(B, n_classes)``."""
        for step in self.batch_steps:
            x, y = (BATCH_STEPS[step] if isinstance(step, str) else step)(x, y)
        return x, y

    @property
    def key(self) -> str:
        """Hash of all that tells it from an arm of the same name; of functions, their names."""
        steps = [
            step if isinstance(step, str) else describe_filter(step) for step in self.batch_steps
        ]
        rows = self.rows if isinstance(self.rows, str) else describe_filter(self.rows)
        params = repr(self.rows) if hasattr(self.rows, "get_params") else ""
        told = [rows, params, steps, self.synthetic, self.balance, self.sampler]
        told += [self.size] if self.size is not None else []
        told += ["soft"] if self.synthetic.soft else []
        told += [self.synthetic.share] if self.synthetic.share is not None else []
        told += [self.resample] if self.resample != "real" else []
        described = without_addresses(repr(tuple(told)))
        return hashlib.blake2b(described.encode(), digest_size=8).hexdigest()


def parse_arm(name: str, samplers: Mapping[str, Any]) -> Arm:
    """Read an arm such as ``"gan+shift+mixup"`` or ``"flow:0.5:prior:agreement+shift"``; see `gen_augment.study.arms`.

    Raises
    ------
    InputError
        A step is unknown, or two of them choose the rows.
    """
    arm = Arm(name)
    resampled: list[str] = []
    sampled: list[str] = []
    for step in name.split("+"):
        head, *options = step.split(":")
        if step in BATCH_STEPS:
            arm = replace(arm, batch_steps=(*arm.batch_steps, step))
        elif step in BALANCES:
            if arm.balance:
                raise InputError(
                    f"arm {name!r}: {arm.balance} and {step} both treat imbalance; take one."
                )
            arm = replace(arm, balance=step)
        elif head in samplers:
            sampled.append(head)
            arm = replace(
                arm, rows=head, sampler=samplers[head], synthetic=_parse_synthetic(name, options)
            )
        elif step in ROW_STEPS:
            resampled.append(step)
        else:
            known = [*ROW_STEPS, *samplers, *BATCH_STEPS, *BALANCES]
            raise InputError(f"arm {name!r}: unknown step {step!r}; known: {', '.join(known)}.")
    for chosen in (resampled, sampled):
        if len(chosen) > 1:
            raise InputError(
                f"arm {name!r}: {' and '.join(chosen)} both choose the rows; take one."
            )
    made = [step for step in (*resampled, *sampled) if step != "real"]
    if arm.balance == "threshold" and made:
        raise InputError(
            f"arm {name!r}: a threshold is tuned on rows left out, and those of {made[0]} have parents."
        )
    if not sampled:
        return replace(arm, rows=made[0]) if made else arm
    if len(made) > 1:
        # By the real classes' sizes, rows that make them alike would be too many where those were made alike before.
        ratio = 1.0 if arm.synthetic.ratio is None else arm.synthetic.ratio
        arm = replace(arm, resample=made[0], synthetic=replace(arm.synthetic, ratio=ratio))
    return arm


def without_addresses(text: str) -> str:
    """A `repr` as it is in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _parse_synthetic(name: str, options: Iterable[str]) -> Synthetic:
    use = Synthetic()
    for option in options:
        word, _, value = option.partition("=")
        if word in LABEL_MIXES and not value:
            use = replace(use, labels=word)
        elif word in FILTERS and not value:
            use = replace(use, filters=(*use.filters, word))
        elif word == "vary":
            use = replace(use, vary=_number(name, value, 1) if value else 0.3)
        elif word == "guidance" and value:
            use = replace(use, guidance=_number(name, value, 100))
        elif word == "share" and value:
            use = replace(use, share=_number(name, value, 1))
        elif word in ("pretrain", "soft", "shuffled") and not value:
            flag: dict[str, Any] = {word: True}
            use = replace(use, **flag)
        elif word[:1].isdigit() and not value:
            use = replace(use, ratio=_number(name, word, 1000))
        else:
            raise InputError(
                f"arm {name!r}: unknown option {option!r}; known: a ratio such as 0.5, {', '.join(_WORDS)}, "
                "vary=STRENGTH, guidance=NUMBER, share=NUMBER."
            )
    if use.share is not None and use.pretrain:
        raise InputError(
            f"arm {name!r}: pre-training meets synthetic rows alone, then real ones; take one of the two."
        )
    if use.soft and use.shuffled:
        raise InputError(
            f"arm {name!r}: soft labels are a network's, which undoes shuffled ones; take one."
        )
    return use


def _number(name: str, text: str, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value <= high:
        raise InputError(f"arm {name!r}: {text!r} is not a number in (0, {high}].")
    return value


def read_arms(
    arms: Iterable[str | Arm] | None, default: Iterable[str], samplers: Mapping[str, Any],
    problem: Callable[[Arm], str | None],
) -> dict[str, Arm]:  # fmt: skip
    """Arms by name; if none are given, those of `default` that have no problem.

    Raises
    ------
    InputError
        A name cannot be read, is used twice, or its arm has a problem.
    """
    for name in samplers:
        if name in (*ROW_STEPS, *BATCH_STEPS, *BALANCES) or not re.fullmatch(r"\w[\w.-]*", name):
            raise InputError(
                f"samplers: {name!r} has a meaning of its own in arms, or is not made of letters, digits, '_', '-' "
                "and '.': choose another name."
            )
    if arms is None:
        parsed = [parse_arm(name, samplers) for name in default]
        return {arm.name: arm for arm in parsed if problem(arm) is None}
    found: dict[str, Arm] = {}
    fitted: dict[str, Arm] = {}  # by the name that arms share a fit by
    for given in arms:
        arm = given if isinstance(given, Arm) else parse_arm(given, samplers)
        if words := _unknown_step(arm) or problem(arm):
            raise InputError(f"arm {arm.name!r}: {words}")
        if found.setdefault(arm.name, arm).key != arm.key:
            raise InputError(f"two different arms are called {arm.name!r}: rename one.")
        other = fitted.setdefault(arm.row_step, arm) if arm.is_generative else arm
        if without_addresses(repr(other.sampler)) != without_addresses(repr(arm.sampler)):
            raise InputError(
                f"arms {other.name!r} and {arm.name!r} have different samplers, both called {arm.row_step!r}: give one "
                "another name in Arm(rows=), or leave rows out."
            )
    if not found:
        raise InputError("arms is empty: name at least one, such as 'real'.")
    return found


def _unknown_step(arm: Arm) -> str | None:
    """What an `Arm` that was not read from a name has that no name could have."""
    steps: list[tuple[str, Any, Iterable[str]]] = [
        ("balance", arm.balance, ("", *BALANCES)), ("resample", arm.resample, ROW_STEPS),
        *(("batch step", step, BATCH_STEPS) for step in arm.batch_steps),
        *([] if arm.is_generative else [("row step", arm.rows, ROW_STEPS)]),
    ]  # fmt: skip
    for what, given, known in steps:
        if isinstance(given, str) and given not in known:
            return f"unknown {what} {given!r}; known: {', '.join(filter(None, known))}."
    return None


def default_arms(
    kind: str, samplers: Iterable[str], *, mirror: bool = False, imbalanced: bool = False
) -> list[str]:
    """Baselines and samplers; for images, each sampler also under classic recipes.

    `mirror` adds the horizontal flip to those, for images whose mirror image has the same label. `imbalanced` images
    are oversampled under each recipe in the arms to beat: samplers make classes alike, and so must these.
    """
    if kind == "table":
        return ["real", "oversample", "weights", "threshold", "smote", *samplers]
    moved = "flip+shift" if mirror else "shift"
    recipes = [moved, "mixup", f"{moved}+mixup", "randaugment"]
    alike = "oversample+" if imbalanced else ""
    return [
        "real", *(["oversample", "logit"] if imbalanced else []), *(f"{alike}{recipe}" for recipe in recipes),
        *samplers, *(f"{s}+{moved}+mixup" for s in samplers), *(f"{alike}{s}:share=0.25+randaugment" for s in samplers),
    ]  # fmt: skip
