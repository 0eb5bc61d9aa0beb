"""What samplers have together: shares by class."""

import numpy as np
import pytest

from gen_augment import BootstrapSampler, InputError
from gen_augment.samplers.joint import Joint


def test_shares_are_bayes_rule() -> None:
    X = np.arange(12.0)[:, None]
    first = BootstrapSampler().fit(X, [0] * 4 + [1] * 8)  # prior 1/3, 2/3
    second = BootstrapSampler().fit(X, [1] * 3 + [2] * 9)  # prior 1/4, 3/4
    joint = Joint.of([first, second], np.array([0.6, 0.4]))
    assert joint.labels.classes.tolist() == [0, 1, 2]
    assert joint.counts.tolist() == [4, 11, 9]
    np.testing.assert_allclose(joint.prior, [0.2, 0.5, 0.3])
    np.testing.assert_allclose(joint.shares, [[1, 0], [0.8, 0.2], [0, 1]], atol=1e-12)
    chosen = joint.choose(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0.999, 0.79, 0.81, 0, 0.99]))
    assert chosen.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_class_without_weight() -> None:
    X = np.arange(4.0)[:, None]
    parts = [BootstrapSampler().fit(X, [label, label, 2, 2]) for label in (0, 1)]
    with pytest.raises(InputError, match="class 1 is known"):
        Joint.of(parts, np.array([1.0, 0.0]))
