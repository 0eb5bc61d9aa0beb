"""The step loop that every sampler trains in, its callbacks, and differentiable augmentation."""

from gen_augment.training.batches import Batches
from gen_augment.training.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    SampleGrid,
    TensorBoard,
)
from gen_augment.training.diffaugment import SMALL_SHIFT, diff_augment
from gen_augment.training.ema import EMA
from gen_augment.training.loop import Loop

__all__ = [
    "EMA",
    "SMALL_SHIFT",
    "Batches",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Loop",
    "SampleGrid",
    "TensorBoard",
    "diff_augment",
]
