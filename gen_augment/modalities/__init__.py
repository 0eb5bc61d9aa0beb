"""Forms of data: all code that depends on whether rows are images, tables or something else."""

from gen_augment.modalities.audio import Audio, AudioCodec
from gen_augment.modalities.base import (
    BatchStep,
    BlockGroup,
    Codec,
    DataSpec,
    Match,
    Modality,
    Reading,
    RowTransform,
)
from gen_augment.modalities.generators import GeneratorNetworks
from gen_augment.modalities.image import Image, ImageCodec
from gen_augment.modalities.registry import (
    codec_from_json,
    codec_to_json,
    find_modality,
    get_modality,
    modality_from_json,
    modality_to_json,
    register,
    registered,
)
from gen_augment.modalities.series import Series, SeriesCodec
from gen_augment.modalities.table import Table, TableCodec
from gen_augment.modalities.text import Text, TextCodec

__all__ = [
    "Audio",
    "AudioCodec",
    "BatchStep",
    "BlockGroup",
    "Codec",
    "DataSpec",
    "GeneratorNetworks",
    "Image",
    "ImageCodec",
    "Match",
    "Modality",
    "Reading",
    "RowTransform",
    "Series",
    "SeriesCodec",
    "Table",
    "TableCodec",
    "Text",
    "TextCodec",
    "codec_from_json",
    "codec_to_json",
    "find_modality",
    "get_modality",
    "modality_from_json",
    "modality_to_json",
    "register",
    "registered",
]

register(Audio)  # before images: a folder with recordings is not one of images
register(Image)
register(Series)
register(Table)
register(Text)
