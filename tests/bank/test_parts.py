"""Several processes build one bank, in parts or all of it at the same time."""

import itertools
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from gen_augment import ArchiveError, ConditionalVAE, InputError, SampleBank
from gen_augment.bank import manifest
from gen_augment.errors import ExhaustedError
from tests.bank.toys import Tell, at_each_line, files_of

pytestmark = [pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")]
needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="forks")
COUNTS = {"a": 300, "b": 100, "c": 240}  # 40 blocks of 16
FEW = {"a": 20, "c": 20}  # 3 blocks of 16


def keep_even(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return X[:, 0] % 2 == 0


def keep_none(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.zeros(len(y), bool)


def build_part(path: Path, part: tuple[int, int], filters: Any, start: Any, delay: float) -> None:
    start.wait()
    done = SampleBank.build_part(Tell(delay=delay), COUNTS, path, part, filters=filters)
    sys.exit(10 + done)


def run_parts(
    method: str, path: Path, parts: list[tuple[int, int]], filters: Any = None, delay: float = 0
) -> list[bool]:
    """Return the message of each process about the bank."""
    context = multiprocessing.get_context(method)
    start = context.Barrier(len(parts))
    processes = [
        context.Process(target=build_part, args=(path, part, filters, start, delay))
        for part in parts
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert {process.exitcode for process in processes} <= {10, 11}
    return [process.exitcode == 11 for process in processes]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("filters", [None, keep_even], ids=["plain", "filtered"])
def test_parts_in_any_order_build_the_bank(
    order: tuple[int, ...], filters: Any, small_blocks: int, tmp_path: Path
) -> None:
    whole = SampleBank.build(Tell(), COUNTS, tmp_path / "whole", filters=filters)
    there = 0
    for i in order:
        done = SampleBank.build_part(Tell(), COUNTS, tmp_path / "parts", (i, 3), filters=filters)
        there += (13, 13, 14)[i]
        assert done == (there == 40)
        if not done:
            with pytest.raises(ArchiveError, match=f"unfinished bank: {there} of 40 blocks"):
                SampleBank(tmp_path / "parts")
    assert files_of(tmp_path / "parts") == files_of(whole.path)
    SampleBank(tmp_path / "parts").verify()


def test_more_parts_than_blocks(small_blocks: int, tmp_path: Path) -> None:
    whole = SampleBank.build(Tell(), FEW, tmp_path / "whole")
    told: list[tuple[int, int]] = []
    done = [
        SampleBank.build_part(
            Tell(), FEW, tmp_path / "parts", (i, 7), on_block=lambda *now: told.append(now)
        )
        for i in range(7)
    ]
    assert done == [False] * 6 + [True]
    assert told == [(0, 0), (0, 0), (0, 1), (1, 1), (0, 0), (0, 1), (1, 1), (0, 0), (0, 1), (1, 1)]
    assert files_of(tmp_path / "parts") == files_of(whole.path)


@needs_fork
def test_parts_in_parallel_processes(small_blocks: int, tmp_path: Path) -> None:
    whole = files_of(SampleBank.build(Tell(), COUNTS, tmp_path / "whole").path)
    for number in range(5):
        path = tmp_path / "deep" / str(number)
        assert any(run_parts("fork", path, [(0, 3), (1, 3), (2, 3)], delay=0.001))
        assert files_of(path) == whole


@needs_fork
def test_processes_may_build_the_same_part(small_blocks: int, tmp_path: Path) -> None:
    whole = files_of(SampleBank.build(Tell(), COUNTS, tmp_path / "whole", filters=keep_even).path)
    for number in range(5):
        parts = [(0, 1), (0, 1), (1, 2), (0, 2)]
        assert run_parts("fork", tmp_path / str(number), parts, keep_even)[:2] == [True, True]
        assert files_of(tmp_path / str(number)) == whole


def test_parts_in_processes_that_are_not_forked(tmp_path: Path) -> None:
    whole = SampleBank.build(
        Tell(), COUNTS, tmp_path / "whole"
    )  # blocks of the real size, since patches do not reach other processes
    assert any(run_parts("forkserver", tmp_path / "parts", [(0, 3), (1, 3), (2, 3)]))
    assert files_of(tmp_path / "parts") == files_of(whole.path)


EVERY = pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.slow)])


