"""The plan of a bank: bad arguments are errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import ConditionalVAE, InputError, NotFittedError, SampleBank
from tests.bank.toys import Tell

COUNTS = {"a": 40, "b": 25, "c": 35}  # 7 blocks of 16


@pytest.fixture
def bank(small_blocks: int, tmp_path: Path) -> SampleBank:
    return SampleBank.build(Tell(), COUNTS, tmp_path / "bank")


@pytest.mark.parametrize(
    "counts",
    [0, -1, True, 2.0, np.float64(3), "3", None, {}, {"a": 0}, {"a": -1}, {"a": True}, {"a": 1.5}, {"a": None},
     {"z": 3}, {3: 3}, {"a": 1, 3: 1}, [3, 4], {"a": 10**30}, 10**30, 2**40 + 1],
    ids=str,
)  # fmt: skip
def test_bad_counts_are_an_error(counts: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"counts=|label|labels"):
        SampleBank.build(Tell(), counts, tmp_path / "bank")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "part", [(1, 1), (-1, 2), (0, 0), (0, 1.0), (0.0, 1), (True, 2), (0,), (0, 1, 2), 0, "01", None]
)
def test_bad_parts_are_an_error(part: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="part="):
        SampleBank.build_part(Tell(), 10, tmp_path / "bank", part)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"seed": "x"},
        {"seed": 1.5},
        {"filters": 3},
        {"filters": [3]},
        {"max_draws": 0},
        {"max_draws": 2.0},
    ],
    ids=str,
)
def test_other_bad_arguments_are_an_error(bad: dict[str, Any], tmp_path: Path) -> None:
    name = "random_state" if "seed" in bad else next(iter(bad))
    with pytest.raises(InputError, match=f"{name}="):
        SampleBank.build(Tell(), 10, tmp_path / "bank", **bad)
    assert list(tmp_path.iterdir()) == []


def test_the_sampler_must_be_fitted(bank: SampleBank, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="not fitted"):
        SampleBank.build(ConditionalVAE(), 10, tmp_path / "new")
    for no_sampler in (None, object(), np.zeros(3), ConditionalVAE, bank):
        with pytest.raises(InputError, match="is not a sampler: give a fitted one"):
            SampleBank.build(no_sampler, 10, tmp_path / "new")  # type: ignore[arg-type]
    assert not (tmp_path / "new").exists()
