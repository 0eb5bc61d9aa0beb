"""Round trips of tables."""

import json
from typing import Any

import pandas as pd
import torch

from gen_augment.modalities import TableCodec, codec_from_json, codec_to_json


def round_trip(X: pd.DataFrame, types: Any = None) -> tuple[Any, Any]:
    """Return decoded rows, after an archive, and decoded random codes."""
    codec, rows = TableCodec.fit(X, types)
    record = json.loads(json.dumps(codec_to_json(codec), allow_nan=False))
    again: Any = codec_from_json(record)
    assert codec_to_json(again) == record
    assert torch.equal(again.encode(X), rows)
    back = again.decode(rows)
    pd.testing.assert_frame_equal(again.unpack(again.pack(back)), back)
    generator = torch.Generator().manual_seed(0)
    return back, again.decode(torch.randn(60, *codec.shape, generator=generator) * 2)
