"""The rows that a classifier is trained on in one arm."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gen_augment.data import Rows
from gen_augment.rng import derive_seed
from gen_augment.study.arms.arm import Arm
from gen_augment.study.arms.drawing import Drawn, draw_all
from gen_augment.study.arms.resampling import resampled
from gen_augment.study.parts import Parts

__all__ = ["N_EXAMPLES", "Pool", "make_pool"]

#: Synthetic rows of each class that are kept for pictures.
N_EXAMPLES = 6


@dataclass(frozen=True)
class Pool:
    """The rows that a classifier is trained on, and what they cost.

    Attributes
    ----------
    rows : Rows
    n_synthetic : int
        Synthetic rows come last.
    examples : Rows or None
        Some of the synthetic rows, for pictures.
    seconds : dict of str to float
    pretrain : Rows or None
        Rows of the first half of the training steps, if they differ.
    weights : ndarray of shape (n,) or None
        Relative frequency at which each row is used, with a mean of 1; None if all are equal.
    """

    rows: Rows
    n_synthetic: int = 0
    examples: Rows | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    pretrain: Rows | None = None
    weights: np.ndarray | None = None


def make_pool(
    arm: Arm, parts: Parts, seed: int, clock: Callable[[], float], drawn: Drawn | None = None
) -> Pool:
    """Make the rows that `arm` trains on for one seed.

    Parameters
    ----------
    arm : Arm
    parts : Parts
        The test rows are only searched for copies.
    seed : int
    clock : callable
        Returns seconds.
    drawn : Drawn, optional
        Rows of the arm's sampler; drawn now by default.
    """
    train = parts.train
    if arm.sampler is None:
        return Pool(resampled(arm.rows, train, derive_seed(seed, arm.row_step)))
    if drawn is None:
        use = arm.synthetic
        found = draw_all(arm.row_step, arm.sampler, [use], parts, seed, clock)[use.drawn_as]
        if isinstance(found, Exception):
            raise found
        drawn = found
    synthetic = _shuffled(drawn.rows, seed) if arm.synthetic.shuffled else drawn.rows
    shown = [np.flatnonzero(synthetic.codes == code) for code in range(train.n_classes)]
    examples = synthetic.part(np.concatenate([index[:N_EXAMPLES] for index in shown]))
    real = resampled(arm.resample, train, derive_seed(seed, arm.resample))
    if arm.synthetic.pretrain:
        return Pool(real, len(synthetic), examples, drawn.seconds, synthetic)
    weights = arm.synthetic.weights(len(real), len(synthetic))
    rows = real.joined(synthetic)
    return Pool(rows, len(synthetic), examples, drawn.seconds, weights=weights)


def _shuffled(rows: Rows, seed: int) -> Rows:
    """Return the same rows with shuffled labels."""
    rng = np.random.default_rng(derive_seed(seed, "shuffle"))
    return rows.replaced(rows.X, rng.permutation(rows.codes))
