"""The file of rows: wrong sizes and damaged bytes are errors."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gen_augment import ArchiveError, SampleBank
from tests.bank.toys import Tell, everything

COUNTS = {"a": 40, "b": 25, "c": 35}


@pytest.fixture
def bank(small_blocks: int, tmp_path: Path) -> SampleBank:
    return SampleBank.build(Tell(), COUNTS, tmp_path / "bank")


@pytest.mark.parametrize("size", [0, 1, 2399, 2401, 10_000])
def test_a_row_file_of_the_wrong_size_is_an_error(size: int, bank: SampleBank) -> None:
    os.truncate(bank.path / "rows.bin", size)
    message = f"has {size} bytes, not 2400: build the bank again"
    for use in (lambda: SampleBank(bank.path), lambda: bank.rows(np.arange(3)), bank.verify,
                lambda: SampleBank.build(Tell(), COUNTS, bank.path)):  # fmt: skip
        with pytest.raises(ArchiveError, match=message):
            use()


def test_a_row_file_truncated_under_an_open_bank_is_an_error(bank: SampleBank) -> None:
    bank.rows(everything(bank))
    os.truncate(bank.path / "rows.bin", 100)
    with pytest.raises(ArchiveError, match="has 100 bytes"):
        bank.verify()


def test_verify_finds_any_flipped_bit(bank: SampleBank) -> None:
    bank.verify()
    data = (bank.path / "rows.bin").read_bytes()
    for bit in np.random.default_rng(0).integers(0, 8 * len(data), 100):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        (bank.path / "rows.bin").write_bytes(damaged)
        first = bit // 8 // 24 // 16 * 16
        with pytest.raises(
            ArchiveError, match=f"rows {first} to {min(first + 15, 99)} are damaged"
        ):
            SampleBank(bank.path).verify()
    (bank.path / "rows.bin").write_bytes(data)
    SampleBank(bank.path).verify()


@pytest.mark.parametrize("name", ["rows.bin", "manifest.json"])
@pytest.mark.parametrize("instead", ["nothing", "folder", "link to nothing", "link to itself"])
def test_missing_files_are_an_error(name: str, instead: str, bank: SampleBank) -> None:
    file = bank.path / name
    file.unlink()
    if instead == "folder":
        file.mkdir()
    elif instead == "link to nothing":
        file.symlink_to(bank.path / "nowhere")
    elif instead == "link to itself":
        file.symlink_to(file)
    with pytest.raises(ArchiveError, match=name):
        SampleBank(bank.path)


def test_unreadable_rows_are_an_error(bank: SampleBank, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(np, "memmap", refuse)
    with pytest.raises(ArchiveError, match=r"rows.bin cannot be read: Permission denied"):
        bank.rows(np.arange(3))
