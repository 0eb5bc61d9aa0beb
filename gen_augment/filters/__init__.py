"""Which synthetic rows go in: gates that are fitted on real rows, and a sampler behind them.

A filter is any callable ``filter(X, y) -> bools``. Those here score rows by themselves, so that a row passes or does
not, whatever it comes with; they are fitted on the training part and nothing else.
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
