"""The step loop that every sampler trains inand its callbacks."""

from gen_augment.training.batches import Batches
from gen_augment.training.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    SampleGrid,
    TensorBoard,
)
from gen_augment.training.ema import EMA
from gen_augment.training.loop import Loop

__all__ = [
    "EMA",
    "Batches",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Loop",
    "SampleGrid",
    "TensorBoard",
]
