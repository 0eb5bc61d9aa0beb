"""Arms: what is done to the training part before and while a classifier learns from it.

An arm is written as steps joined by ``+``. At most one chooses the rows, the others change batches::

    real                  the rows as they are
    oversample            rows of small classes repeated until all classes are alike
    smote                 the same with SMOTE's interpolated rows (tables; needs imbalanced-learn)
    vae, gan, ...         synthetic rows of a sampler beside the real ones
    shift, flip, mixup    random translation; horizontal flip; MixUp (images)

So ``"gan+shift+mixup"`` trains on real and GAN rows under shifts and MixUp.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor
from torchvision.transforms import v2

from gen_augment.codecs import LabelCodec, concatenate, take
from gen_augment.errors import InputError, LeakError, MissingDependencyError
from gen_augment.rng import derive_seed
from gen_augment.study.task import Part, Split, row_digests
from gen_augment.training import diff_augment

__all__ = ["BATCH_STEPS", "DEFAULT_SAMPLERS", "ROW_STEPS", "Arm", "Pool", "default_arms", "make_pool", "parse_arm"]

BatchStep = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Pool:
    """The rows that a classifier is trained on, and what they cost."""

    part: Part
    n_synthetic: int = 0
    examples: Part | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def shift(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Translate each image by up to a fourteenth of each side, rounded: one pixel of 8, two of 28."""
    return diff_augment(x, shift=1 / 14, cutout=0), y


