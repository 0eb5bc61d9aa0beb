"""The vector space in which filters compare rows."""

import numpy as np
import torch

from gen_augment.data import Rows
from gen_augment.filters.space import FeatureSpace
from tests.conftest import toy_table


def test_values_are_the_encoded_rows() -> None:
    rows = Rows.read(*toy_table())
    for features in ("values", "auto"):  # nothing is trained for tables
        space = FeatureSpace(features, rows, 0)
        assert torch.equal(space(rows.X), rows.encoded)
        assert space(rows.X).dtype == torch.float32


def test_features_of_the_user_are_kept_in_64_bits() -> None:
    rows = Rows.read(*toy_table())
    space = FeatureSpace(lambda X: np.asarray(X)[:, :1], rows, 0)
    found = space(rows.X)
    assert (found.dtype, found.shape) == (torch.float64, (60, 1))
    np.testing.assert_allclose(found.numpy(), np.asarray(rows.X)[:, :1], rtol=1e-6)
