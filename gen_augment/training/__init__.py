"""The step loop in which networks are trained, and its callbacks."""

from gen_augment.batch_share import own_rows
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
from gen_augment.training.placement import keep_heap

__all__ = [
    "EMA",
    "Batches",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "Loop",
    "SampleGrid",
    "TensorBoard",
    "keep_heap",
    "own_rows",
]