def lines_of_a_build(path: Path) -> int:
    lines: list[int] = []
    with at_each_line(("bank/build.py",), lines.append):
        SampleBank.build(Tell(), FEW, path)
    return len(lines)


@EVERY
def test_another_process_may_finish_the_bank_between_any_two_lines(
    every: int, small_blocks: int, tmp_path: Path
) -> None:
    """The possible results of a race, without a race."""
    n_lines = lines_of_a_build(tmp_path / "whole")
    whole = files_of(tmp_path / "whole")
    for line in range(0, n_lines, every):
        path = tmp_path / str(line)

        def overtake(now: int, line: int = line, path: Path = path) -> None:
            if now == line:
                assert SampleBank.build_part(Tell(), FEW, path, (0, 1))

        with at_each_line(("bank/build.py",), overtake):
            assert len(SampleBank.build(Tell(), FEW, path)) == 40
        assert files_of(path) == whole, f"overtaken before line {line}"


@EVERY
def test_another_bank_may_be_built_between_any_two_lines(
    every: int, small_blocks: int, tmp_path: Path
) -> None:
    """One of the two builds raises an error, and the other finishes its bank."""
    n_lines = lines_of_a_build(tmp_path / "seed 7")
    SampleBank.build(Tell(), {"a": 10, "b": 90}, tmp_path / "other")
    expected = {name: files_of(tmp_path / name) for name in ("seed 7", "other")}
    winners = []
    for line in range(0, n_lines, every):
        path = tmp_path / str(line)
        refused = []

        def overtake(
            now: int, line: int = line, path: Path = path, refused: list[str] = refused
        ) -> None:
            if now == line:
                try:
                    SampleBank.build(Tell(), {"a": 10, "b": 90}, path)
                except InputError:
                    refused.append("other")

        with at_each_line(("bank/build.py",), overtake):
            try:
                SampleBank.build(Tell(), FEW, path)
            except InputError:
                refused.append("seed 7")
        assert len(refused) == 1, f"line {line}: {refused}"
        winners.append("other" if refused == ["seed 7"] else "seed 7")
        assert files_of(path) == expected[winners[-1]], f"line {line}"
    assert set(winners) == {"seed 7", "other"}


def test_the_block_size_is_only_patched() -> None:
    assert (manifest.MIN_BLOCK, manifest.MAX_BLOCK) == (256, 4096)


def test_jobs_write_the_bytes_of_one_process(small_blocks: int, tmp_path: Path) -> None:
    whole = files_of(SampleBank.build(Tell(), COUNTS, tmp_path / "whole", filters=keep_even).path)
    told: list[tuple[int, int]] = []

    def build(path: Path, on_block: Any = lambda done, of: told.append((done, of))) -> SampleBank:
        return SampleBank.build(
            Tell(), COUNTS, path, filters=keep_even, on_block=on_block, n_jobs=2
        )

    def stop(done: int, of: int) -> None:
        if done > 10:
            raise KeyboardInterrupt

    with joblib.parallel_config(backend="multiprocessing"):  # forks, which are fast to start
        build(tmp_path / "jobs")
        assert told == [(done, 40) for done in range(0, 42, 2)]
        assert files_of(tmp_path / "jobs") == whole
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / "stopped", stop)
        told.clear()
        build(tmp_path / "stopped").verify()
        assert 12 <= told[0][0] < 40
        assert files_of(tmp_path / "stopped") == whole
        with pytest.raises(ExhaustedError, match="kept 0 of 32 rows"):
            SampleBank.build(
                Tell(), COUNTS, tmp_path / "none", filters=keep_none, max_draws=2, n_jobs=2
            )
    with pytest.raises(InputError, match="n_jobs=0"):
        SampleBank.build(Tell(), COUNTS, tmp_path / "bad", n_jobs=0)
    assert not (tmp_path / "bad").exists()


@pytest.mark.slow
def test_jobs_of_loky_read_a_network(table_sampler: ConditionalVAE, tmp_path: Path) -> None:
    alone = SampleBank.build(table_sampler, 2000, tmp_path / "alone")
    together = SampleBank.build(table_sampler, 2000, tmp_path / "together", n_jobs=2)
    assert files_of(together.path) == files_of(alone.path)
