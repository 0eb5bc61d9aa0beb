"""Filters decide which synthetic rows are used; they are fitted on real training rows.

A filter is any callable ``filter(X, y) -> bools``. The filters here score each row by
itself, so the decision does not depend on the other rows.
"""

from gen_augment.filters.agreement import LabelAgreement
from gen_augment.filters.base import RowFilter
from gen_augment.filters.copies import CopyGate
from gen_augment.filters.discriminator import DiscriminatorRejection
from gen_augment.filters.duplicates import Duplicates
from gen_augment.filters.novelty import Novelty
from gen_augment.filters.outliers import Outliers
from gen_augment.filters.realism import Realism
from gen_augment.samplers.filtered import FilteredSampler

__all__ = [
    "CopyGate",
    "DiscriminatorRejection",
    "Duplicates",
    "FilteredSampler",
    "LabelAgreement",
    "Novelty",
    "Outliers",
    "Realism",
    "RowFilter",
]
