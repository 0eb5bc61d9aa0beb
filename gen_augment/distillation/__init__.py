"""Small models that learn from a slow one, with synthetic rows to ask it about."""

from gen_augment.distillation.distilled import Distilled, DistilledRegressor

__all__ = ["Distilled", "DistilledRegressor"]
