"""Tables as named columns."""

from typing import Any

import numpy as np
import pytest

from gen_augment.modalities import find_modality


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_masked_values_are_missing(dtype: Any) -> None:
    plain = (np.arange(24) % 7).reshape(12, 2).astype(dtype)
    X = np.ma.masked_array(plain, mask=np.arange(24).reshape(12, 2) % 5 == 0)
    codec, rows = find_modality(X).fit(X)
    back = codec.decode(rows)
    np.testing.assert_array_equal(np.isnan(back), X.mask)
    np.testing.assert_allclose(back[~X.mask], plain[~X.mask], rtol=1e-6)
    again = codec.unpack(codec.pack(X))
    np.testing.assert_array_equal(np.isnan(again), X.mask)
    unmasked, _ = find_modality(np.ma.masked_array(plain)).fit(np.ma.masked_array(plain))
    assert unmasked.decode(unmasked.encode(plain)).dtype == dtype
