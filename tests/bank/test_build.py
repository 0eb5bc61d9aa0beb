"""`build` and `build_part`: arguments, existing folders, progress and resumption."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import ArchiveError, ConditionalVAE, InputError, SampleBank
from gen_augment.bank import build as build_module
from tests.bank.toys import Tell, everything, files_of

COUNTS = {"a": 40, "b": 25, "c": 35}  # 7 blocks of 16


@pytest.fixture
def bank(small_blocks: int, tmp_path: Path) -> SampleBank:
    return SampleBank.build(Tell(), COUNTS, tmp_path / "bank")


def test_rows_have_consecutive_addresses(bank: SampleBank) -> None:
    expected = np.stack(
        [np.arange(100), np.repeat([0, 1, 2], [40, 25, 35]), np.full(100, 7)], axis=1
    )
    np.testing.assert_array_equal(bank.rows(everything(bank)), expected)
    np.testing.assert_array_equal(bank.addresses(everything(bank)), np.arange(100))
    assert sorted(files_of(bank.path)) == ["manifest.json", "rows.bin"]


def test_parent_folders_are_created(tmp_path: Path) -> None:
    bank = SampleBank.build(Tell(), 10, tmp_path / "x" / "y" / "z")
    assert len(SampleBank.open(str(bank.path))) == 10
    (tmp_path / "empty").mkdir()
    assert len(SampleBank.build(Tell(), 10, tmp_path / "empty")) == 10


# Bad arguments.


# Places that hold something.


@pytest.mark.parametrize("name", ["notes.txt", "rows.bin", ".hidden", "x.tmp", "folder"])
def test_a_folder_with_other_files_is_not_changed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir() if name == "folder" else (tmp_path / name).write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*")), files_of(tmp_path)
    with pytest.raises(InputError, match="exists and is not a bank"):
        SampleBank.build(Tell(), 10, tmp_path)
    assert (sorted(tmp_path.rglob("*")), files_of(tmp_path)) == before


def test_a_file_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "bank").write_bytes(b"mine")
    with pytest.raises(InputError, match="is a file"):
        SampleBank.build(Tell(), 10, tmp_path / "bank")
    assert files_of(tmp_path) == {"bank": b"mine"}
    with pytest.raises(ArchiveError, match="not a readable manifest"):
        SampleBank(tmp_path / "bank")


class OtherSampler(Tell):
    def fingerprint(self) -> str:
        return "other"


def keep_all(X: Any, y: Any) -> np.ndarray:
    return np.ones(len(y), bool)


OTHERS: dict[str, tuple[Tell, dict[str, Any], str]] = {
    "counts": (
        Tell(),
        {"counts": {"a": 41, "b": 25, "c": 35}},
        r"counts \(40, 25, 35\), not \(41, 25, 35\)",
    ),
    "seed": (Tell(), {"seed": 8}, r"generator .*seed=7.*seed=8"),
    "class": (
        OtherSampler(),
        {},
        r"generator .*name='Tell'.*name='OtherSampler', fingerprint='other'",
    ),
    "filters": (
        Tell(),
        {"filters": keep_all},
        r"filters \(\), not \('tests.bank.test_build.keep_all',\)",
    ),
    "labels": (Tell(labels=["a", "b", "c", "d"]), {}, "labels "),
}


@pytest.mark.parametrize("finished", [True, False], ids=["finished", "unfinished"])
@pytest.mark.parametrize("name", OTHERS)
def test_a_different_bank_in_the_folder_is_an_error(
    name: str, finished: bool, small_blocks: int, tmp_path: Path
) -> None:
    assert (
        SampleBank.build_part(Tell(), COUNTS, tmp_path / "bank", (0, 1 + (not finished)))
        is finished
    )
    before = files_of(tmp_path)
    sampler, arguments, difference = OTHERS[name]
    with pytest.raises(InputError, match=f"holds another bank, or part of one: .*{difference}"):
        SampleBank.build(sampler, **({"counts": COUNTS, "path": tmp_path / "bank"} | arguments))
    assert files_of(tmp_path) == before


def test_a_bank_of_other_rows_in_the_folder_is_an_error(
    bank: SampleBank, table_sampler: ConditionalVAE
) -> None:
    other = Tell()
    other.codec_ = table_sampler.codec_
    with pytest.raises(InputError, match="rows of another form"):
        SampleBank.build(other, COUNTS, bank.path)


# Finished banks are opened, and unfinished banks are resumed.


def test_a_finished_bank_is_opened(bank: SampleBank) -> None:
    before = files_of(bank.path)
    sampler, told = Tell(), []
    again = SampleBank.build(sampler, COUNTS, bank.path, on_block=lambda *done: told.append(done))
    assert again.counts == COUNTS
    assert SampleBank.build_part(sampler, COUNTS, bank.path, (1, 3))
    assert (sampler.generated, told, files_of(bank.path)) == (0, [], before)


def test_files_of_a_killed_build_are_removed(bank: SampleBank) -> None:
    before = files_of(bank.path)
    for name in (
        "plan.json",
        "blocks.bin",
        ".plan.json.k3j.tmp",
        "..plan.json.k3j.tmp.a.tmp",
        ".manifest.json.x_1.tmp",
    ):
        (bank.path / name).write_bytes(b"left")
    (bank.path / "notes.tmp").write_bytes(b"mine")
    assert len(SampleBank(bank.path)) == 100
    SampleBank.build(Tell(), COUNTS, bank.path)
    assert files_of(bank.path) == before | {"notes.tmp": b"mine"}


class StopError(Exception):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, StopError, OSError])
@pytest.mark.parametrize("stop", range(8))
def test_an_interrupted_build_is_resumed(
    error: type[BaseException], stop: int, bank: SampleBank, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []

    def on_block(done: int, of: int) -> None:
        told.append((done, of))
        if done == stop:
            raise error("stop")

    first, second = Tell(), Tell()
    with pytest.raises(error, match="stop"):  # unchanged, since it is not a disk error
        SampleBank.build(first, COUNTS, tmp_path / "b", on_block=on_block)
    assert told == [(done, 7) for done in range(stop + 1)]
    with pytest.raises(
        ArchiveError,
        match=rf"unfinished bank: {stop} of 7 blocks are finished.*same arguments to resume",
    ):
        SampleBank(tmp_path / "b")

    told.clear()
    SampleBank.build(
        second, COUNTS, tmp_path / "b", on_block=lambda *done: told.append(done)
    ).verify()
    assert told == [(done, 7) for done in range(stop, 8)]
    assert first.generated == min(100, 16 * stop)
    assert first.generated + second.generated == 100
    assert files_of(tmp_path / "b") == files_of(bank.path)


@pytest.mark.parametrize("name", ["rows.bin", "blocks.bin"])
def test_incomplete_blocks_are_built_again(name: str, bank: SampleBank, tmp_path: Path) -> None:
    SampleBank.build_part(Tell(), COUNTS, tmp_path / "b", (0, 2))  # blocks 0, 1 and 2
    before = files_of(tmp_path / "b")
    data = bytearray(before[name])
    data[len(data) * 10 // 70] ^= 1  # of block 1
    (tmp_path / "b" / name).write_bytes(data)
    sampler, told = Tell(), []
    SampleBank.build(
        sampler, COUNTS, tmp_path / "b", on_block=lambda *done: told.append(done)
    ).verify()
    assert told[0] == (2, 7)
    assert sampler.generated == 100 - 32
    assert files_of(tmp_path / "b") == files_of(bank.path)


@pytest.mark.parametrize("name", ["rows.bin", "blocks.bin"])
@pytest.mark.parametrize(
    "damage", [None, b"", b"x" * 100, b"x" * 10_000], ids=["missing", "empty", "short", "long"]
)
def test_files_of_the_wrong_size_are_built_again(
    name: str, damage: bytes | None, bank: SampleBank, tmp_path: Path
) -> None:
    SampleBank.build_part(Tell(), COUNTS, tmp_path / "b", (0, 2))
    (tmp_path / "b" / name).unlink() if damage is None else (tmp_path / "b" / name).write_bytes(
        damage
    )
    with pytest.raises(ArchiveError, match=r"unfinished bank: \d+ of 7 blocks"):
        SampleBank(tmp_path / "b")
    SampleBank.build(Tell(), COUNTS, tmp_path / "b").verify()
    assert files_of(tmp_path / "b") == files_of(bank.path)


def test_a_relative_path_is_resolved_when_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    bank = SampleBank.build(Tell(), 10, "bank")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert bank.path == tmp_path / "bank"
    assert len(bank.rows(everything(bank))) == 10


def test_the_plan_is_renamed_without_hard_links(
    small_blocks: int, bank: SampleBank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(build_module.os, "link", link)
    SampleBank.build(Tell(), COUNTS, tmp_path / "b")
    assert files_of(tmp_path / "b") == files_of(bank.path)
