"""Series: rows of one or more channels over time, of one length or of several.

`forms` reads and rebuilds what users hold series in, `codec` encodes them, and `modality` is what
the package asks.
"""

from gen_augment.modalities.series.codec import SeriesCodec
from gen_augment.modalities.series.modality import Series
from gen_augment.modalities.series.unequal import collate_series, from_long, to_long

__all__ = ["Series", "SeriesCodec", "collate_series", "from_long", "to_long"]
