"""What a fitted sampler's rows are like: near to real ones, varied, copied, rightly labelled; on one page."""

from gen_augment.auditing.audit import Audit, audit

__all__ = ["Audit", "audit"]
