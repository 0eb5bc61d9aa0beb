"""Inspection of a fitted sampler: a page of figures, and rows along lines in its code space."""

from gen_augment.auditing.audit import audit
from gen_augment.auditing.export import export
from gen_augment.auditing.latent import interpolate, save_grid, traverse
from gen_augment.auditing.result import Audit

__all__ = ["Audit", "audit", "export", "interpolate", "save_grid", "traverse"]
