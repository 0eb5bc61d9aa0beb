"""Two-sample tests and the Vendi score against closed forms."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from gen_augment.metrics import (
    two_sample_auc,
    vendi_score,
)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_two_sample_auc_of_shifted_normals_has_a_closed_form(shift: float) -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.normal(0, 1, (2000, 3)), rng.normal(0, 1, (2000, 3))
    fake[:, 1] += shift
    assert two_sample_auc(real, fake) == pytest.approx(norm.cdf(shift / math.sqrt(2)), abs=0.025)


def test_two_sample_auc_detects_differences_without_a_shift() -> None:
    rng = np.random.default_rng(2)
    assert two_sample_auc(rng.normal(0, 1, (1000, 2)), rng.normal(0, 4, (1000, 2))) > 0.8


def test_vendi_score_counts_directions() -> None:
    assert vendi_score(np.eye(7)) == pytest.approx(7)
    assert vendi_score(np.tile([[1.0, 2.0, 3.0]], (50, 1))) == pytest.approx(1)
    assert vendi_score(np.repeat(np.eye(3), [200, 100, 100], axis=0)) == pytest.approx(
        2**1.5
    )  # 1.5 bits of entropy
    X = np.random.default_rng(0).normal(size=(40, 5))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(unit @ unit.T / 40).clip(1e-12)
    assert vendi_score(X) == pytest.approx(np.exp(-(values * np.log(values)).sum()), rel=1e-4)
