"""What a fitted sampler's rows are like, on one page: near to real ones, varied, copied, rightly labelled, of use.

And what it has learned: rows between two rows, and along the ways in which rows of a class differ.
"""

from gen_augment.auditing.audit import Audit, audit
from gen_augment.auditing.latent import interpolate, save_grid, traverse

__all__ = ["Audit", "audit", "interpolate", "save_grid", "traverse"]
