"""Small models that learn from a slow one, with synthetic rows to ask it about."""

from gen_augment.distillation.distilled import Distilled, DistilledRegressor
from gen_augment.distillation.network import NetworkStudent
from gen_augment.distillation.readable import Columns, ReadableTree

__all__ = ["Columns", "Distilled", "DistilledRegressor", "NetworkStudent", "ReadableTree"]
