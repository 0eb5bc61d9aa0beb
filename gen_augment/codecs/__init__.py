"""Names that move: this module goes as soon as no other imports it."""

from typing import Any

from torch import Tensor

from gen_augment.containers import concatenate, stack_rows, take
from gen_augment.data.labels import LabelCodec
from gen_augment.data.reading import read_rows
from gen_augment.errors import InputError
from gen_augment.modalities import Codec, ImageCodec, Table, TableCodec, find_modality
from gen_augment.modalities.registry import codec_from_json
from gen_augment.modalities.table.conditions import matcher, read_conditions

__all__ = [
    "Codec", "ImageCodec", "LabelCodec", "TableCodec", "codec_from_json", "concatenate",
    "infer_codec", "matcher", "read_conditions", "read_rows", "stack_rows", "take",
]  # fmt: skip


def infer_codec(X: Any, types: Any = None) -> tuple[Codec, Tensor]:
    """Fit the codec of `X`."""
    modality = find_modality(X)
    if types:
        if modality.name != "table":
            raise InputError(f"column_types={types!r}, but X holds images: leave column_types out.")
        modality = Table(types)
    return modality.fit(X)
