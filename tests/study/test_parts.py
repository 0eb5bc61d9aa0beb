"""The parts of one seed, and smaller training parts."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen_augment.study import StudyResult
from gen_augment.study.parts import rows_of_size
from tests.study.toys import TrueDraws, gaussians, small_study


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_sizes_are_nested_and_keep_the_shares_of_classes(counts: list[int], seed: int) -> None:
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    before: set[int] = set()
    for size in range(1, len(codes) // len(counts) + 1):
        rows = rows_of_size(codes, size, seed)
        assert len(set(rows.tolist())) == len(rows)
        assert before <= set(rows.tolist())
        before = set(rows.tolist())
        wanted = np.array(counts) * size * len(counts) / len(codes)
        found = np.bincount(codes[rows], minlength=len(counts))
        assert (found >= 1).all()
        assert (abs(found - np.maximum(wanted, 1)) <= 0.5 + 1e-9).all()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResult, Path]:
    """A sampler that draws from the truth: of use where there are few rows."""
    folder = tmp_path_factory.mktemp("curve")
    study = small_study(
        *gaussians(800, dim=10), test=gaussians(2000, dim=10, seed=1), arms=["real", "oversample", "true:8"],
        samplers={"true": TrueDraws()}, n_seeds=4, per_class=100, sizes=(5, 20),
    )  # fmt: skip
    return study.run(folder), folder
