"""Data as it enters and leaves the package: rows, labels, named data sets and files."""

from gen_augment.data.labels import LabelCodec
from gen_augment.data.reading import read_rows
from gen_augment.data.rows import Rows

__all__ = ["LabelCodec", "Rows", "read_rows"]