def flip(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror half of the images left to right."""
    mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(mirrored, x.flip(-1), x), y


def mixup(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """MixUp with Beta(0.4, 0.4) (Zhang et al. 2018, arXiv:1710.09412)."""
    mixed: tuple[Tensor, Tensor] = v2.MixUp(alpha=0.4, num_classes=y.shape[1])(x, y)
    return mixed


BATCH_STEPS: Mapping[str, BatchStep] = {"shift": shift, "flip": flip, "mixup": mixup}
ROW_STEPS = ("real", "oversample", "smote")
#: Samplers of a study that names none.
DEFAULT_SAMPLERS = ("flow", "gan", "vae")
#: Synthetic rows of each class that are kept to be looked at.
N_EXAMPLES = 6


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes
    ----------
    name : str
        As `parse_arm` reads it.
    rows : str
        "real", "oversample", "smote", or the name of a sampler.
    batch_steps : tuple of str
    sampler : Sampler or None
        Unfitted; cloned for each seed.
    """

    name: str
    rows: str
    batch_steps: tuple[str, ...]
    sampler: Any = None

    @property
    def is_generative(self) -> bool:
        """Whether a sampler takes part."""
        return self.sampler is not None

    def transform(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Change a batch ``(B, C, H, W)`` in [-1, 1] and its soft labels ``(B, n_classes)``."""
        for step in self.batch_steps:
            x, y = BATCH_STEPS[step](x, y)
        return x, y


def parse_arm(name: str, samplers: Mapping[str, Any]) -> Arm:
    """Read an arm such as ``"gan+shift+mixup"``.

    Raises
    ------
    InputError
        A step is unknown, or two of them choose the rows.
    """
    steps = name.split("+")
    row_steps = [step for step in steps if step in ROW_STEPS or step in samplers]
    unknown = [step for step in steps if step not in row_steps and step not in BATCH_STEPS]
    if unknown:
        known = [*ROW_STEPS, *samplers, *BATCH_STEPS]
        raise InputError(f"arm {name!r}: unknown step {unknown[0]!r}; known: {', '.join(known)}.")
    if len(row_steps) > 1:
        raise InputError(f"arm {name!r}: {' and '.join(row_steps)} both choose the rows; take one.")
    rows = row_steps[0] if row_steps else "real"
    return Arm(name, rows, tuple(step for step in steps if step in BATCH_STEPS), samplers.get(rows))


def default_arms(kind: str, samplers: Mapping[str, Any], *, mirror: bool = False) -> list[str]:
    """Baselines and samplers; for images, each sampler also under the classic transforms.

    `mirror` adds the horizontal flip to those, for images whose mirror image has the same label.
    """
    if kind == "table":
        return ["real", "oversample", "smote", *samplers]
    moved = "flip+shift" if mirror else "shift"
    recipes = [moved, "mixup", f"{moved}+mixup"]
    return ["real", "oversample", *recipes, *samplers, *(f"{s}+{moved}+mixup" for s in samplers)]


def make_pool(arm: Arm, split: Split, labels: np.ndarray, seed: int, clock: Callable[[], float]) -> Pool:
    """The rows that `arm` trains on for one seed. The test part is only looked at for copies of its rows."""
    train = split.train
    if arm.rows == "real":
        return Pool(train)
    if arm.rows == "oversample":
        return Pool(_oversample(train, derive_seed(seed, "oversample")))
    if arm.rows == "smote":
        return Pool(_smote(train, derive_seed(seed, "smote")))
    return _generate(arm, split, labels, seed, clock)


def _generate(arm: Arm, split: Split, labels: np.ndarray, seed: int, clock: Callable[[], float]) -> Pool:
    train = split.train
    sampler = clone(arm.sampler).set_params(random_state=derive_seed(seed, "sampler") % 2**31)
    start = clock()
    sampler.fit(train.X, labels[train.codes])
    fitted = clock()
    counts = synthetic_counts(np.bincount(train.codes, minlength=len(labels)))
    X, y = sampler.sample(y={label: int(n) for label, n in zip(labels.tolist(), counts, strict=True) if n})
    seconds = {"fit_seconds": fitted - start, "sample_seconds": clock() - fitted}
    synthetic = Part(X, LabelCodec(labels, "ndarray", labels.dtype.str).encode(y))
    _check_delivery(arm.rows, synthetic, counts, split.test)
    shown = np.concatenate([np.flatnonzero(synthetic.codes == code)[:N_EXAMPLES] for code in range(len(labels))])
    examples = Part(take(X, shown), synthetic.codes[shown])
    both = Part(concatenate([train.X, synthetic.X]), np.concatenate([train.codes, synthetic.codes]))
    return Pool(both, len(synthetic), examples, seconds)


def _check_delivery(name: str, synthetic: Part, counts: np.ndarray, test: Part) -> None:
    given = np.bincount(synthetic.codes, minlength=len(counts))
    if len(synthetic.X) != len(synthetic) or (given != counts).any():
        raise InputError(
            f"{name!r} was asked for {counts.tolist()} rows of the classes, and gave {len(synthetic.X)} rows with "
            f"{given.tolist()} labels."
        )
    copies = int(np.isin(row_digests(synthetic.X), row_digests(test.X)).sum())
    if copies:
        raise LeakError(f"{copies} synthetic rows of {name!r} are equal to rows of the test part.")


def synthetic_counts(counts: np.ndarray) -> np.ndarray:
    """Synthetic rows of each class that make all classes alike and at least half of the pool synthetic.

    Examples
    --------
    >>> synthetic_counts(np.array([50, 50])).tolist(), synthetic_counts(np.array([90, 10])).tolist()
    ([50, 50], [10, 90])
    """
    target = max(int(counts.max()), -(-2 * int(counts.sum()) // len(counts)))
    return target - counts


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


def _smote(train: Part, seed: int) -> Part:
    try:
        from imblearn.over_sampling import SMOTE
    except ImportError as error:
        raise MissingDependencyError(
            "the arm 'smote' needs imbalanced-learn: pip install 'gen_augment[imbalanced]'."
        ) from error
    smallest = int(np.bincount(train.codes).min())
    is_tensor = isinstance(train.X, Tensor)
    rows = train.X.numpy(force=True) if is_tensor else train.X
    X, codes = SMOTE(k_neighbors=min(5, smallest - 1), random_state=seed % 2**32).fit_resample(rows, train.codes)
    return Part(torch.from_numpy(X) if is_tensor else X, codes)
