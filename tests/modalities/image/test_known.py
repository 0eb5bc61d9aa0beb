"""The public range of images."""

import numpy as np
import pytest

from gen_augment.errors import InputError
from gen_augment.modalities.image.known import KnownImages


def test_bytes_need_no_bounds() -> None:
    X = np.full((3, 8, 8), 7, np.uint8)
    codec, low, high = KnownImages(X, None).codec(None)
    assert (codec.low, codec.high, float(low), float(high)) == ((0.0,), (255.0,), -1, 1)
    assert KnownImages(X, (0, 255)).codec(None)[0] == codec
    with pytest.raises(InputError, match=r"images of uint8 have the range \(0\.0, 255\.0\)"):
        KnownImages(X, (0, 100))


def test_floats_have_the_given_bounds() -> None:
    X = np.linspace(0, 0.9, 3 * 64).reshape(3, 8, 8)
    known = KnownImages(X, (0.1, 1))
    assert known.codec(None)[0].low == (0.1,)
    assert known.violations() == {"pixels": int((X < 0.1).sum())}


@pytest.mark.parametrize("bounds", [None, (1, 0), (0, np.inf), "paid", (0, 1, 2)])
def test_bad_bounds(bounds: object) -> None:
    with pytest.raises(InputError, match="need the public range"):
        KnownImages(np.zeros((3, 8, 8)), bounds)
