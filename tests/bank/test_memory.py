"""The memory of a build does not depend on the number of rows."""

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import SampleBank
from tests.bank.toys import Pictures

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss of a forked process"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


def keep_most(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return X[:, 0, 0] < 250


def peak_of_a_build(n: int, path: Path, filters: Any, pipe: Any) -> None:
    import resource  # not on Windows

    SampleBank.build(Pictures(), n, path, filters=filters)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def peak(n: int, path: Path, filters: Any) -> float:
    """Return the peak memory in MB of a process that builds `n` rows."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=peak_of_a_build, args=(n, path, filters, there))
    process.start()
    megabytes = here.recv()
    process.join()
    return float(megabytes)


@pytest.mark.parametrize("filters", [None, keep_most], ids=["plain", "filtered"])
def test_two_hundred_thousand_rows_take_no_more_memory_than_ten_thousand(
    filters: Any, tmp_path: Path
) -> None:
    few = peak(10_000, tmp_path / "few", filters)
    many = peak(200_000, tmp_path / "many", filters)
    assert (tmp_path / "many" / "rows.bin").stat().st_size >= 156e6
    assert many - few < 30
    bank = SampleBank(tmp_path / "many")
    assert (
        bank.rows(np.array([0, 150_000]))[:, 5, 5] == bank.addresses(np.array([0, 150_000])) % 251
    ).all()
