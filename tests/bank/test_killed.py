"""A build killed at any moment does not open, and resuming it produces the same bytes."""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import ArchiveError, SampleBank
from tests.bank.toys import Pictures, Tell, at_each_line, files_of

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="kills forked processes"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
COUNTS = {"a": 300, "b": 100, "c": 240}  # 40 blocks of 16
FEW = {"a": 12, "c": 20}  # 2 blocks of 16
#: Where a build may be killed. The other lines of a compressed bank are those of a plain one.
FILES: dict[str | None, tuple[str, ...]] = {
    None: ("bank/build.py", "gen_augment/archive.py"),
    "webp": ("image/compression.py",),
}
UNFINISHED = re.compile(r"unfinished bank: (\d+) of (\d+) blocks are finished")


def keep_even(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return X[:, 0] % 2 == 0


def start(target: Callable[..., Any], *args: Any) -> Any:
    process = multiprocessing.get_context("fork").Process(target=target, args=args)
    process.start()
    return process


def build(path: Path, call: int, seconds: float, filters: Any = None) -> None:
    """Build until some time after a call of the sampler, on a machine with any load."""
    sampler = Tell(delay=0.0005)
    generate, calls = sampler.generate, iter(range(1000))

    def mortal(*args: Any, **kwargs: Any) -> np.ndarray:
        if next(calls) == call:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process; nothing is cleaned up
            signal.setitimer(signal.ITIMER_REAL, seconds)
        return generate(*args, **kwargs)

    sampler.generate = mortal  # type: ignore[method-assign]
    SampleBank.build(sampler, COUNTS, path, filters=filters)


def blocks_there(path: Path) -> int:
    """Return the blocks of an unfinished bank, which must not open."""
    with pytest.raises(ArchiveError, match=r"unfinished bank|is not a readable manifest") as caught:
        SampleBank(path)
    found = UNFINISHED.search(str(caught.value))
    if found is None:  # no file was created
        assert not (path / "rows.bin").exists()
    return int(found[1]) if found else 0


@pytest.fixture
def undisturbed(small_blocks: int, tmp_path: Path) -> dict[str, bytes]:
    return files_of(SampleBank.build(Tell(), COUNTS, tmp_path / "undisturbed").path)


def test_killed_at_random_moments(undisturbed: dict[str, bytes], tmp_path: Path) -> None:
    reached, rng = [], np.random.default_rng(0)
    for call in range(0, 40, 4):
        path = tmp_path / str(call)
        start(build, path, call, rng.uniform(1e-6, 4e-3)).join()
        finished = 40 if (path / "manifest.json").exists() else blocks_there(path)
        sampler = Tell()
        SampleBank.build(sampler, COUNTS, path).verify()
        assert files_of(path) == undisturbed
        assert sampler.generated <= 640 - 16 * finished  # finished blocks are not built again
        reached.append(finished)
    assert len(set(reached)) >= 4


def test_a_build_killed_repeatedly(small_blocks: int, tmp_path: Path) -> None:
    undisturbed = files_of(
        SampleBank.build(Tell(), COUNTS, tmp_path / "undisturbed", filters=keep_even).path
    )
    rng = np.random.default_rng(1)
    reached = [0]
    while not (tmp_path / "bank" / "manifest.json").exists():
        moment = int(rng.integers(3, 25)), rng.uniform(1e-6, 2e-3)
        start(build, tmp_path / "bank", *moment, keep_even).join()
        if not (tmp_path / "bank" / "manifest.json").exists():
            reached.append(blocks_there(tmp_path / "bank"))
            assert reached[-1] >= reached[-2]
    assert len(reached) >= 4
    SampleBank.build(Tell(), COUNTS, tmp_path / "bank", filters=keep_even).verify()
    assert files_of(tmp_path / "bank") == undisturbed


def build_few(path: Path, compression: str | None) -> SampleBank:
    sampler = Pictures() if compression else Tell()
    return SampleBank.build(sampler, FEW, path, compression=compression)


def build_and_die(path: Path, line: int, compression: str | None) -> None:
    def die(number: int) -> None:
        if number == line:
            os.kill(os.getpid(), signal.SIGKILL)

    with at_each_line(FILES[compression], die):
        build_few(path, compression)


def check_killed_before(lines: Any, compression: str | None, folder: Path) -> None:
    expected = files_of(folder / "undisturbed")
    for line in lines:
        path = folder / str(line)
        process = start(build_and_die, path, int(line), compression)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        if not (path / "manifest.json").exists():
            blocks_there(path)
        build_few(path, compression).verify()
        assert files_of(path) == expected, f"killed before line {line}"


def lines_of_a_build(compression: str | None, folder: Path) -> list[int]:
    """Return the numbers of all lines that a build executes."""
    numbers: list[int] = []
    with at_each_line(FILES[compression], numbers.append):
        build_few(folder / "undisturbed", compression)
    assert len(numbers) > 20
    return numbers


@pytest.mark.parametrize("compression", [None, "webp"])
def test_killed_before_some_lines(
    compression: str | None, small_blocks: int, tmp_path: Path
) -> None:
    lines = lines_of_a_build(compression, tmp_path)
    some = np.random.default_rng(2).choice(lines, 4, replace=False)
    check_killed_before(some, compression, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("compression", [None, "webp"])
def test_killed_before_every_line(
    compression: str | None, small_blocks: int, tmp_path: Path
) -> None:
    check_killed_before(lines_of_a_build(compression, tmp_path), compression, tmp_path)
