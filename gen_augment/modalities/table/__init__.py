"""Tables of numbers, categories, dates and missing values."""

from gen_augment.modalities.table.codec import TableCodec
from gen_augment.modalities.table.modality import Table

__all__ = ["Table", "TableCodec"]
