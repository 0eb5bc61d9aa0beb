"""Full, read-only and failing disks: a clear error, and finished blocks are kept."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gen_augment import ArchiveError, InputError, SampleBank
from gen_augment.bank import build as build_module
from tests.bank.toys import Tell, everything, files_of

COUNTS = {"a": 40, "b": 25, "c": 35}  # 7 blocks of 16, 2,400 bytes
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def mount(*arguments: Any) -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount")
    if subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    (tmp_path / "disk").mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "none", tmp_path / "disk")
    yield tmp_path / "disk"
    subprocess.run(["umount", tmp_path / "disk"], check=True)


def fill(disk: Path) -> Path:
    """Fill the rest of the disk."""
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return disk / "filling"


def test_a_bank_larger_than_the_disk_is_an_error(small_disk: Path) -> None:
    sampler = Tell()
    with pytest.raises(
        ArchiveError,
        match=r"cannot write the bank .*: No space left on device: 2 MB are needed \(1 MB",
    ):
        SampleBank.build(sampler, 100_000, small_disk / "deep" / "bank")
    assert list(small_disk.iterdir()) == []
    assert sampler.generated == 0
    SampleBank.build(sampler, 40_000, small_disk / "deep" / "bank").verify()


def test_a_full_disk_is_an_error(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(ArchiveError, match="No space left on device"):
        SampleBank.build(Tell(), 100, small_disk / "deep" / "bank")
    assert [path.name for path in small_disk.iterdir()] == ["filling"]


def test_a_disk_that_fills_up_during_the_build_is_an_error(
    small_blocks: int, small_disk: Path, tmp_path: Path
) -> None:
    """The disk has space for the rows and none for the manifest."""
    with pytest.raises(
        ArchiveError, match=r"cannot write .*manifest.json: No space left on device"
    ):
        SampleBank.build(
            Tell(), COUNTS, small_disk / "bank", on_block=lambda *_: fill(small_disk) and None
        )
    with pytest.raises(ArchiveError, match="unfinished bank: 7 of 7 blocks"):
        SampleBank(small_disk / "bank")
    (small_disk / "filling").unlink()
    sampler = Tell()
    SampleBank.build(sampler, COUNTS, small_disk / "bank").verify()
    assert sampler.generated == 0
    assert files_of(small_disk / "bank") == files_of(
        SampleBank.build(Tell(), COUNTS, tmp_path / "other").path
    )


def test_a_disk_that_becomes_read_only_is_an_error(small_blocks: int, small_disk: Path) -> None:
    SampleBank.build(Tell(), COUNTS, small_disk / "whole")
    (small_disk / "whole" / "blocks.bin").write_bytes(b"left by a kill")
    SampleBank.build_part(Tell(), COUNTS, small_disk / "half", (0, 2))
    before = files_of(small_disk)
    mount("-o", "remount,ro", small_disk)
    bank = SampleBank.build(Tell(), COUNTS, small_disk / "whole")
    bank.verify()
    assert len(bank.rows(everything(bank))) == 100
    for name in ("half", "new"):
        with pytest.raises(ArchiveError, match=r"cannot write .*: Read-only file system"):
            SampleBank.build(Tell(), COUNTS, small_disk / name)
    assert files_of(small_disk) == before
    mount("-o", "remount,rw", small_disk)
    SampleBank.build(Tell(), COUNTS, small_disk / "half").verify()


# The same where nothing can be mounted.


def raise_full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no posix_fallocate")
def test_space_is_checked_before_the_first_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = Tell()
    with monkeypatch.context() as patch:
        patch.setattr(build_module.os, "posix_fallocate", raise_full)
        with pytest.raises(
            ArchiveError,
            match=r"cannot write the bank .*bank: No space left on device \(\d+ MB are free",
        ):
            SampleBank.build(sampler, COUNTS, tmp_path / "deep" / "bank")
    assert list(tmp_path.iterdir()) == []
    assert sampler.generated == 0
    SampleBank.build(sampler, COUNTS, tmp_path / "deep" / "bank").verify()


def test_an_impossible_size_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="26388279 MB are needed"):  # 2**40 rows of 24 bytes
        SampleBank.build(Tell(), 2**40, tmp_path / "bank")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no posix_fallocate")
def test_a_file_system_without_fallocate_is_supported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(build_module.os, "posix_fallocate", unsupported)
    SampleBank.build(Tell(), COUNTS, tmp_path / "bank").verify()


@on_linux
@pytest.mark.parametrize("limit", [0, 100, 500, 1000])
def test_failing_writes_are_an_error(limit: int, small_blocks: int, tmp_path: Path) -> None:
    """The system refuses or truncates writes past `limit` bytes of a file."""
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(ArchiveError, match=r"cannot write the bank .*: File too large"):
            SampleBank.build(
                Tell(),
                COUNTS,
                tmp_path / "bank",
                on_block=lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard)),
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(ArchiveError, match=f"unfinished bank: {limit // (16 * 24)} of 7 blocks"):
        SampleBank(tmp_path / "bank")
    SampleBank.build(Tell(), COUNTS, tmp_path / "bank").verify()
    assert files_of(tmp_path / "bank") == files_of(
        SampleBank.build(Tell(), COUNTS, tmp_path / "other").path
    )


@on_linux
def test_a_failed_sync_leaves_the_build_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        monkeypatch.setattr(build_module.os, "fsync", raise_full)

    with pytest.raises(ArchiveError, match="No space left on device"):
        SampleBank.build(Tell(), COUNTS, tmp_path / "bank", on_block=lambda *_: fail())
    monkeypatch.undo()
    with pytest.raises(ArchiveError, match="unfinished bank: 1 of 1 blocks"):
        SampleBank(tmp_path / "bank")
    SampleBank.build(Tell(), COUNTS, tmp_path / "bank").verify()


@on_linux
@pytest.mark.parametrize(
    "place", ["file/bank", "file/deep/bank", "a/b/" + "n" * 300, "/proc/bank", "/sys/deep/bank"]
)
def test_unwritable_paths_are_an_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises((ArchiveError, InputError), match="cannot write the bank"):
        SampleBank.build(Tell(), COUNTS, tmp_path / place)
    assert files_of(tmp_path) == {"file": b"mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ArchiveError, match="is not a readable manifest"):
        SampleBank(tmp_path / place)


def test_a_dangling_link_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bank").symlink_to(tmp_path / "nothing")
    with pytest.raises(ArchiveError, match="cannot write the bank"):
        SampleBank.build(Tell(), COUNTS, tmp_path / "bank")
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]
